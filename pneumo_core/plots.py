"""The pictures in a run's `plots/` folder: what its history and its scores look like, on paper.

Drawn with matplotlib's own `Figure`, without pyplot: nothing global is touched, so that training
can draw in a server or a thread. Every function takes a run and gives a figure that fits the width
of an A4 page at 150 dots an inch.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from pneumo_core import CLASS_NAMES
from pneumo_core import plot_style as style
from pneumo_core.calibration import expected_calibration_error, probability, reliability
from pneumo_core.confusion import ThresholdTable, confusion_at, threshold_table
from pneumo_core.intervals import Estimate
from pneumo_core.model_table import members
from pneumo_core.palette import PALETTE
from pneumo_core.runs import PLOTS_FOLDER, Run

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pneumo_core.datasets import Dataset

SAMPLES = 24
SAMPLE_COLUMNS = 4
SAMPLE_PIXELS = 340
"""Side that a sample is taken down to: twice what is printed."""
ATTRIBUTION = "PneumoniaMNIST / Kermany et al. 2018, CC BY 4.0"


def write_plots(run: Run, dataset: Dataset | None) -> list[Path]:
    """Draw every picture of a run into its `plots/` folder, each whole or not at all.

    Args:
        run: With `scores.csv` and `history.csv` in place.
        dataset: The one it was scored on, for the misclassified images; without it their sheet is
            left out.

    Returns:
        Paths of the PNG files written.

    Raises:
        RunError: If scores or history are missing or damaged.
        DataError: If the data set has not the images that were scored.
        OSError: If a file cannot be written; no half of one is left behind.
    """
    folder = run.path / PLOTS_FOLDER
    folder.mkdir(exist_ok=True)
    draw = {
        "accuracy_plot": accuracy_plot,
        "auc_plot": auc_plot,
        "confusion_matrix": confusion_matrix,
        "roc_curve": roc_curve,
        "pr_curve": pr_curve,
        "calibration": calibration,
    }
    written = [style.save(function(run), folder / f"{name}.png") for name, function in draw.items()]
    if dataset is not None:
        sheet = misclassified_samples(run, dataset)
        written.append(style.save(sheet, folder / "misclassified_samples.png"))
    return written


def accuracy_plot(run: Run) -> Figure:
    """Accuracy at threshold 0.5 in training and validation, by epoch, the chosen epoch marked.

    Raises:
        RunError: If the history is missing or damaged.
    """
    return _history_plot(run, "accuracy", "Accuracy at threshold 0.5")


def auc_plot(run: Run) -> Figure:
    """Area under the ROC curve in training and validation, by epoch, the chosen epoch marked.

    Raises:
        RunError: If the history is missing or damaged.
    """
    return _history_plot(run, "auc", "Area under the ROC curve")


def confusion_matrix(run: Run) -> Figure:
    """Test images by true and predicted class at the operating point: counts and row percentages.

    Raises:
        RunError: If the scores are missing or damaged.
    """
    from matplotlib.colors import LinearSegmentedColormap

    test = run.scores("test")
    result = confusion_at(test["label"], test["probability"], run.operating_point.threshold)
    counts = np.array([[result.tn, result.fp], [result.fn, result.tp]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)

    figure = style.figure(5.6)
    axes = figure.subplots()
    style.head(axes, run, "Confusion matrix on test")
    blues = LinearSegmentedColormap.from_list("shares", ["#ffffff", PALETTE.normal])
    axes.imshow(shares, cmap=blues, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = _percent(shares[row, column]) if totals[row, 0] else "no images"
        axes.text(column, row - 0.04, str(count), ha="center", va="bottom", fontsize=22)
        axes.text(column, row + 0.04, share, ha="center", va="top", fontsize=style.HEADING)
    axes.set_xticks([0, 1], CLASS_NAMES)
    axes.set_yticks([0, 1], CLASS_NAMES, rotation=90, va="center")
    style.label(axes, f"Predicted class ({_point_words(run)})", "True class (rows add up to 100 %)")
    axes.tick_params(length=0, labelsize=style.BODY)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(0.5, color="white", linewidth=3)
    return figure


def roc_curve(run: Run) -> Figure:
    """ROC curves of validation and test, with DeLong's intervals and the operating point.

    Raises:
        RunError: If the scores are missing or damaged.
    """
    figure = style.figure(6.4)
    axes = figure.subplots()
    style.head(axes, run, "ROC curve")
    axes.plot([0, 1], [0, 1], color=PALETTE.quiet, linewidth=1, label="Chance")
    for split in ("val", "test"):
        table = _table(run, split)
        name = f"{style.SPLIT_TITLES[split]}: AUC {_interval(run.metrics[split]['auc'])}"
        axes.plot(table.fpr, table.tpr, linewidth=2, label=name, **style.SPLIT_STYLES[split])
        reached = table.at(run.operating_point.threshold)
        if reached.specificity is not None and reached.sensitivity is not None:
            _mark(axes, run, split, 1 - reached.specificity, reached.sensitivity)
    style.unit_square(axes, "1 - specificity (false alarms among normals)", "Sensitivity")
    style.legend(axes, "lower right", "With 95 % intervals (DeLong)")
    return figure


def pr_curve(run: Run) -> Figure:
    """Precision-recall curves of validation and test, with the operating point.

    Drawn in steps, as the average precision adds them up: between two thresholds there is no
    straight line. Source: Davis and Goadrich, ICML 2006.

    Raises:
        RunError: If the scores are missing or damaged.
    """
    figure = style.figure(6.4)
    axes = figure.subplots()
    style.head(axes, run, "Precision-recall curve")
    for split in ("val", "test"):
        table = _table(run, split)
        metrics = run.metrics[split]
        title = style.SPLIT_TITLES[split]
        name = f"{title}: average precision {_interval(metrics['auprc'])}"
        # Nothing is called at the last threshold; by convention the curve ends at precision 1.
        precision = np.append(table.precision[:-1], 1.0)
        line = style.SPLIT_STYLES[split]
        axes.plot(table.tpr, precision, linewidth=2, drawstyle="steps-post", label=name, **line)
        axes.axhline(
            metrics["prevalence"],
            linewidth=1,
            label=f"{title}: chance (prevalence {_percent(metrics['prevalence'])})",
            **line,
        )
        reached = table.at(run.operating_point.threshold)
        if reached.sensitivity is not None and reached.ppv is not None:
            _mark(axes, run, split, reached.sensitivity, reached.ppv)
    style.unit_square(axes, "Recall (sensitivity)", "Precision (positive predictive value)")
    style.legend(axes, "lower left", "With 95 % intervals (bootstrap)")
    return figure


def calibration(run: Run) -> Figure:
    """Promised against observed share of pneumonia on test, before and after the temperature.

    Bars are Wilson's 95 % intervals; below, how many images each bin holds.

    Raises:
        RunError: If the scores are missing or damaged.
    """
    test = run.scores("test")
    labels = test["label"].to_numpy()
    figure = style.figure(7.4)
    axes, counts = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    style.head(axes, run, "Calibration on test")
    axes.plot([0, 1], [0, 1], color=PALETTE.quiet, linewidth=1, label="Perfect")
    versions = (
        ("Before", 1.0, PALETTE.series[1], "s"),
        ("After", run.temperature, PALETTE.series[0], "o"),
    )
    for position, (name, temperature, colour, marker) in enumerate(versions):
        values = probability(test["logit"].to_numpy(), temperature)
        bins = [entry for entry in reliability(labels, values) if entry.n]
        error = expected_calibration_error(labels, values)
        shares = np.array([entry.observed.to_json() for entry in bins])
        axes.errorbar(
            [entry.mean_probability for entry in bins],
            shares[:, 0],
            yerr=np.abs(shares[:, 1:] - shares[:, :1]).T,
            markersize=6,
            linewidth=1.2,
            capsize=3,
            color=colour,
            marker=marker,
            label=f"{name} (temperature {temperature:.2f}): ECE {error:.3f}",
        )
        # Two bars side by side in each bin of width 0.1.
        counts.bar(
            [entry.low + 0.03 + 0.04 * position for entry in bins],
            [entry.n for entry in bins],
            width=0.036,
            color=colour,
        )
    style.label(axes, "", "Observed share with pneumonia")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    style.label(counts, "Predicted probability of pneumonia", "Images")
    style.plain(counts)
    # Outside, because intervals may reach anywhere.
    figure.legend(
        title="Bars: 95 % intervals (Wilson)",
        loc="outside lower center",
        fontsize=style.BODY,
        title_fontsize=style.BODY,
        alignment="left",
        frameon=False,
    )
    return figure


def misclassified_samples(run: Run, dataset: Dataset) -> Figure:
    """Sheet of the test images that are most wrong at the operating point, at most `SAMPLES`.

    The worst comes first: the one whose probability is farthest from its label.

    Raises:
        RunError: If the scores are missing or damaged.
        DataError: If the data set has not the images that were scored.
    """
    wrong = misclassified(run)
    shown = wrong.head(SAMPLES)
    rows = max(-(-len(shown) // SAMPLE_COLUMNS), 1)
    figure = style.figure(1.62 * rows + 1.0)
    heading = f"Misclassified test images: {len(wrong)}"
    if len(wrong) > SAMPLES:
        heading += f", the {SAMPLES} most wrong are shown"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=style.HEADING, fontweight="bold")
    grid = figure.subplots(rows, SAMPLE_COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
        axes.set_anchor("N")
    for axes, sample in zip(grid, shown.itertuples(), strict=False):
        axes.imshow(_thumbnail(dataset.find(sample.id)), cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"True: {CLASS_NAMES[sample.label]}\n"
            f"p {_probability_words(sample.probability)}\n"
            f"{PurePosixPath(sample.id).stem}",
            fontsize=style.SMALL,
        )
    figure.supxlabel(
        f"{run.title}\n{_point_words(run)} · p: predicted probability of pneumonia\n"
        f"Images: {ATTRIBUTION}",
        x=0.01,
        ha="left",
        fontsize=style.SMALL,
        color=style.GREY,
    )
    return figure


def misclassified(run: Run) -> pd.DataFrame:
    """Test images that the run gets wrong at its operating point, the most wrong first.

    Returns:
        Rows of `Run.scores`, by falling distance of the probability from the label.

    Raises:
        RunError: If the scores are missing or damaged.
    """
    test = run.scores("test")
    called = test["probability"] >= run.operating_point.threshold
    wrong = test[called != (test["label"] == 1)]
    distance = (wrong["probability"] - wrong["label"]).abs()
    return wrong.loc[distance.sort_values(ascending=False, kind="stable").index]


def _history_plot(run: Run, measure: str, title: str) -> Figure:
    from matplotlib.ticker import MaxNLocator

    history = run.history()
    kept = sorted(one["best_epoch"] for one in members(run) or (run.training,))
    figure = style.figure(4.2)
    axes = figure.subplots()
    style.head(axes, run, title if len(kept) == 1 else f"{title}, mean of {len(kept)} networks")
    for split in ("train", "val"):
        axes.plot(
            history["epoch"],
            history[f"{split}_{measure}"],
            marker=".",
            linewidth=1.8,
            label=style.SPLIT_TITLES[split],
            **style.SPLIT_STYLES[split],
        )
    chosen = history[history["epoch"].isin(kept)]
    for epoch in kept:
        axes.axvline(epoch, color=PALETTE.point, linewidth=1)
    axes.plot(
        chosen["epoch"],
        chosen[f"val_{measure}"],
        "o",
        color=PALETTE.point,
        markersize=8,
        label=f"Chosen epoch{'s' * (len(kept) > 1)}: {', '.join(map(str, kept))}",
    )
    style.label(axes, "Epoch", "")
    # An ensemble's history ends with its shortest member's, which another may have outlived.
    axes.set_xlim(0.5, max(history["epoch"].max(), *kept) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style.legend(axes, "lower right")
    return figure


def _mark(axes: Axes, run: Run, split: str, x: float, y: float) -> None:
    """Mark the operating point: filled on test; hollow on validation, where it was chosen."""
    axes.plot(
        x,
        y,
        "o",
        color=PALETTE.point,
        markerfacecolor=PALETTE.point if split == "test" else "white",
        markersize=9,
        markeredgewidth=2,
        zorder=3,
        label=f"{style.SPLIT_TITLES[split]}: {_point_words(run)}",
    )


def _point_words(run: Run) -> str:
    point = run.operating_point
    return f"{point.name}, threshold {point.threshold:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _probability_words(value: float) -> str:
    """A probability with three decimals, never rounded to certainty."""
    if value < 0.001:
        return "< 0.001"
    return "> 0.999" if value > 0.999 else f"= {value:.3f}"


def _table(run: Run, split: str) -> ThresholdTable:
    scores = run.scores(split)
    return threshold_table(scores["label"], scores["probability"])


def _interval(figure: list[float | None]) -> str:
    """A figure of `Run.metrics` in words: 0.964 (0.951 to 0.975)."""
    estimate = Estimate.from_json(figure)
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Take a film float32 (H, W) in [0, 1] down to what can be printed: uint8 (h, w)."""
    from PIL import Image

    image = Image.fromarray((pixels * 255).round().astype(np.uint8))
    image.thumbnail((SAMPLE_PIXELS, SAMPLE_PIXELS))
    return np.asarray(image)
