"""What the README promises: its first two commands, and figures that are run.json's own."""

import re

import pytest

from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run, default_run

README = (PROJECT_FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def shipped() -> Run:
    return default_run(PROJECT_FOLDER / "weights")


def with_interval(estimate: list[float]) -> str:
    value, low, high = estimate
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def test_the_first_two_commands_come_first():
    first_block = README.split("```")[1]
    commands = [line.split("#")[0].strip() for line in first_block.splitlines()[1:] if line]
    assert commands == ["make app", "make test"]


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ("AUC", "auc"),
        ("sensitivity", "sensitivity"),
        ("specificity", "specificity"),
        ("accuracy", "accuracy"),
    ],
)
def test_the_figures_are_the_runs(row, key, shipped):
    val, test = (with_interval(shipped.metrics[split][key]) for split in ("val", "test"))
    assert f"| {row} | {val} | {test} |" in README


def test_the_single_numbers_are_the_runs(shipped):
    for row, key in (("accuracy at 0.5", "accuracy_at_half"), ("calibration error", "ece")):
        cells = [f"{shipped.metrics[split][key]:.3f}" for split in ("val", "test")]
        assert f"| {row} | {' | '.join(cells)} |" in README
    assert f"threshold {shipped.operating_point.threshold:.3f}" in README


def test_every_file_it_names_is_there():
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (PROJECT_FOLDER / link).exists(), link
