"""Brightness by hand, shifts between splits, and planted shortcuts."""

import numpy as np
import pytest

from pneumo_core.audit import Audit, audit
from pneumo_core.audit_measures import measure, nearly_identical
from pneumo_core.audit_report import audit_summary, audit_text
from pneumo_core.audit_shortcuts import (
    Shift,
    Shortcut,
    SplitAuc,
    intensities,
    standardised_difference,
)
from pneumo_core.intervals import Estimate, auc_delong, complement
from tests.test_audit import Row, made, made_split, noise

# Intensity


def test_every_image_has_the_same_weight_in_the_brightness_of_a_split():
    quarter = np.full((40, 40), 204 / 255, np.float32)
    quarter[:10] = 51 / 255
    split = made_split("train", [(0, "", quarter), (1, "", np.zeros((80, 80), np.float32))])
    everything, normal, pneumonia = intensities("train", split, measure(split, None))
    assert (normal.split, normal.label, normal.mean) == ("train", "normal", pytest.approx(0.65))
    assert normal.sd == pytest.approx(np.sqrt(0.25 * 0.45**2 + 0.75 * 0.15**2))
    assert normal.percentiles == pytest.approx((0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8))
    assert (pneumonia.label, pneumonia.mean, pneumonia.sd) == ("pneumonia", 0, 0)
    assert everything.mean == pytest.approx(0.325)
    assert everything.percentiles == pytest.approx((0, 0, 0, 0, 0.8, 0.8, 0.8))


def test_the_standardised_difference_of_a_worked_example():
    a, b = np.tile([1.0, 3.0], 10), np.tile([4.0, 6.0], 10)
    each = np.arange(20)
    found = standardised_difference((a, each), (b, each))
    # Both variances are 20/19, so d = 3 / sqrt(20/19), and d squared 8.55.
    half = 1.96 * np.sqrt(1 / 20 + 1 / 20 + 8.55 / 80)
    expected = [2.92404, 2.92404 - half, 2.92404 + half]
    assert found.to_json() == pytest.approx(expected, abs=1e-4)
    paired = standardised_difference((a, each // 2), (b, each))
    half = 1.96 * np.sqrt(1 / 10 + 1 / 20 + 8.55 / 60)
    assert paired.high == pytest.approx(2.92404 + half, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "patients", "defined"),
    [
        (range(10), range(10), True),
        ([1] * 10, range(10), False),
        (range(10), [*range(9), 0], False),
    ],
)
def test_a_standardised_difference_needs_patients_and_variation(values, patients, defined):
    side = (np.array(values, float), np.array(patients))
    assert (standardised_difference(side, side).value == 0) is defined
    assert (standardised_difference(side, side).value is None) is not defined


@pytest.mark.parametrize(
    ("estimate", "flagged"),
    [
        ((0.3, 0.11, 0.5), True),
        ((-0.3, -0.5, -0.11), True),
        ((0.3, 0.09, 0.5), False),
        ((-0.3, -0.5, -0.09), False),
        ((None, None, None), False),
    ],
)
def test_a_shift_is_flagged_when_its_interval_is_beyond_the_level(estimate, flagged):
    assert Shift("train", "test", "mean", "all", Estimate(*estimate)).flagged is flagged


def test_a_darker_class_in_test_is_found_and_said():
    def rows(seed, dark):
        return [
            (label, f"{seed}-{i}", noise(1000 * seed + i) * (0.5 if dark and label else 1))
            for i in range(40)
            for label in (i % 2,)
        ]

    found = audit(made(rows(1, False), rows(2, False), rows(3, True)))
    flagged = {(s.first, s.second, s.feature, s.label) for s in found.shifts if s.flagged}
    for feature in ("mean", "contrast"):
        for first in ("train", "val"):
            assert (first, "test", feature, "pneumonia") in flagged
            assert (first, "test", feature, "normal") not in flagged
    assert any(
        line.startswith("The mean intensity of pneumonia images is lower in test than in training")
        for line in audit_summary(found)
    )


def test_a_shift_that_prevalence_alone_explains_is_not_said():
    def rows(seed, positive):
        return [
            (label, f"{seed}-{i}", noise(1000 * seed + i) * (0.5 if label else 1))
            for i in range(40)
            for label in (int(i < positive),)
        ]

    found = audit(made(rows(1, 30), rows(2, 30), rows(3, 10)))
    flagged = {(s.first, s.second, s.label) for s in found.shifts if s.flagged}
    assert flagged == {("train", "test", "all"), ("val", "test", "all")}
    assert any(line.startswith("Within a class, neither") for line in audit_summary(found))


# What is measured


def test_brightness_of_border_and_corners_by_hand():
    pixels = np.zeros((56, 84), np.float32)
    pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:] = 1, 1, 1, 1
    split = made_split("train", [(0, "", pixels)])
    found = {key: values[0] for key, values in measure(split, None).features.items()}
    ring = (56 * 84 - 52 * 80) / (56 * 84)
    assert found == pytest.approx(
        {
            "aspect": 1.5,
            "pixels": 56 * 84,
            "border": 1,
            "corners": (49 - 25) / 49,  # 7 x 7, of which two rows and two columns are bright
            "mean": ring,
            "contrast": np.sqrt(ring * (1 - ring)),
        }
    )


def test_nearly_identical_finds_the_most_alike_and_ignores_blank_pictures():
    rng = np.random.default_rng(0)
    first = rng.random((600, 784), dtype=np.float32)
    second = rng.random((600, 784), dtype=np.float32)
    second[590] = first[3] * 0.5 + 0.2  # brightness and contrast do not matter
    second[7] = first[599] + rng.normal(0, 0.005, 784)
    second[8] = first[599] + rng.normal(0, 0.05, 784)
    second[9] = first[9] = 0.3
    assert nearly_identical(first, second, 0.999) == [(599, 7), (3, 590)]
    assert nearly_identical(first, second, 0.98) == [(599, 7), (599, 8), (3, 590)]
    assert nearly_identical(first[:0], second, 0.9) == []


# Shortcuts


def shaped(seed: int, wide: int | None, count: int = 60) -> list[Row]:
    """Films of two shapes: class `wide` is wider than high; None for no connexion."""
    rows = []
    for i in range(count):
        label = i % 2
        is_wide = label == wide if wide is not None else i % 4 < 2
        pixels = noise(1000 * seed + i, 20, 30 if is_wide else 20)
        rows.append((label, f"{seed}-{i}", pixels))
    return rows


def found_aspect(train: int | None, test: int | None) -> tuple[Audit, Shortcut]:
    found = audit(made(shaped(1, train), shaped(2, train), shaped(3, test)))
    return found, next(one for one in found.shortcuts if one.feature == "aspect")


def test_a_planted_aspect_ratio_is_a_shortcut():
    found, aspect = found_aspect(1, 1)
    assert aspect.flagged
    assert aspect.splits["test"].direction == "higher"
    # Wilson's interval of 30 of 30: no proof of perfection.
    assert aspect.splits["test"].auc.to_json() == pytest.approx([1, 0.8865, 1], abs=1e-4)
    assert {one.feature for one in found.shortcuts if one.flagged} == {"aspect", "pixels"}
    said = audit_summary(found)
    at = said.index(
        "Aspect ratio (width / height) alone tells the label: higher in pneumonia, AUC 1.000 "
        "(0.886 to 1.000) on training, 1.000 (0.886 to 1.000) on test."
    )
    assert said[at + 1].startswith("Crop the images to one shape")


def test_an_area_below_a_half_is_turned_and_said():
    _, aspect = found_aspect(0, 0)
    assert aspect.flagged
    assert {one.direction for one in aspect.splits.values()} == {"lower"}
    assert aspect.splits["train"].auc.to_json() == pytest.approx([1, 0.8865, 1], abs=1e-4)


def test_areas_count_patients_not_images():
    rng = np.random.default_rng(1)
    rows = [(i % 2, f"{i % 20}", noise(i, 20, int(rng.integers(20, 60)))) for i in range(60)]
    dataset = made(rows, shaped(2, 1), shaped(3, 1))
    found = audit(dataset).shortcuts[0].splits["train"].auc
    labels = [label for label, _, _ in rows]
    widths = [pixels.shape[1] for _, _, pixels in rows]
    patients = [patient for _, patient, _ in rows]
    by_patient = auc_delong(labels, widths, patients)
    turned = by_patient if by_patient.value >= 0.5 else complement(by_patient)
    assert found == turned
    assert found.high - found.low != pytest.approx(
        auc_delong(labels, widths).high - auc_delong(labels, widths).low, abs=1e-3
    )


@pytest.mark.parametrize("test", [0, None])
def test_what_does_not_hold_on_test_is_no_shortcut(test):
    found, aspect = found_aspect(1, test)
    assert aspect.splits["train"].auc.value == 1
    assert not aspect.flagged
    assert not any("Aspect ratio" in line for line in audit_summary(found))


@pytest.mark.parametrize(("low", "flagged"), [(0.61, True), (0.6, False)])
def test_the_lower_limit_on_training_decides(low, flagged):
    train = SplitAuc(Estimate(0.7, low, 0.8), "lower")
    test = SplitAuc(Estimate(0.55, 0.51, 0.6), "lower")
    assert Shortcut("border", {"train": train, "test": test}).flagged is flagged


def test_a_split_of_one_class_has_no_area():
    rows = [(1, f"x{i}", noise(i, 20, 20 + i)) for i in range(5)]
    found = audit(made(shaped(1, 1), shaped(2, 1), rows))
    aspect = found.shortcuts[0]
    assert aspect.splits["test"] == SplitAuc(Estimate(None, None, None), "")
    assert not aspect.flagged
    assert "undefined" in audit_text(found)
