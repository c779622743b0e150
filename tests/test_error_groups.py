"""Groups of films that look alike to the network."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pneumo_core.error_groups import MOST, SMALLEST, grouped


def blobs(sizes: tuple[int, ...], spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    of = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(0, 5, (len(sizes), 12))
    return centres[of] + rng.normal(0, spread, (len(of), 12)), of


def test_planted_groups_are_found_the_largest_first() -> None:
    features, of = blobs((4, 9, 3, 7, 5))
    found = grouped(features)
    labels = np.empty(len(of), int)
    for number, part in enumerate(found.groups):
        labels[part] = number
    assert adjusted_rand_score(of, labels) == 1
    assert [len(part) for part in found.groups] == [9, 7, 5, 4, 3]
    assert found.silhouette > 0.5
    assert sorted(np.concatenate(found.groups)) == list(range(len(of)))


def test_the_film_nearest_to_the_middle_comes_first() -> None:
    features, of = blobs((5, 5), spread=0)
    features[:, 11] = 0
    features[:5, 11] = [3, 1, 0, -1, -3]
    first = next(part for part in grouped(features).groups if of[part[0]] == 0)
    assert first[0] == 2
    assert set(first[-2:]) == {0, 4}


def test_no_group_is_smaller_than_a_pattern() -> None:
    features, _ = blobs((12, 2, 1))
    for part in grouped(features).groups:
        assert len(part) >= SMALLEST


def test_many_films_make_a_handful_of_groups() -> None:
    features, _ = blobs((6,) * 9)
    assert len(grouped(features).groups) <= MOST


@pytest.mark.parametrize("films", [1, 2, 5])
def test_few_films_are_one_group(films: int) -> None:
    found = grouped(np.random.default_rng(0).normal(size=(films, 4)))
    assert [sorted(part) for part in found.groups] == [list(range(films))]
    assert found.silhouette is None


def test_films_that_are_all_alike_are_one_group() -> None:
    assert [len(part) for part in grouped(np.ones((20, 3))).groups] == [20]
