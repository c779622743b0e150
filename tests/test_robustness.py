"""Robustness: losses by hand with a fake scorer, what is kept, the command and its page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pneumo_core import robustness, robustness_cli
from pneumo_core.__main__ import main
from pneumo_core.calibration import probability
from pneumo_core.confusion import confusion_at
from pneumo_core.corruptions import CORRUPTIONS, corrupt
from pneumo_core.errors import DataError, RunError
from pneumo_core.evaluation import predict_logits
from pneumo_core.preprocess import Preprocess
from pneumo_core.robustness import (
    ROBUSTNESS_FILE,
    SEED,
    VERSIONS,
    Figures,
    Robustness,
    Spoilt,
    measure,
    measure_run,
    read_robustness,
    write_robustness,
)
from pneumo_core.robustness_cli import summary, table, write_page
from pneumo_core.runs import RUN_FILE, Run, read_run
from pneumo_core.splits import Split

BEGIN, END = "<!-- robustness: begin -->", "<!-- robustness: end -->"


def grey_split(levels: list[int], labels: list[int]) -> Split:
    """Flat films of 4 x 4 pixels, one grey level each."""
    names = tuple(map(str, range(len(levels))))
    return Split(
        ids=names,
        labels=np.array(labels),
        patients=names,
        groups=("",) * len(levels),
        read=lambda position: np.full((4, 4), levels[position] / 255, np.float32),
    )


def mean_grey(squares: np.ndarray) -> np.ndarray:
    """A scorer that calls bright films pneumonia."""
    return squares.mean((1, 2)) / 255


def found_of(**changes: object) -> Robustness:
    """Accuracy 0.9 when clean; 0.9 less a hundredth for each version's place in the list."""
    spoilt = tuple(
        Spoilt(name, severity, Figures(0.95, 0.9 - place / 100, 0.8, 0.7))
        for place, (name, severity) in enumerate(VERSIONS)
    )
    fields = {
        "weights_sha256": "ab",
        "data": "pneumoniamnist",
        "split": "test",
        "images": 624,
        "size": 28,
        "threshold": 0.5,
        "seed": 0,
        "date": "2026-01-02",
        "clean": Figures(0.99, 0.9, 0.85, 0.8),
        "spoilt": spoilt,
    }
    return Robustness(**{**fields, **changes})


# what is measured


@pytest.fixture
def two_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are enough where a network runs."""
    few = {name: CORRUPTIONS[name] for name in ("gaussian_blur", "brightness_down")}
    versions = tuple((name, severity) for name in few for severity in range(1, 6))
    monkeypatch.setattr(robustness_cli, "CORRUPTIONS", few)
    monkeypatch.setattr(robustness_cli, "VERSIONS", versions)
    monkeypatch.setattr(robustness, "VERSIONS", versions)


def test_figures_are_those_of_the_threshold_counted_by_hand():
    # Bright films are pneumonia; the last is a normal one that looks like it.
    split = grey_split([100, 110, 140, 150, 200, 160], [0, 0, 1, 1, 1, 0])
    clean, spoilt = measure(split, Preprocess(input_size=4), mean_grey, 0.5)
    by_version = {(one.corruption, one.severity): one.figures for one in spoilt}

    def figures(name: str, severity: int) -> list[float]:
        found = by_version[name, severity]
        return [found.accuracy, found.sensitivity, found.specificity]

    # Ranks: of 9 pairs only 160 above 140 and above 150 is wrong.
    assert clean.auc == pytest.approx(7 / 9)
    assert (clean.accuracy, clean.sensitivity, clean.specificity) == (5 / 6, 1, 2 / 3)
    # Half as bright, even 200 is below 127.5.
    assert figures("brightness_down", 5) == [3 / 6, 0, 1]
    # 0.9: 140 falls to 126, below 127.5; 150 stays at 135 and 160 at 144.
    assert figures("brightness_down", 1) == [4 / 6, 2 / 3, 2 / 3]
    # 1.2: 110 rises to 132 and 100 to 120.
    assert figures("brightness_up", 2) == [4 / 6, 1, 1 / 3]
    assert by_version["brightness_up", 2].auc == pytest.approx(7 / 9)
    # Flat films have neither detail to lose nor contrast.
    for untouched in ("pixelate", "gaussian_blur", "contrast_up", "contrast_down"):
        assert all(by_version[untouched, severity] == clean for severity in range(1, 6))


def test_every_version_is_measured_once_and_reported():
    steps = []
    _, spoilt = measure(
        grey_split([10, 200], [0, 1]),
        Preprocess(input_size=4),
        mean_grey,
        0.5,
        step=lambda: steps.append(1),
    )
    assert [(one.corruption, one.severity) for one in spoilt] == list(VERSIONS)
    assert len(VERSIONS) == 13 * 5
    assert len(steps) == 1 + 13 * 5


def test_the_scorer_gets_what_corrupt_makes_of_the_squares():
    split = grey_split([60, 90, 180], [0, 0, 1])
    seen = []

    def scorer(squares: np.ndarray) -> np.ndarray:
        seen.append(squares)
        return mean_grey(squares)

    measure(split, Preprocess(input_size=8, source_size=4), scorer, 0.5, seed=9)
    squares = np.stack([np.full((4, 4), level, np.uint8) for level in (60, 90, 180)])
    assert np.array_equal(seen[0], squares)
    for got, (name, severity) in zip(seen[1:], VERSIONS, strict=True):
        assert np.array_equal(got, corrupt(squares, name, severity, 9))


def test_films_are_spoilt_before_they_are_equalised():
    rng = np.random.default_rng(1)
    films = rng.integers(60, 120, (2, 16, 16)).astype(np.uint8)
    split = replace(grey_split([0, 0], [0, 1]), read=lambda i: films[i].astype(np.float32) / 255)
    preprocess = Preprocess(input_size=16, equalise="histogram")
    seen = []

    def scorer(squares: np.ndarray) -> np.ndarray:
        seen.append(squares)
        return mean_grey(squares)

    measure(split, preprocess, scorer, 0.5)
    assert np.array_equal(seen[0], split.squares(preprocess))
    darker = corrupt(films, "brightness_down", 5)
    expected = [preprocess.square(film.astype(np.float32) / 255) for film in darker]
    place = 1 + VERSIONS.index(("brightness_down", 5))
    assert np.array_equal(seen[place], np.stack(expected))
    # The other way round, white would be at 128.
    assert seen[place].max() == 255


def test_a_split_of_one_class_is_refused():
    with pytest.raises(DataError, match="normal and pneumonia"):
        measure(grey_split([1, 2], [1, 1]), Preprocess(input_size=4), mean_grey, 0.5)


def test_losses_mean_and_worst_by_hand():
    found = found_of()
    assert found.losses("pixelate") == pytest.approx([0, 1, 2, 3, 4])
    assert found.losses("gamma_down") == pytest.approx([60, 61, 62, 63, 64])
    assert found.mean_loss == pytest.approx(32)
    assert (found.worst.corruption, found.worst.severity) == ("gamma_down", 5)


def test_a_gain_counts_against_the_losses():
    better = [replace(one, figures=Figures(1, 1, 1, 1)) for one in found_of().spoilt]
    found = found_of(spoilt=tuple(better))
    assert found.mean_loss == pytest.approx(-10)


# what is kept


def test_json_and_back():
    found = found_of()
    assert Robustness.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.pop("clean"),
        lambda content: content.update(images="many"),
        lambda content: content["spoilt"].pop(),
        lambda content: content["spoilt"][0].update(corruption="fog"),
        lambda content: content["spoilt"][3]["figures"].update(auc=None),
    ],
)
def test_json_that_is_no_robustness_is_refused(spoil):
    content = found_of().to_json()
    content["spoilt"] = list(content["spoilt"])
    spoil(content)
    with pytest.raises(DataError):
        Robustness.from_json(content)


@pytest.fixture
def place(tiny_run: Run, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny run, as the only one there is."""
    copy = shutil.copytree(tiny_run.path, tmp_path / "weights" / "tiny")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(copy.parent))
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    return copy


def own(run: Run, **changes: object) -> Robustness:
    """Figures that belong to the run."""
    threshold = run.operating_point.threshold
    return found_of(
        **{"weights_sha256": run.weights_sha256, "threshold": threshold, **changes},
    )


def test_what_was_measured_is_kept_for_each_split(place):
    run = read_run(place)
    assert read_robustness(run) is None
    val, test = own(run, split="val", images=4), own(run)
    write_robustness(run, val)
    assert read_robustness(run) is None
    write_robustness(run, test)
    assert read_robustness(run, "val") == val
    assert read_robustness(run) == test


def test_figures_of_other_weights_or_another_threshold_are_stale(place):
    run = read_run(place)
    write_robustness(run, own(run, weights_sha256="0" * 64))
    assert read_robustness(run) is None
    write_robustness(run, own(run, threshold=run.operating_point.threshold / 2))
    assert read_robustness(run) is None


@pytest.mark.parametrize("text", ["", "[]", '{"test": {}}', '{"test": 3}', "[" * 100_000])
def test_a_damaged_file_says_so_and_is_replaced(place, text):
    run = read_run(place)
    (place / ROBUSTNESS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"tiny: robustness\.json is damaged: delete it"):
        read_robustness(run)
    found = own(run)
    write_robustness(run, found)
    assert read_robustness(run) == found


@pytest.mark.usefixtures("two_corruptions")
def test_a_run_is_measured_with_its_weights_temperature_and_threshold(place, tiny_dataset):
    run = read_run(place)
    found = measure_run(run, tiny_dataset, "test")
    assert found.weights_sha256 == run.weights_sha256
    assert (found.images, found.size, found.split, found.data) == (24, 32, "test", "chest_xray")
    stated = run.metrics["test"]
    for key in ("auc", "accuracy", "sensitivity", "specificity"):
        assert getattr(found.clean, key) == pytest.approx(stated[key][0], abs=1e-9)
    by_version = {(one.corruption, one.severity): one.figures for one in found.spoilt}
    # Darkened by half, and then the way of every film; which way that moves the scores differs with
    # the CPU that trained so small a network.
    split = tiny_dataset.splits["test"]
    dark = corrupt(split.squares(run.preprocess), "brightness_down", 5, SEED)
    logits = predict_logits(run.load_model(), run.preprocess, dark, flip_average=run.flip_average)
    chances = probability(logits, run.temperature)
    counts = confusion_at(split.labels, chances, run.operating_point.threshold)
    darkened = by_version["brightness_down", 5]
    assert darkened.sensitivity == counts.sensitivity
    assert darkened.specificity == counts.specificity
    assert darkened.accuracy == counts.accuracy
    assert darkened != found.clean
    assert found == measure_run(run, tiny_dataset, "test")


# words and tables


def test_the_table_has_a_row_for_each_corruption():
    header, *rows = table(found_of())
    assert len(rows) == len(CORRUPTIONS)
    first = dict(zip(header, rows[0], strict=True))
    assert first["Corruption"] == "Pixelation"
    assert first["Strengths"] == "0.8, 0.7, 0.6, 0.5, 0.4 share of the side"
    assert [first[f"Loss at {i}"] for i in range(1, 6)] == ["0.0", "1.0", "2.0", "3.0", "4.0"]
    assert first["Mean loss"] == "2.0"
    keys = ("AUC at 5", "Sensitivity at 5", "Specificity at 5")
    assert [first[key] for key in keys] == ["0.950", "0.800", "0.700"]


def test_gains_have_a_minus_sign_and_zero_has_none():
    better = Figures(0.95, 0.9004, 0.8, 0.7)
    best = Figures(0.95, 0.95, 0.8, 0.7)
    first, second, *others = found_of().spoilt
    changed = (replace(first, figures=better), replace(second, figures=best), *others)
    row = table(found_of(spoilt=changed))[1]
    assert row[2:4] == ["0.0", "−5.0"]


def test_the_summary_names_mean_and_worst():
    assert summary(found_of()) == (
        "Clean, at threshold 0.500: accuracy 0.900, sensitivity 0.850, specificity 0.800, "
        "AUC 0.990. Mean loss of accuracy over 65 versions: 32.0 points. "
        "Worst: Gamma down, severity 5, 64.0 points (accuracy 0.260)."
    )


def test_a_page_is_renewed_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nformer\n{END}\n\nThe rest – stays.\n", encoding="utf-8")
    write_page(page, "tiny", found_of())
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\n{BEGIN}\n\nRun `tiny`, pneumoniamnist test, 624 images, ")
    assert text.endswith(f"{END}\n\nThe rest – stays.\n")
    assert "former" not in text
    assert "| Gamma down | 0.9, 0.8, 0.7, 0.6, 0.4 exponent | 60.0 | 61.0 |" in text
    write_page(page, "tiny", found_of())
    assert page.read_text(encoding="utf-8") == text


def test_a_new_page_is_made_and_an_unmarked_one_refused(tmp_path):
    page = tmp_path / "page.md"
    write_page(page, "tiny", found_of())
    assert page.read_text(encoding="utf-8").startswith(BEGIN)
    page.write_text("# Mine\n", encoding="utf-8")
    with pytest.raises(DataError, match="no place for the table"):
        write_page(page, "tiny", found_of())
    assert page.read_text(encoding="utf-8") == "# Mine\n"
    with pytest.raises(DataError, match="make it first"):
        write_page(tmp_path / "none" / "page.md", "tiny", found_of())


# the command


@pytest.mark.usefixtures("two_corruptions")
def test_the_command_measures_prints_and_keeps(place, tmp_path, capsys):
    page = tmp_path / "page.md"
    assert main(["robustness", "--split", "val", "--markdown", str(page)]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no bar where the output is a file"
    run = read_run(place)
    found = read_robustness(run, "val")
    assert found is not None
    assert len(found.spoilt) == 10
    assert summary(found) in out
    assert f"Kept in {place / ROBUSTNESS_FILE}." in out
    assert out.startswith("Corruption")
    assert summary(found) in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("two_corruptions")
def test_what_cannot_be_done_is_said_before_measuring(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(robustness_cli, "measure_run", lambda *_: pytest.fail("measured"))
    (tmp_path / "mine.md").write_text("mine", encoding="utf-8")
    assert main(["robustness", "tiny", "--markdown", str(tmp_path / "mine.md")]) == 1
    assert "has no place for the table" in capsys.readouterr().err
    assert main(["robustness", "none"]) == 1
    assert "no run 'none'" in capsys.readouterr().err
    assert main(["robustness", "tiny", "--data", str(tmp_path)]) == 1
    assert "check --data" in capsys.readouterr().err
    assert place.exists()


@pytest.mark.usefixtures("two_corruptions")
def test_figures_on_other_data_are_not_kept(place, tmp_path, capsys):
    content = json.loads((place / RUN_FILE).read_text(encoding="utf-8"))
    content["data"]["fingerprint"] = "files:0"
    (place / RUN_FILE).write_text(json.dumps(content), encoding="utf-8")
    page = tmp_path / "page.md"
    assert main(["robustness", "tiny", "--markdown", str(page)]) == 0
    out, err = capsys.readouterr()
    assert "not the data the run was trained on: what is measured is not kept" in err
    assert "Mean loss of accuracy" in out
    assert not (place / ROBUSTNESS_FILE).exists()
    assert not page.exists()


def test_figures_only_cannot_be_measured(place, capsys):
    (place / "model.safetensors").unlink()
    assert main(["robustness", "tiny"]) == 1
    assert "figures only" in capsys.readouterr().err
