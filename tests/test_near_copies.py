"""Near copies of a film in its data set."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo_core.audit import NEAR
from pneumo_core.datasets import Dataset
from pneumo_core.near_copies import thumbnails


@pytest.fixture
def with_copies(tiny_dataset: Dataset) -> Dataset:
    """The tiny data; test film 3 is training film 5 a little brighter, and 7 is 3 exactly."""
    train, test = tiny_dataset.splits["train"], tiny_dataset.splits["test"]
    original = train.read(5)

    def read(position: int) -> np.ndarray:
        if position == 3:
            return original * np.float32(0.9) + np.float32(0.05)
        return original if position == 7 else test.read(position)

    return replace(tiny_dataset, splits={**tiny_dataset.splits, "test": replace(test, read=read)})


def test_copies_are_named_wherever_they_are(with_copies: Dataset) -> None:
    train, test = with_copies.splits["train"], with_copies.splits["test"]
    small = thumbnails(with_copies)
    copies = small.copies(test.ids[3])
    assert {one.id for one in copies} == {train.ids[5], test.ids[7]}
    assert {one.label for one in copies} == {train.labels[5], test.labels[7]}
    assert all(NEAR <= one.correlation <= 1 for one in copies)
    assert {one.id for one in small.copies(train.ids[5])} == {test.ids[3], test.ids[7]}


def test_different_films_are_no_copies(with_copies: Dataset) -> None:
    assert thumbnails(with_copies).copies(with_copies.splits["test"].ids[0]) == ()


def test_every_film_is_read_once_and_counted(tiny_dataset: Dataset) -> None:
    steps: list[int] = []
    small = thumbnails(tiny_dataset, steps.append)
    count = sum(map(len, tiny_dataset.splits.values()))
    assert sum(steps) == count == len(small.ids) == len(small.labels)
    assert small.values.shape == (count, 784)


def test_an_unknown_film_is_no_film(tiny_dataset: Dataset) -> None:
    with pytest.raises(KeyError):
        thumbnails(tiny_dataset).copies("nobody")
