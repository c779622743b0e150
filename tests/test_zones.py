"""Three zones and what falls into them."""

import json

import pytest

from pneumo_core.errors import DataError
from pneumo_core.operating_point import zone_rows as offered_too
from pneumo_core.proportions import wilson
from pneumo_core.zones import ZONE_NAMES, Zones, zone_rows

ZONES = Zones(0.3, 0.7, "by hand", "val")


@pytest.mark.parametrize(
    ("probability", "zone"),
    [
        (0.0, "rule out"),
        (0.2999, "rule out"),
        (0.3, "uncertain"),
        (0.6999, "uncertain"),
        (0.7, "rule in"),
        (1.0, "rule in"),
    ],
)
def test_edges_belong_to_the_zone_above(probability, zone):
    assert ZONES.zone(probability) == zone


def test_one_threshold_leaves_no_zone_between():
    both = Zones(0.5, 0.5, "", "")
    assert [both.zone(p) for p in (0.49, 0.5)] == ["rule out", "rule in"]


def test_zones_widen_to_take_in_a_threshold():
    assert ZONES.around(0.5) == ZONES
    assert ZONES.around(0.1) == Zones(0.1, 0.7, "by hand", "val")
    assert ZONES.around(0.9) == Zones(0.3, 0.9, "by hand", "val")
    with pytest.raises(DataError, match="between 0 and 1"):
        ZONES.around(7)


def test_rows_by_hand():
    labels = [0, 0, 1, 0, 1, 1, 1, 0]
    p = [0.1, 0.2, 0.29, 0.3, 0.5, 0.7, 0.9, 0.95]
    rows = zone_rows(labels, p, ZONES)
    assert [row.zone for row in rows] == list(ZONE_NAMES)
    assert [(row.positives, row.negatives) for row in rows] == [(1, 2), (1, 1), (2, 1)]
    assert [row.errors for row in rows] == [1, 0, 1]
    assert [row.share for row in rows] == [wilson(3, 8), wilson(2, 8), wilson(3, 8)]
    assert rows[0].error_rate == wilson(1, 3)
    assert rows[1].error_rate.value == 0.0
    assert rows[2].error_rate == wilson(1, 3)
    assert offered_too is zone_rows


def test_an_empty_zone_has_no_rate():
    rows = zone_rows([1, 1], [0.8, 0.9], ZONES)
    assert rows[0].share.value == 0.0
    assert rows[0].error_rate.value is None


def test_zones_survive_json():
    assert Zones.from_json(json.loads(json.dumps(ZONES.to_json()))) == ZONES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rule_out": 0.8, "rule_in": 0.2, "rule": "", "split": ""}, "must not lie above"),
        ({"rule_out": 0.8}, "Saved zones need"),
        (None, "Saved zones need"),
        ({"rule_out": "a", "rule_in": 1, "rule": "", "split": ""}, "threshold must be"),
    ],
)
def test_damaged_zones_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        Zones.from_json(data)
