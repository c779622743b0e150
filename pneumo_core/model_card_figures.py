"""Sections of a model card on what was measured besides the run itself, and figures in words."""

import json
from collections.abc import Sequence

from pneumo_core import markdown
from pneumo_core.corruptions import CORRUPTIONS, SEVERITIES
from pneumo_core.model_table import members
from pneumo_core.operating_point import OperatingPoint, split_words, threshold_words
from pneumo_core.robustness import points, read_robustness
from pneumo_core.runs import RUN_FILE, Run
from pneumo_core.seeds import spread, spread_words
from pneumo_core.threshold_report import FIGURES
from pneumo_core.transfer import transfers


def over_seeds(run: Run) -> str:
    """What each network of an ensemble reaches alone; "" where that was not kept."""
    found = spread(run)
    if not found:
        return ""
    header = ("Test", *(f"seed {one['seed']}" for one in members(run)), "mean ± SD")
    rows = [
        (FIGURES[name], *(f"{value:.4f}" for value in one.values), spread_words(one))
        for name, one in found.items()
    ]
    lead = (
        "Each network by itself, at the threshold where the sum of its own sensitivity and "
        "specificity on validation is highest."
    )
    return f"{lead}\n\n{markdown.table([header, *rows])}"


def on_spoilt_films(run: Run) -> str:
    """What a run loses on noise, blur and the like; "" where nobody measured it."""
    found = read_robustness(run)
    if found is None:
        return ""
    rows = []
    for name, corruption in CORRUPTIONS.items():
        losses = found.losses(name)
        numbers = [*losses, sum(losses) / len(losses)]
        rows.append((corruption.title, *(points(each) for each in numbers)))
    worst = found.worst
    header = ("Lost points of accuracy", *(f"severity {each}" for each in SEVERITIES), "mean")
    return (
        f"The {found.images} {split_words(found.split)} films, spoilt at {found.size} × "
        f"{found.size} pixels in the manner and strengths of MedMNIST-C; threshold and temperature "
        f"as they are. Accuracy {found.clean.accuracy:.3f} clean, on average "
        f"{points(found.mean_loss)} points less; at worst {worst.figures.accuracy:.3f} "
        f"({CORRUPTIONS[worst.corruption].title}, severity {worst.severity}). What each does: "
        "[docs/robustness.md](docs/robustness.md).\n\n"
        f"{markdown.table([header, *rows])}"
    )


def on_another_set(run: Run) -> str:
    """What it reaches on other data sets, the way of an upload; "" where nobody measured it."""
    parts = []
    for found in transfers(run):
        names = {point.name for point in own_points(run)}
        rows = [
            (
                point.name,
                threshold_words(point.threshold),
                *(
                    estimate_words(figure.to_json())
                    for figure in (point.sensitivity, point.specificity, point.accuracy)
                ),
            )
            for point in found.points
            if point.name in names
        ]
        header = ("Operating point", "Threshold", "Sensitivity", "Specificity", "Accuracy")
        parts.append(
            f"The {found.films} test films of {found.title}, each read as an upload is (files "
            f"of {found.short_side} pixels along the shorter side, in the median); temperature and "
            "thresholds as they are. AUC "
            f"{estimate_words(found.auc.to_json())}, calibration error {found.ece:.3f}.\n\n"
            f"{markdown.table([header, *rows])}"
        )
    return "\n\n".join(parts)


def own_points(run: Run) -> Sequence[OperatingPoint]:
    """Those the run came with: what a user saved later is no part of the model."""
    content = json.loads((run.path / RUN_FILE).read_text(encoding="utf-8"))
    return run.operating_points[: len(content["operating_points"])]


def estimate_words(parts: Sequence[float | None]) -> str:
    """Write [value, low, high] as "0.982 (0.963–0.991)"; a dash where it is undefined."""
    value, low, high = map(share_words, parts)
    return value if parts[1] is None else f"{value} ({low}–{high})"


def share_words(value: float | None) -> str:
    """Write a share or an area to three places; a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"
