"""Patients by file name, and splits in which no patient is on both sides."""

import numpy as np
import pytest

from pneumo_core.datasets import VAL_BY_PATIENT, Dataset, load_dataset
from pneumo_core.errors import DataError
from pneumo_core.preprocess import Preprocess
from pneumo_core.splits import (
    Split,
    _connected,
    group_of,
    patient_of,
    split_as_listed,
    split_by_patient,
)
from tests.conftest import real_dataset


def made_split(name: str, labels: list[int], patients: list[str]) -> Split:
    """Images of one pixel; its value tells which image it is."""
    start = {"train": 0, "val": 100, "test": 200}[name]
    return Split(
        ids=tuple(f"{name}-{i:04d}" for i in range(len(labels))),
        labels=np.array(labels, np.int64),
        patients=tuple(patients),
        groups=tuple("virus" if label else "normal" for label in labels),
        read=lambda position: np.full((1, 1), (start + position) / 255, np.float32),
    )


def made_splits(patients_a_class: int, images_each: int = 2) -> dict[str, Split]:
    """Train and val take turns with a patient's images, as in PneumoniaMNIST; test has its own."""
    splits = {}
    for name, part in (("train", slice(0, None, 2)), ("val", slice(1, None, 2))):
        rows = [
            (label, f"{'IM' if label == 0 else 'person'}{number}")
            for label in (0, 1)
            for number in range(patients_a_class)
            for _ in range(images_each)
        ][part]
        splits[name] = made_split(name, [row[0] for row in rows], [row[1] for row in rows])
    splits["test"] = made_split("test", [0, 1], ["IM0", "person0"])
    return splits


def test_an_image_of_unknown_patient_is_a_patient_of_its_own():
    split = made_split("val", [0, 1, 1], ["", "person7", ""])
    assert split.clusters == ("val-0000", "person7", "val-0002")


@pytest.mark.parametrize(
    ("file", "patient", "group"),
    [
        ("person1453_bacteria_3770.jpeg", "person1453_bacteria", "bacteria"),
        ("person1_virus_11.jpeg", "person1_virus", "virus"),
        ("person1_bacteria_11.jpeg", "person1_bacteria", "bacteria"),
        ("IM-0115-0001.jpeg", "IM-0115", "normal"),
        ("IM-0011-0001-0002.jpeg", "IM-0011", "normal"),
        ("NORMAL2-IM-0909-0001.jpeg", "NORMAL2-IM-0909", "normal"),
        ("NORMAL2-IM-0909-0001-0002.jpeg", "NORMAL2-IM-0909", "normal"),
        ("film.png", "", "normal"),
        ("person_virus.jpeg", "", "normal"),
        ("copy of IM-0115-0001.jpeg", "", "normal"),
        ("", "", "normal"),
    ],
)
def test_names_tell_patient_and_kind(file, patient, group):
    assert patient_of(file) == patient
    assert group_of(file, 0) == "normal"
    assert group_of(file, 1) == ("" if group == "normal" else group)


def test_a_split_counts_and_reads_its_images():
    split = made_split("train", [0, 1, 1], ["a", "b", "c"])
    assert len(split) == 3
    assert split.counts() == {"normal": 1, "pneumonia": 2}
    assert split.squares(Preprocess(1)).tolist() == [[[0]], [[1]], [[2]]]


def test_a_subset_takes_everything_along_in_its_own_order():
    split = made_split("val", [0, 1, 1, 0], ["a", "b", "c", "d"])
    part = split.subset(np.array([3, 1]))
    assert part.ids == ("val-0003", "val-0001")
    assert part.labels.tolist() == [0, 1]
    assert part.patients == ("d", "b")
    assert part.groups == ("normal", "virus")
    assert [round(float(part.read(i)[0, 0]) * 255) for i in (0, 1)] == [103, 101]
    again = part.subset([1])
    assert again.ids == ("val-0001",)
    assert again.read(0) == split.read(1)


def test_names_and_copies_link_in_chains():
    # Patient a has images 0 and 1, image 1 is a copy of patient b's 2, and b's 3 of c's 4.
    names = ["a", "a", "b", "b", "c", "d", "e"]
    content = [b"1", b"2", b"2", b"3", b"3", b"4", b"5"]
    groups = _connected(names, content)
    assert len(set(groups[:5])) == 1
    assert len({groups[0], groups[5], groups[6]}) == 3


def test_without_links_every_image_is_alone():
    assert len(set(_connected(["a", "b", "c"], ["x", "y", "z"]))) == 3


def test_no_patient_is_on_both_sides():
    splits = made_splits(patients_a_class=30)
    assert set(splits["train"].patients) & set(splits["val"].patients), "else nothing is tested"
    new = split_by_patient(splits, [])
    assert not set(new["train"].patients) & set(new["val"].patients)
    assert new["val"].counts() == {"normal": 6, "pneumonia": 6}
    assert new["train"].counts() == {"normal": 54, "pneumonia": 54}
    before = set(splits["train"].ids + splits["val"].ids)
    assert set(new["train"].ids + new["val"].ids) == before
    assert new["test"] is splits["test"]


def test_images_stay_with_their_ids():
    splits = made_splits(patients_a_class=30)
    new = split_by_patient(splits, [])
    for side in ("train", "val"):
        for position, image_id in enumerate(new[side].ids):
            name, number = image_id.split("-")
            expected = int(number) + (100 if name == "val" else 0)
            assert round(float(new[side].read(position)[0, 0]) * 255) == expected


def test_the_split_is_the_same_every_time():
    one, two = (split_by_patient(made_splits(30), []) for _ in range(2))
    assert one["val"].ids == two["val"].ids
    assert one["train"].ids == two["train"].ids


def test_copies_stay_on_one_side_also_through_a_chain():
    splits = made_splits(patients_a_class=30, images_each=2)
    count = len(splits["train"]) + len(splits["val"])
    content = [str(i).encode() for i in range(count)]
    # Image 0 of train (IM0) is a copy of val's image 1 (IM1), whose other film, train's image 1,
    # is a copy of train's image 2 (IM2).
    content[0] = content[len(splits["train"]) + 1] = b"copy"
    content[1] = content[2] = b"another"
    pool = splits["train"].patients + splits["val"].patients
    assert [pool[i] for i in (0, 1, 2, len(splits["train"]) + 1)] == ["IM0", "IM1", "IM2", "IM1"]
    new = split_by_patient(splits, content)
    sides = [{"IM0", "IM1", "IM2"} & set(new[side].patients) for side in ("train", "val")]
    assert sorted(len(side) for side in sides) == [0, 3]


def test_images_of_unknown_patients_are_patients_of_their_own():
    labels = [0, 1] * 30
    splits = {
        "train": made_split("train", labels, [""] * 60),
        "val": made_split("val", [0, 1], ["", ""]),
        "test": made_split("test", [0, 1], ["", ""]),
    }
    new = split_by_patient(splits, [])
    assert 5 <= len(new["val"]) <= 8


@pytest.mark.parametrize("patients_a_class", [1, 2, 4])
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_too_few_patients_are_a_sentence(patients_a_class):
    splits = made_splits(patients_a_class, images_each=24)
    with pytest.raises(DataError, match=r"too few patients.*--split official"):
        split_by_patient(splits, [])


def test_a_class_of_one_patient_cannot_be_on_both_sides():
    splits = {
        "train": made_split("train", [0] * 20 + [1] * 40, ["a"] * 20 + list("bcdefghijk" * 4)),
        "val": made_split("val", [0, 1], ["a", "b"]),
        "test": made_split("test", [0, 1], ["z", "y"]),
    }
    with pytest.raises(DataError, match="too few patients"):
        split_by_patient(splits, [])


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_single_image_a_class_is_a_sentence():
    splits = {name: made_split(name, [0, 1], ["a", "b"]) for name in ("train", "val", "test")}
    with pytest.raises(DataError, match="too few patients"):
        split_by_patient(splits, [])


# Real data


@pytest.fixture(scope="module")
def official() -> Dataset:
    return real_dataset("pneumoniamnist")


@pytest.fixture(scope="module")
def by_patient() -> Dataset:
    real_dataset("pneumoniamnist")
    try:
        return load_dataset("pneumoniamnist", split_rule="patient")
    except DataError as error:
        pytest.skip(str(error))


def images_of(split: Split) -> list[bytes]:
    return [image.tobytes() for image in split.squares(Preprocess(28))]


def known(patients) -> set[str]:
    return set(patients) - {""}


@pytest.mark.usefixtures("by_patient")  # which needs to know the patients, too
def test_the_official_validation_split_is_not_independent(official):
    train, val, test = (official.splits[name] for name in ("train", "val", "test"))
    shared = known(train.patients) & known(val.patients)
    assert len(shared) == 190
    assert sum(patient in shared for patient in val.patients) == 225
    assert not (known(train.patients) | known(val.patients)) & known(test.patients)
    copies = set(images_of(train))
    assert sum(image in copies for image in images_of(val)) == 8


def test_the_patient_split_is(official, by_patient):
    train, val = by_patient.splits["train"], by_patient.splits["val"]
    assert not known(train.patients) & known(val.patients)
    assert not set(images_of(train)) & set(images_of(val))
    assert train.counts() == {"normal": 1214, "pneumonia": 3494}
    assert val.counts() == {"normal": 135, "pneumonia": 389}
    pool = official.splits["train"].ids + official.splits["val"].ids
    assert sorted(train.ids + val.ids) == sorted(pool)
    assert by_patient.splits["test"].ids == official.splits["test"].ids
    assert images_of(by_patient.splits["test"]) == images_of(official.splits["test"])
    assert by_patient.fingerprint == official.fingerprint


def test_the_published_list_is_the_split_by_patient(official, by_patient):
    listed = split_as_listed(official.splits, VAL_BY_PATIENT.read_text().split())
    assert listed["val"].ids == by_patient.splits["val"].ids
    assert listed["train"].ids == by_patient.splits["train"].ids


def test_a_listed_image_that_is_not_there_is_a_sentence():
    with pytest.raises(DataError, match="no image train-9999"):
        split_as_listed(made_splits(3), ["val-0001", "train-9999"])


def test_the_folders_validation_images_become_a_tenth():
    official, new = (real_dataset("chest_xray", rule) for rule in ("official", "patient"))
    assert official.splits["val"].counts() == {"normal": 8, "pneumonia": 8}
    assert new.splits["val"].counts() == {"normal": 135, "pneumonia": 389}
    train, val = new.splits["train"], new.splits["val"]
    assert not known(train.patients) & known(val.patients)
    assert new.splits["test"].ids == official.splits["test"].ids
