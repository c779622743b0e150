"""What a run keeps of its training images: the Gaussian, the limits, the file."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pneumo_core.__main__ import main
from pneumo_core.architectures import ARCHITECTURES, ModelSpec
from pneumo_core.datasets import Dataset
from pneumo_core.errors import RunError
from pneumo_core.features import pooled_features, stage_features
from pneumo_core.reference import (
    FEATURES_FILE,
    Depth,
    Reference,
    compute_reference,
    read_reference,
    reference_stages,
    write_reference,
)
from pneumo_core.runs import Run


@pytest.fixture(scope="module")
def reference(tiny_run: Run) -> Reference:
    """The one that training left beside the tiny run."""
    found = read_reference(tiny_run)
    assert found is not None
    return found


@pytest.fixture
def copy(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run in a folder of its own."""
    return replace(tiny_run, path=Path(shutil.copytree(tiny_run.path, tmp_path / "tiny")))


def _by_hand() -> Depth:
    """Two directions of deviation 2 and 1, all others 0.5; distances as they are."""
    return Depth(
        stage="head",
        mean=np.array([1, 0, 0], np.float32),
        axes=np.eye(3, dtype=np.float32)[:, :2],
        deviations=np.array([2, 1], np.float32),
        noise=0.5,
        centre=0.0,
        spread=1.0,
        codes=np.empty((0, 2), np.float16),
    )


def test_distance_and_code_by_hand():
    features = np.array([[5, 1, 1], [1, 0, 0.5]], np.float32)
    np.testing.assert_allclose(_by_hand().encode(features), [[2, 1], [0, 0]])
    # (4 / 2) ** 2 + (1 / 1) ** 2 + (1 / 0.5) ** 2 = 9
    np.testing.assert_allclose(np.exp(_by_hand().distances(features)), [9, 1], rtol=1e-6)
    scaled = replace(_by_hand(), centre=float(np.log(3)), spread=2.0)
    np.testing.assert_allclose(scaled.distances(features)[0], np.log(3) / 2, rtol=1e-6)


def test_the_covariance_is_that_of_probabilistic_pca(tiny_run, tiny_dataset, reference):
    """Against scikit-learn, which implements Tipping and Bishop's model, on the same features."""
    from sklearn.decomposition import PCA

    split = tiny_dataset.splits["train"]
    squares = split.squares(tiny_run.preprocess)
    features = pooled_features(tiny_run.load_model(), tiny_run.model, tiny_run.preprocess, squares)
    depth = reference.depths[1]
    kept = depth.axes.shape[1]
    pca = PCA(kept, svd_solver="covariance_eigh").fit(features.astype(np.float64))
    np.testing.assert_allclose(depth.deviations**2, pca.explained_variance_, rtol=1e-3)
    # scikit-learn averages over the rank, we over all directions: equal where D < N.
    unlike = np.mean(np.linalg.eigvalsh(np.cov(features.T.astype(np.float64)))[:-kept])
    np.testing.assert_allclose(depth.noise**2, unlike, rtol=1e-3)
    away = features[:5].astype(np.float64) - pca.mean_
    along = away @ pca.components_.T
    rest = (away**2).sum(1) - (along**2).sum(1)
    expected = (along**2 / pca.explained_variance_).sum(1) + rest / unlike
    found = np.exp(depth.distances(features[:5]) * depth.spread + depth.centre)
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_it_is_of_the_training_images_and_the_runs_weights(reference, tiny_run, tiny_dataset):
    train = tiny_dataset.splits["train"]
    assert reference.ids == train.ids
    assert reference.labels.tolist() == train.labels.tolist()
    assert reference.weights_sha256 == tiny_run.weights_sha256
    assert reference.fingerprint == tiny_dataset.fingerprint
    assert reference.square_size == 32
    assert reference.stages == ("block2", "head")


def test_codes_are_what_encode_gives_of_the_training_images(reference, tiny_run, tiny_dataset):
    squares = tiny_dataset.splits["train"].squares(tiny_run.preprocess)
    model = tiny_run.load_model()
    features = stage_features(model, tiny_run.model, tiny_run.preprocess, squares, reference.stages)
    np.testing.assert_allclose(reference.encode(features), reference.codes, atol=0.01)
    # In standard deviations of the training images.
    np.testing.assert_allclose(reference.codes.std(axis=0, ddof=1), 1, atol=0.02)
    np.testing.assert_allclose(reference.codes.mean(axis=0), 0, atol=0.01)


def test_limits_come_from_validation(reference, tiny_run, tiny_dataset):
    squares = tiny_dataset.splits["val"].squares(tiny_run.preprocess)
    model = tiny_run.load_model()
    features = stage_features(model, tiny_run.model, tiny_run.preprocess, squares, reference.stages)
    found = np.sort(reference.novelty(features))
    np.testing.assert_allclose(reference.distances, found, atol=1e-4)
    assert reference.unusual == pytest.approx(found[-1], abs=1e-4)  # 99 % of eight is all
    assert reference.foreign == pytest.approx(found[-1] + 2 * found.std(), abs=1e-4)
    for depth, each in zip(reference.depths, features, strict=True):
        distances = depth.distances(each)
        assert np.median(distances) == pytest.approx(0, abs=1e-4)
        assert distances.std() == pytest.approx(1, abs=1e-4)


def test_percentile_counts_validation_images_that_lie_nearer(reference):
    made = replace(reference, distances=np.array([-1, 0, 1, 2], np.float32))
    assert [made.percentile(x) for x in (-2, 0.5, 1.5, 9)] == [0, 50, 75, 100]


def test_an_images_own_square_of_noise_lies_farther_than_films(reference, tiny_run):
    noise = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    features = stage_features(
        tiny_run.load_model(), tiny_run.model, tiny_run.preprocess, noise, reference.stages
    )
    assert (reference.novelty(features) > reference.foreign).all()


def test_what_is_written_is_read(copy, reference):
    names = tuple(f"ü-{i}" for i in range(len(reference.ids)))
    changed = replace(reference, unusual=0.125, ids=names)
    write_reference(copy, changed)
    found = read_reference(copy)
    assert found is not None
    assert (found.unusual, found.ids, found.stages) == (0.125, changed.ids, reference.stages)
    for ours, theirs in zip(found.depths, reference.depths, strict=True):
        assert ours.codes.dtype == np.float16
        np.testing.assert_array_equal(ours.codes, theirs.codes)
        np.testing.assert_array_equal(ours.axes, theirs.axes)
        assert (ours.centre, ours.noise) == (theirs.centre, theirs.noise)
    film = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    np.testing.assert_array_equal(found.orientation.weights, reference.orientation.weights)
    assert found.orientation.guess(film) == reference.orientation.guess(film)
    assert [path.name for path in copy.path.glob("*.tmp")] == []


def test_the_file_holds_no_pickle(copy):
    with np.load(copy.path / FEATURES_FILE, allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive.files} <= {"f", "i", "u", "U"}


def test_a_run_without_the_file_has_none(copy):
    (copy.path / FEATURES_FILE).unlink()
    assert read_reference(copy) is None


def test_a_file_of_other_weights_is_stale(copy):
    assert read_reference(replace(copy, weights_sha256="0" * 64)) is None


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "pickle", "shapes", "infinite"])
def test_a_damaged_file_says_what_to_do(copy, reference, damage):
    path = copy.path / FEATURES_FILE
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "text":
        path.write_text("features")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "pickle":
        np.savez(path, schema=np.array([{}], dtype=object))
    elif damage == "shapes":
        write_reference(copy, replace(reference, labels=reference.labels[1:]))
    else:
        broken = replace(reference.depths[0], mean=reference.depths[0].mean * np.nan)
        write_reference(copy, replace(reference, depths=(broken, reference.depths[1])))
    with pytest.raises(RunError, match=r"damaged: write it anew with python -m pneumo_core ref"):
        read_reference(copy)


def test_the_command_writes_it_anew(copy, tiny_data, reference, capsys):
    (copy.path / FEATURES_FILE).unlink()
    assert main(["reference", str(copy.path), "--data", str(tiny_data)]) == 0
    assert capsys.readouterr().out == f"Kept in {copy.path / FEATURES_FILE}.\n"
    found = read_reference(copy)
    assert found is not None
    np.testing.assert_array_equal(found.distances, reference.distances)


def test_the_command_refuses_other_data(copy, tmp_path, tiny_data, capsys):
    other = Path(shutil.copytree(tiny_data, tmp_path / "other"))
    next((other / "chest_xray" / "train" / "NORMAL").iterdir()).unlink()
    before = (copy.path / FEATURES_FILE).read_bytes()
    assert main(["reference", str(copy.path), "--data", str(other)]) == 1
    assert "was trained on other data" in capsys.readouterr().err
    assert (copy.path / FEATURES_FILE).read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_one_sentence(copy, reference):
    missing = replace(copy, path=copy.path / "absent")
    with pytest.raises(RunError, match=r"features\.npz cannot be written"):
        write_reference(missing, reference)


def test_every_architecture_has_two_depths():
    for name, architecture in ARCHITECTURES.items():
        middle, head = reference_stages(ModelSpec(name))
        assert head == "head"
        assert middle in architecture.cam_stages[1:-1], name
    assert reference_stages(ModelSpec("resnet18"))[0] == "layer2"


def test_an_ensembles_depths_hold_all_members(tiny_run: Run, tiny_dataset: Dataset, tmp_path):
    import torch

    from pneumo_core.architectures import create_model
    from pneumo_core.files import sha256_of
    from pneumo_core.publishing import save_weights
    from pneumo_core.runs import WEIGHTS_FILE

    torch.manual_seed(0)
    spec = replace(tiny_run.model, members=2)
    save_weights(tmp_path / WEIGHTS_FILE, create_model(spec).state_dict())
    digest = sha256_of(tmp_path / WEIGHTS_FILE)
    both = replace(tiny_run, path=tmp_path, model=spec, weights_sha256=digest)
    counted: list[int] = []
    found = compute_reference(both, tiny_dataset, counted.append)
    assert [len(depth.mean) for depth in found.depths] == [128, 512]
    assert sum(counted) == 88
    write_reference(both, found)
    assert read_reference(both) is not None
