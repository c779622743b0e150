"""Similar known cases: the nearest by hand, and over a real run."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo_core.datasets import Dataset
from pneumo_core.features import stage_features
from pneumo_core.image_checks import Orientation
from pneumo_core.reference import Depth, Reference, read_reference
from pneumo_core.runs import Run
from pneumo_core.similar import ASKED, NEAREST, Neighbour, nearest, pneumonia_share


def _depth(stage: str, codes: list[list[float]], deviations: tuple[float, ...]) -> Depth:
    kept = len(codes[0])
    return Depth(
        stage=stage,
        mean=np.zeros(kept, np.float32),
        axes=np.eye(kept, dtype=np.float32),
        deviations=np.array(deviations, np.float32),
        noise=1.0,
        centre=0.0,
        spread=1.0,
        codes=np.array(codes, np.float16),
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(
        weights_sha256="",
        fingerprint="",
        square_size=28,
        ids=("a", "b", "c", "d"),
        labels=np.array([0, 1, 1, 0], np.uint8),
        depths=(
            _depth("early", [[0, 0], [2, 0], [0, 0], [4, 4]], (3, 1)),
            _depth("head", [[0, 0], [0, 0], [0, 1], [4, 4]], (0.5, 0.5)),
        ),
        distances=np.zeros(1, np.float32),
        unusual=1.0,
        foreign=2.0,
        orientation=Orientation(np.zeros((8, 64)), np.zeros(8), 0.0),
    )


def test_by_hand(reference):
    found = nearest(reference, np.array([1, 0, 0, 0], np.float32))
    # Weights 3/8, 1/8, 1/4 and 1/4; ties in the data set's order.
    assert found == (
        Neighbour("a", 0, pytest.approx((3 / 8) ** 0.5)),
        Neighbour("b", 1, pytest.approx((3 / 8) ** 0.5)),
        Neighbour("c", 1, pytest.approx((3 / 8 + 1 / 4) ** 0.5)),
        Neighbour("d", 0, pytest.approx((9 * 3 / 8 + 16 / 8 + 16 / 4 + 16 / 4) ** 0.5)),
    )


def test_as_many_as_asked_for_and_without_itself(reference):
    codes = np.zeros(4, np.float32)
    assert [each.id for each in nearest(reference, codes, 2)] == ["a", "c"]
    assert [each.id for each in nearest(reference, codes, 2, without=("a",))] == ["c", "b"]


def test_the_share_of_pneumonia(reference):
    found = nearest(reference, np.zeros(4, np.float32), 3)
    assert pneumonia_share(found) == pytest.approx(2 / 3)
    assert pneumonia_share(found[:1]) == 0


def test_a_training_image_is_its_own_nearest_and_labels_agree_mostly(
    tiny_run: Run, tiny_dataset: Dataset
):
    reference = read_reference(tiny_run)
    split = tiny_dataset.splits["train"]
    squares = split.squares(tiny_run.preprocess)
    codes = reference.encode(
        stage_features(
            tiny_run.load_model(), tiny_run.model, tiny_run.preprocess, squares, reference.stages
        )
    )
    for position in range(0, len(split), 7):
        first, *others = nearest(reference, codes[position], NEAREST)
        assert first.id == split.ids[position]
        assert first.label == split.labels[position]
        assert first.distance < 0.01 < others[0].distance
        assert [each.distance for each in others] == sorted(each.distance for each in others)
        left_out = nearest(reference, codes[position], NEAREST, without=(first.id,))
        assert left_out[:5] == tuple(others)
    shares = [
        pneumonia_share(nearest(reference, codes[i], ASKED, without=(split.ids[i],)))
        for i in range(len(split))
    ]
    assert np.mean([shares[i] for i in np.flatnonzero(split.labels == 1)]) > 0.6
    assert np.mean([shares[i] for i in np.flatnonzero(split.labels == 0)]) < 0.4


def test_two_training_images_picked_blindly_are_about_root_two_apart(tiny_run: Run):
    reference = read_reference(tiny_run)
    count = len(reference.ids)
    apart = [
        other.distance**2
        for position in range(count)
        for other in nearest(
            reference, reference.codes[position], count, without=(reference.ids[position],)
        )
    ]
    assert len(apart) == count * (count - 1)
    assert np.sqrt(np.mean(apart)) == pytest.approx(2**0.5, abs=0.03)


def test_the_scale_of_features_does_not_matter(reference):
    """Features of twice the size have twice the deviations."""
    depth = reference.depths[0]
    doubled = replace(depth, deviations=2 * depth.deviations)
    features = np.array([[1.0, 3.0]], np.float32)
    np.testing.assert_array_equal(depth.encode(features), doubled.encode(2 * features))
    codes = np.array([0.5, 1, 0, 0], np.float32)
    other = replace(reference, depths=(doubled, reference.depths[1]))
    assert nearest(other, codes) == nearest(reference, codes)
