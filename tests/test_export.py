import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pneumo_core import CLASS_NAMES, NOTICE, PneumoniaDetector, export
from pneumo_core.__main__ import main
from pneumo_core.architectures import ModelSpec, create_model
from pneumo_core.errors import DataError, RunError
from pneumo_core.evaluation import predict_logits
from pneumo_core.export import Parity, check_squares, compare, export_onnx, resize_matrix
from pneumo_core.files import sha256_of
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.preprocess import Preprocess
from pneumo_core.runs import WEIGHTS_FILE, Run

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def inferred(path: Path, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and probabilities that a user of the file gets for squares (N, S, S) in [0, 1]."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logit", "probability"], {"squares": grey[:, None].astype(np.float32)})


@pytest.fixture(scope="module")
def exported(tiny_run, tiny_data, tmp_path_factory) -> tuple[Path, Parity]:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    return path, export_onnx(tiny_run, path, tiny_data)


@pytest.fixture(scope="module")
def colour_run(tiny_run, tmp_path_factory) -> Run:
    """An untrained ensemble with all that the tiny run lacks: resizing, channels, outputs."""
    from safetensors.torch import save_file

    spec = ModelSpec("cnn", channels=3, outputs=3, stem="small", members=2)
    torch.manual_seed(3)
    model = create_model(spec)
    with torch.no_grad():  # settles the batch norms' statistics, as training would
        model.train()(torch.randn(64, 3, 48, 48))
    folder = tmp_path_factory.mktemp("colour")
    save_file(model.state_dict(), folder / WEIGHTS_FILE)
    return replace(
        tiny_run,
        path=folder,
        model=spec,
        preprocess=Preprocess(48, 28, channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        flip_average=False,
        temperature=0.25,
        weights_sha256=sha256_of(folder / WEIGHTS_FILE),
    )


def test_the_file_gives_the_scores_that_the_run_states(exported, tiny_run, tiny_dataset):
    squares = tiny_dataset.splits["test"].squares(tiny_run.preprocess) / 255
    stated = tiny_run.scores("test")
    for batch in (1, 5, len(squares)):
        logits, probabilities = inferred(exported[0], squares[:batch])
        np.testing.assert_allclose(logits, stated["logit"][:batch], atol=1e-5)
        np.testing.assert_allclose(probabilities, stated["probability"][:batch], atol=1e-5)
    assert stated["logit"].std() > 0.5  # else any file would do


def test_the_check_states_what_it_compared(exported):
    parity = exported[1]
    assert parity.holds
    assert (parity.images, parity.verdicts, parity.points) == (24, 0, 4)
    assert max(parity.logit, parity.probability) < 1e-5
    assert "the 24 test images of Kermany chest X-rays" in parity.sentence
    assert "0 of 24 at 4 operating points" in parity.sentence


def test_a_film_prepared_as_the_file_says_gets_the_detectors_probability(
    exported, tiny_run, tiny_data
):
    film = sorted((tiny_data / "chest_xray" / "test" / "PNEUMONIA").iterdir())[0]
    image = Image.open(film).convert("F")
    left = (image.width - image.height) // 2
    square = image.crop((left, 0, left + image.height, image.height))
    square = np.asarray(square.resize((32, 32), Image.Resampling.BILINEAR)).round() / 255
    verdict = PneumoniaDetector(tiny_run).predict(film)
    assert inferred(exported[0], square[None])[1] == pytest.approx(verdict.probability, abs=1e-6)


def test_resizing_channels_outputs_and_members_are_in_the_graph(colour_run, tmp_path):
    squares = np.random.default_rng(5).integers(0, 256, (7, 28, 28), np.uint8)
    nowhere = {**colour_run.data, "name": "nowhere"}
    assert export_onnx(replace(colour_run, data=nowhere), tmp_path / "c.onnx").images == 256
    logits, probabilities = inferred(tmp_path / "c.onnx", squares / 255)
    expected = predict_logits(colour_run.load_model(), colour_run.preprocess, squares)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-expected / 0.25)), atol=1e-5)
    assert expected.std() > 1e-3


@pytest.mark.parametrize(("source", "size"), [(28, 32), (28, 224), (64, 48), (5, 3)])
def test_the_matrix_resizes_as_preprocess_does(source, size):
    preprocess = Preprocess(size, source)
    squares = np.random.default_rng(1).integers(0, 256, (2, source, source), np.uint8)
    matrix = resize_matrix(preprocess)
    grey = torch.from_numpy(squares)[:, None].float() / 255
    torch.testing.assert_close(matrix @ grey @ matrix.T, preprocess.resized(torch.tensor(squares)))


def test_the_file_says_how_to_use_it(exported, tiny_run):
    model = onnx.load(exported[0])
    said = {item.key: item.value for item in model.metadata_props}
    assert Preprocess.from_json(json.loads(said["preprocess"])) == tiny_run.preprocess
    assert json.loads(said["class_names"]) == list(CLASS_NAMES)
    assert json.loads(said["temperature"]) == tiny_run.temperature
    points = tuple(map(OperatingPoint.from_json, json.loads(said["operating_points"])))
    assert points == tiny_run.operating_points
    assert said["run"] == tiny_run.name
    assert said["weights_sha256"] == tiny_run.weights_sha256
    assert said["notice"] == NOTICE
    assert NOTICE in model.doc_string
    assert "centre square" in said["before_the_graph"]
    assert "32 × 32 pixels" in said["before_the_graph"]
    assert "Subtract 0.38 and divide by 0.12." in said["in_the_graph"]
    assert "mirror image" in said["in_the_graph"]


def test_words_name_every_step(colour_run):
    preprocess = replace(colour_run.preprocess, crop="pad", equalise="clahe", sharpen=0.5)
    outside = export.square_words(preprocess)
    inside = export.graph_words(replace(colour_run, preprocess=preprocess))
    steps = ["black bars", "28 × 28", "Round", "add 0.5 times", "CLAHE", "Divide by 255"]
    places = [outside.index(step) for step in steps]
    assert places == sorted(places)
    assert "Resize to 48 × 48" in inside
    assert "Subtract 0.4, 0.5, 0.6 and divide by 0.2, 0.3, 0.4 in each of three" in inside
    assert "temperature 0.25" in inside
    assert "mirror" not in inside


def test_a_file_that_differs_is_not_kept(
    tiny_run, tiny_data, tmp_path, tmp_path_factory, monkeypatch
):
    planted = tmp_path_factory.mktemp("planted") / "planted.onnx"
    export._write(replace(tiny_run, preprocess=replace(tiny_run.preprocess, mean=(0.37,))), planted)
    monkeypatch.setattr(export, "_write", lambda _, path: path.write_bytes(planted.read_bytes()))
    with pytest.raises(RunError, match=r"new\.onnx was not kept"):
        export_onnx(tiny_run, tmp_path / "new.onnx", tiny_data)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.onnx").write_text("old")
    with pytest.raises(RunError, match="logits differ by up to"):
        export_onnx(tiny_run, tmp_path / "old.onnx", tiny_data)
    assert (tmp_path / "old.onnx").read_text() == "old"


def test_the_check_sees_another_temperature_and_other_verdicts(exported, tiny_run, tiny_data):
    squares, source = check_squares(tiny_run, tiny_data)
    other = replace(tiny_run, temperature=tiny_run.temperature * 1.5)
    found = compare(other, exported[0], squares, source)
    assert found.logit < 1e-5
    assert found.probability > 0.01
    assert not found.holds

    scores = tiny_run.scores("test")
    # At a half no temperature changes a verdict, elsewhere it changes some.
    calibrated = 1 / (1 + np.exp(-scores["logit"] / other.temperature))

    def changed(point: float) -> int:
        return int(((scores["probability"] >= point) != (calibrated >= point)).sum())

    middle, expected = max(
        ((point, changed(point)) for point in np.linspace(0.05, 0.95, 91)), key=lambda at: at[1]
    )
    assert expected > 0
    shifted = replace(other, operating_points=(OperatingPoint("middle", middle, "by hand", ""),))
    assert compare(shifted, exported[0], squares, source).verdicts == expected


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"logit": 2e-4}, False),
        ({"probability": 2e-4}, False),
        ({"verdicts": 1}, False),
        ({"logit": math.nan}, False),
        ({"probability": math.nan}, False),
    ],
)
def test_what_may_stand_for_the_run(changes, holds):
    assert replace(Parity(9, "nine films", 5e-5, 5e-5, 0, 4), **changes).holds is holds


def test_without_the_data_random_squares_are_compared(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)
    squares, source = check_squares(tiny_run)
    assert squares.shape == (256, 32, 32)
    assert source == "256 random squares, as Kermany chest X-rays is not here"
    np.testing.assert_array_equal(squares, check_squares(tiny_run)[0])
    with pytest.raises(DataError, match="check --data"):
        check_squares(tiny_run, tmp_path)


def test_a_missing_package_is_named(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(RunError, match=r"needs onnxscript: run pip install onnxscript\."):
        export_onnx(tiny_run, tmp_path / "tiny.onnx")


def test_a_folder_that_is_not_there_is_named(tiny_run, tiny_data, tmp_path):
    with pytest.raises(RunError, match=r"tiny\.onnx cannot be written \(No such file"):
        export_onnx(tiny_run, tmp_path / "absent" / "tiny.onnx", tiny_data)


def test_the_command(tiny_run, tiny_data, tmp_path, capsys):
    target = tmp_path / "tiny.onnx"
    command = ["export", str(tiny_run.path), "--onnx", str(target), "--data", str(tiny_data)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "the 24 test images of Kermany chest X-rays" in said
    assert f"{target.stat().st_size / 1e6:.1f} MB" in said
    assert main([*command[:-1], str(tmp_path)]) == 1
    assert "check --data" in capsys.readouterr().err
