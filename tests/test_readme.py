"""What the pages promise: the README's first two commands, and figures that are the runs' own."""

import re

import pytest

from pneumo_core import markdown
from pneumo_core.compare_cli import MARK, tables
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.model_table import board
from pneumo_core.robustness import read_robustness
from pneumo_core.robustness_cli import summary
from pneumo_core.robustness_cli import table as robustness_table
from pneumo_core.runs import Run, default_run, list_runs, read_run
from pneumo_core.seeds import spread, spread_words
from pneumo_core.transfer import read_transfer

README = (PROJECT_FOLDER / "README.md").read_text(encoding="utf-8")
PROSE = " ".join(README.split())
WEIGHTS = PROJECT_FOLDER / "weights"


@pytest.fixture
def shipped() -> Run:
    return default_run(WEIGHTS)


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


def test_the_figures_in_its_sentences_are_the_runs(shipped):
    alone = spread(shipped)
    assert f"networks alone have a test AUC of {spread_words(alone['auc'])} (mean" in PROSE
    accuracy = alone["accuracy"]
    assert f"an accuracy of {accuracy.mean:.3f} ± {accuracy.deviation:.3f};" in PROSE
    plain = spread(read_run(WEIGHTS / "pneumolens-imagenet-plain"))
    assert f"three networks have a test AUC of {spread_words(plain['auc'])};" in PROSE

    spoilt = read_robustness(shipped)
    lost, worst = spoilt.mean_loss, spoilt.loss(spoilt.worst)
    assert f"cost it {lost:.1f} points of accuracy in the mean and {worst:.0f} at worst" in PROSE

    found = read_transfer(shipped, "chest_xray")
    specificity = found.points[0].specificity.value
    assert f"the AUC is {found.auc.value:.3f} and the specificity {specificity:.3f}." in PROSE


@pytest.mark.parametrize("point", ["", "sensitivity 95 %"])
def test_the_tables_of_recipes_are_what_compare_writes(point):
    found = board(run for run in list_runs(WEIGHTS) if isinstance(run, Run))
    mark = f"{MARK} at {point}" if point else MARK
    written = tables(
        [images.at(point) for images in found.sets] if point else found.sets, not point
    )
    page = PROJECT_FOLDER / "docs" / "recipes.md"
    before, after = markdown.around(page, mark)
    inside = page.read_text(encoding="utf-8").removeprefix(before).removesuffix(after)
    assert written in inside, f"run: python -m pneumo_core compare --markdown {page} --at ..."
    assert inside.count("\n| ") == written.count("\n| ")


def test_the_table_of_spoilt_films_is_the_default_runs(shipped):
    found = read_robustness(shipped)
    page = (PROJECT_FOLDER / "docs" / "robustness.md").read_text(encoding="utf-8")
    assert markdown.table(robustness_table(found)) in page
    assert summary(found) in page
