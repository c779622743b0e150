"""The audit of maps: means by hand, what is chosen and kept, and the command on a tiny run."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pneumo_core import explain_audit, explain_audit_measure
from pneumo_core.__main__ import main
from pneumo_core.errors import DataError, RunError
from pneumo_core.explain_audit import (
    AUDIT_FILE,
    ExplainAudit,
    Row,
    best_reading,
    candidates,
    read_explain_audit,
    reference,
    write_explain_audit,
)
from pneumo_core.explain_audit_cli import HEADER, heading, mark, summary, table
from pneumo_core.explain_audit_measure import conclude, mean_interval
from pneumo_core.proportions import UNDEFINED, Estimate
from pneumo_core.runs import Run, read_run
from pneumo_core.trust_reference import PERCENTILES, Reference

ZERO = Estimate(0.0, -0.1, 0.1)


def row(method: str, layer: str, better: float, forgets: float = 1.0, **changes: object) -> Row:
    """A row whose interval of `better` is one either way."""
    gain = Estimate(better, better - 1, better + 1)
    fields = dict.fromkeys(Row.__dataclass_fields__, ZERO)
    fields |= {"method": method, "layer": layer, "better": gain, "unrelated": 0.5}
    fields |= {"forgets": Estimate(forgets, 0.0, 1.0)}
    return Row(**{**fields, **changes})


def found_of(rows: tuple[Row, ...] = (), **changes: object) -> ExplainAudit:
    fields = {
        "weights_sha256": "ab",
        "data": "pneumoniamnist",
        "split": "test",
        "images": 100,
        "drawn_from": 624,
        "date": "2026-01-02",
        "rows": rows or (row("hirescam", "layer2", 2.0), row("randomcam", "layer2", 0.0)),
        "references": (
            Reference("hirescam", "layer2", "test", 100, 0.5, {"gain": (1.0,) * PERCENTILES}),
        ),
        "typical": {"Normal": ("00",), "Pneumonia": ("ff",)},
    }
    return ExplainAudit(**{**fields, **changes})


# means and intervals


def test_a_mean_has_students_interval():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = mean_interval(values, np.arange(4))
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((4.0, *expected))


def test_patients_count_once_and_unknown_values_not_at_all():
    values = np.array([1.0, 1.0, 3.0, 3.0, 8.0, 8.0])
    twice = mean_interval(values, np.array([0, 0, 1, 1, 2, 2]))
    once = mean_interval(values[::2], np.arange(3))
    assert twice == once
    holes = mean_interval(np.array([1.0, math.nan, 3.0, 8.0]), np.array([7, 5, 9, 2]))
    assert (holes.value, holes.low) == pytest.approx((once.value, once.low))
    assert mean_interval(np.array([math.nan]), np.array([0])) == UNDEFINED
    assert mean_interval(np.array([5.0, 6.0]), np.array([1, 1])) == Estimate(5.5, None, None)


def figures(gains: list[float], likeness: list[float | None], beats: list[float]) -> dict:
    """Figures of films whose maps are all one ramp, so that unrelated maps are alike."""
    count = len(gains)
    return {
        "gain": gains,
        "deletion": [-gain / 2 for gain in gains],
        "insertion": [gain / 2 for gain in gains],
        "beats": beats,
        "likeness": likeness,
        "head": likeness,
        "stage": [0.0] * count,
        "density": [0.5] * count,
        "stability": [0.9] * count,
        "score_change": [0.1] * count,
        "agreement": [None] * count,
        "cells": [np.arange(64.0)] * count,
    }


def test_figures_of_films_become_rows_by_hand():
    found = {
        ("hirescam", "block1"): figures([3, 1, 5, 3], [0.2, 1.0, None, 0.3], [1, 0.9, 0.95, 1]),
        ("occlusion", "input"): figures([1, 1, 1, 1], [None] * 4, [1, 1, 1, 1]),
        ("randomcam", "block1"): figures([1, 0, 1, 0], [1.0] * 4, [0, 0, 0, 0]),
        ("randomcam", "block2"): figures([2, 1, 2, 1], [1.0] * 4, [0, 0, 0, 0]),
    }
    above = np.array([True, False, True, False])
    rows, references = conclude(found, above, np.arange(4), [("hirescam", "block1")], "val")
    first, second, *_ = rows
    assert [(each.method, each.layer) for each in rows] == list(found)
    assert first.gain.value == pytest.approx(3)
    assert first.better.value == pytest.approx(2.5)  # less 0.5
    assert (first.fewer.value, first.more.value) == pytest.approx((1.25, 1.25))
    assert first.better_pneumonia.value == pytest.approx(3)
    assert first.better_normal.value == pytest.approx(2)
    assert first.beats.value == 0.75
    # All maps are the same, so the limit is 1, and the likeness of 1.0 does not stay below.
    assert first.unrelated == pytest.approx(1)
    assert first.forgets.value == pytest.approx(2 / 3)
    # A method that reads no stage is held against the control at its best stage.
    assert second.better.value == pytest.approx(1 - 1.5)
    assert second.forgets == UNDEFINED
    (table_of,) = references
    assert (table_of.method, table_of.split, table_of.images) == ("hirescam", "val", 4)
    assert table_of.quantiles["gain"][50] == 3
    assert table_of.quantiles["likeness"][0] == 0.2
    assert table_of.quantiles["agreement"] == ()


def test_the_limit_is_that_of_films_that_are_called_the_same():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 64))
    cells = [one, other, one, other]
    found = {("randomcam", "block1"): {**figures([0] * 4, [0.0] * 4, [0] * 4), "cells": cells}}
    ((alike,), _) = conclude(found, np.array([True, False] * 2), np.arange(4), [], "val")
    assert alike.unrelated == pytest.approx(1)
    ((apart,), _) = conclude(found, np.array([True, True, False, False]), np.arange(4), [], "val")
    assert abs(apart.unrelated) < 0.4


# what is chosen


def test_the_best_is_above_the_control_and_forgets():
    rows = (
        row("gradcam", "layer4", 1.5),
        row("hirescam", "layer2", 3.0),
        row("layercam", "layer2", 4.0, forgets=0.89),  # draws the same map untrained
        row("occlusion", "input", 0.9),  # its interval reaches 0
        row("randomcam", "layer2", 9.0),
        row("eigencam", "layer2", 9.0),
    )
    assert found_of(rows).best() == rows[1]
    assert found_of(rows[2:]).best() is None
    assert found_of(rows).row("occlusion", "input") is rows[3]
    assert found_of(rows).row("occlusion", "layer2") is None


def test_one_that_needs_a_single_pass_is_taken_if_any_is_better_than_chance():
    rows = (
        row("integrated", "input", 3.0),
        row("gradcam", "layer2", 1.4),
        row("hirescam", "layer2", 1.6),
    )
    assert found_of(rows).best() == rows[2]
    assert found_of(rows).highest() == rows[0]
    rows = (row("integrated", "input", 3.0), row("hirescam", "layer2", 0.9))  # reaches 0
    assert found_of(rows).best() == rows[0]


def test_candidates_are_all_fast_methods_at_all_stages():
    found = list(candidates(("a", "b")))
    assert ("hirescam", "a") in found
    assert ("hirescam", "b") in found
    assert ("occlusion", "input") in found
    assert ("randomcam", "b") in found
    assert not [each for each in found if each[0] == "scorecam"]
    assert len(found) == len(set(found)) == 6 * 2 + 2


# what is kept


def as_read(found: ExplainAudit) -> ExplainAudit:
    return ExplainAudit.from_json(json.loads(json.dumps(found.to_json())))


def test_json_and_back():
    found = found_of()
    again = as_read(found)
    assert again.rows == found.rows
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())
    assert again.references[0].below("gain", 0.5) == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.pop("typical"),
        lambda content: content.update(images="many"),
        lambda content: content["rows"][0].update(method="magic"),
        lambda content: content["rows"][0].update(better=None),
        lambda content: content["references"][0]["quantiles"].update(gain=[1.0]),
    ],
)
def test_json_that_is_no_audit_is_refused(spoil):
    content = json.loads(json.dumps(found_of().to_json()))
    spoil(content)
    with pytest.raises(DataError):
        ExplainAudit.from_json(content)


@pytest.fixture
def run(tiny_run: Run, tmp_path: Path) -> Run:
    """A copy of the tiny run that a test may write to."""
    return read_run(shutil.copytree(tiny_run.path, tmp_path / "tiny"))


def test_what_is_kept_is_for_these_weights_and_each_split_has_its_own(run):
    assert read_explain_audit(run) is None
    assert reference(run, "hirescam", "layer2") is None
    assert best_reading(run) == ("gradcam", "block4")
    mine = found_of(weights_sha256=run.weights_sha256)
    write_explain_audit(run, replace(mine, split="val"))
    write_explain_audit(run, mine)
    assert read_explain_audit(run).split == "test"
    assert best_reading(run) == ("hirescam", "layer2")
    found = reference(run, "hirescam", "layer2")
    assert (found.images, found.typical["Normal"]) == (100, ["00"])
    other = reference(run, "gradcam", "layer4")
    assert (other.method, other.typical["Pneumonia"]) == ("hirescam", ["ff"])
    write_explain_audit(run, found_of(weights_sha256="other weights"))
    assert read_explain_audit(run) is None
    assert best_reading(run) == ("hirescam", "layer2")
    on_input = found_of((row("occlusion", "input", 2.0),), split="val")
    write_explain_audit(run, replace(on_input, weights_sha256=run.weights_sha256))
    assert best_reading(run) == ("occlusion", None)


@pytest.mark.parametrize("content", ["{", "[]", '{"test": {"rows": 3}}'])
def test_a_damaged_file_is_an_error_in_words(run, content):
    (run.path / AUDIT_FILE).write_text(content)
    with pytest.raises(RunError, match="delete it and run explain-audit again"):
        read_explain_audit(run)


# the command


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods at one stage, the control and occlusion are enough where a network runs."""
    readings = (
        ("gradcam", "block4"),
        ("hirescam", "block2"),
        ("occlusion", "input"),
        ("integrated", "input"),
        ("randomcam", "block2"),
        ("randomcam", "block4"),
    )
    monkeypatch.setattr(explain_audit_measure, "candidates", lambda _: iter(readings))
    monkeypatch.setattr(
        "pneumo_core.architectures.ARCHITECTURES",
        _with_stages("cnn", ("block2", "block4")),
    )


def _with_stages(name: str, stages: tuple[str, ...]) -> dict:
    from pneumo_core.architectures import ARCHITECTURES

    return {**ARCHITECTURES, name: replace(ARCHITECTURES[name], cam_stages=stages)}


@pytest.mark.usefixtures("few")
def test_the_command_checks_keeps_and_prints(run, tiny_data, tmp_path, capsys):
    page = tmp_path / "explanations.md"
    page.write_text(f"Before\n<!-- {mark('test')}: begin --><!-- {mark('test')}: end -->\nAfter")
    arguments = ["explain-audit", str(run.path), "--data", str(tiny_data), "--limit", "6"]
    assert main([*arguments, "--markdown", str(page)]) == 0
    printed, err = capsys.readouterr()
    assert err == "", "no bar where the output is a file"
    assert HEADER[0] in printed
    found = read_explain_audit(run)
    assert (found.images, found.drawn_from) == (6, 24)
    assert found.weights_sha256 == run.weights_sha256
    assert summary(found) in printed
    text = page.read_text()
    assert text.startswith("Before")
    assert text.endswith("After")
    assert heading("tiny", found) in text
    assert "6 films drawn at random out of 24" in text
    control = found.row("randomcam", "block4")
    assert control.better.value == 0
    assert control.head.value == pytest.approx(1)  # it does not read the head
    occlusion = found.row("occlusion", "input")
    assert occlusion.gain.value == pytest.approx(
        occlusion.insertion.value - occlusion.deletion.value
    )
    (shown,) = found.references
    assert (shown.method, shown.layer, shown.images) == ("gradcam", "block4", 6)
    assert all(len(known) == PERCENTILES for known in shown.quantiles.values())
    assert list(found.typical) == ["Normal", "Pneumonia"]
    first = (run.path / AUDIT_FILE).read_bytes()
    assert main(arguments) == 0
    assert (run.path / AUDIT_FILE).read_bytes() == first


def test_a_limit_below_one_and_a_page_without_a_place_are_refused(run, tiny_data, tmp_path, capsys):
    arguments = ["explain-audit", str(run.path), "--data", str(tiny_data)]
    assert main([*arguments, "--limit", "0"]) == 1
    assert "--limit cannot be 0" in capsys.readouterr().err
    page = tmp_path / "page.md"
    page.write_text("no marks")
    assert main([*arguments, "--markdown", str(page)]) == 1
    assert mark("test") in capsys.readouterr().err


def test_cells_of_the_table_and_the_sentence():
    found = found_of()
    header, first, control = table(found)
    assert header == HEADER
    assert first[:2] == ["HiResCAM", "layer2"]
    assert first[header.index("Gain over random weights")] == "2.00 (1.00 to 3.00)"
    assert first[header.index("Below the limit")] == "100%"
    assert control[header.index("Gain over random weights")] == ""
    assert "Highest here: HiResCAM at layer2. It gains 2.00 (1.00 to 3.00)" in summary(found)
    assert "made on validation" in summary(found)
    assert summary(replace(found, split="val")).startswith("To be read by default: HiResCAM")
    assert "No method" in summary(found_of((row("gradcam", "layer4", -3.0),)))
    assert "drawn at random" not in heading("r", replace(found, images=624))
    assert explain_audit.CONTROL == "randomcam"
