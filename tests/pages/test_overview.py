"""The Overview page: the figures of the run, as `run.json` has them."""

import json
import shutil
from pathlib import Path

import pytest

from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run, read_run
from pneumo_core.transfer import AtPoint, Transfer, write_transfer
from tests.pages.conftest import OpenPage, words_of
from ui import numbers


def test_headline_figures_are_those_of_the_run(open_page: OpenPage, tiny_app: Run) -> None:
    test = tiny_app.metrics["test"]
    shown = {metric.label: metric.value for metric in open_page().metric}
    assert shown == {
        "AUC": f"{test['auc'][0]:.3f}",
        "Sensitivity": f"{100 * test['sensitivity'][0]:.1f} %",
        "Specificity": f"{100 * test['specificity'][0]:.1f} %",
        "Accuracy at 0.5": f"{100 * test['accuracy_at_half']:.1f} %",
    }


def test_each_figure_has_its_interval_and_validation_beside_it(
    open_page: OpenPage, tiny_app: Run
) -> None:
    captions = [caption.value for caption in open_page().caption]
    _, low, high = tiny_app.metrics["test"]["sensitivity"]
    validation = tiny_app.metrics["val"]["sensitivity"][0]
    assert (
        f"95 % interval {100 * low:.1f} to {100 * high:.1f} %  \n"
        f"Validation: {100 * validation:.1f} %"
    ) in captions
    assert sum("95 % interval" in caption for caption in captions) == 4


def test_it_says_which_model_at_which_point_on_which_films(
    open_page: OpenPage, tiny_app: Run
) -> None:
    words = words_of(open_page())
    assert "Model: **Tiny CNN**. Operating point “balanced”" in words
    assert f"**{tiny_app.operating_point.threshold:.3f}**" in words
    assert "On the 24 test films, 12 normal and 12 with pneumonia" in words
    assert "children aged one to five from one hospital" in words


def test_the_table_counts_the_films_of_every_split(open_page: OpenPage, tiny_app: Run) -> None:
    table = open_page().table[0].value
    counts = tiny_app.data["counts"]
    assert list(table["Normal"]) == [counts[split]["normal"] for split in counts]
    assert list(table["Films"]) == ["Training", "Validation", "Test"]


def test_an_ensemble_names_the_epoch_and_seed_of_each_network(
    open_page: OpenPage, tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(tiny_app.path, tmp_path / "joined") / "run.json"
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["training"]["members"] = [
        {"seed": seed, "best_epoch": kept} for seed, kept in ((3, 8), (5, 21))
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    words = words_of(open_page())
    assert "The mean of 2 networks" in words
    assert "(best: 8, 21), seeds 3, 5," in words


def test_what_it_reaches_as_uploads_come_is_said_where_it_was_measured(
    open_page: OpenPage, tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "As uploads come" not in words_of(open_page())
    run = read_run(shutil.copytree(tiny_app.path, tmp_path / "tiny"))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    area, share = Estimate(0.876, 0.8, 0.9), Estimate(0.5, 0.4, 0.6)
    point = run.operating_point
    at = AtPoint(point.name, point.threshold, Estimate(0.912, 0.9, 0.95), *[share] * 5)
    file = write_transfer(
        run,
        Transfer(
            run.weights_sha256, "elsewhere", "Other films", "x", "test", 77, 224, "2026-01-02",
            area, 0.1, (at,),
        ),
    )  # fmt: skip
    text = words_of(open_page())
    assert "on the 77 test films of Other films, files of 224 pixels, the AUC" in text
    assert "the AUC is 0.876, the sensitivity 91.2 % and the specificity 50.0 % at this" in text
    file.write_text("{", encoding="utf-8")
    assert "transfer_elsewhere.json is damaged: delete it and measure again" in words_of(
        open_page()
    )


def test_three_ways_in_carry_the_session_along(open_page: OpenPage, tiny_app: Run) -> None:
    ways = [link for link in open_page().get("page_link") if link.proto.label.startswith("**")]
    assert [link.proto.page for link in ways] == ["predict", "threshold", "misclassified"]
    for link in ways:
        assert f"run={tiny_app.name}" in link.proto.query_string
        assert "threshold=" in link.proto.query_string


@pytest.mark.parametrize(
    ("share", "percent", "in_hundred"),
    [
        (0.0, "under 1 %", "fewer than 1"),
        (0.0099, "under 1 %", "fewer than 1"),
        (0.874, "87 %", "about 87"),
        (0.9901, "over 99 %", "more than 99"),
        (1.0, "over 99 %", "more than 99"),
    ],
)
def test_a_probability_is_never_written_as_certain(
    share: float, percent: str, in_hundred: str
) -> None:
    assert numbers.percent(share) == percent
    assert numbers.in_hundred(share) == in_hundred


def test_an_undefined_figure_is_a_dash_without_an_interval() -> None:
    assert numbers.share([None, None, None]) == "–"
    assert numbers.share_interval([None, None, None]) == ""
    assert numbers.ratio([None, None, None]) == "–"
    assert numbers.ratio_interval([0.5, None, None]) == ""
