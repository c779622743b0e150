"""Where evidence lies: on made-up films with a body, air and marks in the corner."""

import numpy as np
import pytest

from pneumo_core.explain import explain
from pneumo_core.trust_place import air_beside_body, edge_of, place
from tests.planted import CNN, bright, films, learnt

FLAT = np.full((32, 32), 0.5)


def test_edge_and_corners_by_hand():
    edge = edge_of(32)
    assert edge[:2].all()
    assert edge[:, -2:].all()
    assert edge[5, 5]
    assert edge[26, 26]
    assert not edge[6, 5]
    assert not edge[2, 16]
    assert edge.sum() == 32**2 - 28**2 + 4 * 4 * 4
    assert edge_of(8)[1, 1]


def test_air_is_dark_reaches_the_border_and_is_no_lung():
    film = FLAT.copy()
    film[:, :4] = 0.05  # air on the left, as far as the outer quarter is looked at
    film[10:20, 12:20] = 0.05  # a lung: dark, but inside
    film[3:6, 26:29] = 0.05  # dark, in the outer quarter, but enclosed
    air = air_beside_body(film)
    assert air[:, :4].all()
    assert air.sum() == 4 * 32


def test_dark_that_goes_on_inwards_is_cut_off_at_a_quarter():
    film = FLAT.copy()
    film[12:20, :16] = 0.05
    assert air_beside_body(film).sum() == 8 * 8


def test_shares_are_of_the_evidence_and_of_the_film():
    film = FLAT.copy()
    film[:, :4] = 0.05
    heatmap = np.zeros((32, 32))
    heatmap[16, 16], heatmap[16, 0], heatmap[16, 3] = 1.0, 0.5, 0.5
    found = place(heatmap, film)
    assert (found.edge, found.outside) == (0.25, 0.5)
    assert found.edge_area == edge_of(32).mean()
    # Beyond the edge and its corners, air adds two columns of 20 pixels.
    assert found.outside_area == pytest.approx(found.edge_area + 2 * 20 / 1024)
    assert found.density == pytest.approx(0.5 / found.outside_area)


def test_even_evidence_has_a_density_of_one_and_no_evidence_none():
    assert place(np.ones((32, 32)), FLAT).density == pytest.approx(1)
    assert place(np.zeros((32, 32)), FLAT) is None
    with pytest.raises(ValueError, match="differ in shape"):
        place(np.ones((4, 4)), FLAT)


@pytest.mark.parametrize("corner", [True, False])
def test_the_check_catches_a_network_that_reads_a_mark_in_the_corner(corner):
    model = learnt(bright, corner)
    images, _ = films(bright, 7, np.ones(40, int), corner)
    density = np.array(
        [
            place(cam.map, FLAT).density
            for method in ("gradcam", "hirescam", "layercam")
            for cam in explain(model, CNN, images, method=method, layer="block2")
        ]
    )
    caught = density > 1
    assert caught.mean() >= 0.95 if corner else caught.mean() <= 0.05
