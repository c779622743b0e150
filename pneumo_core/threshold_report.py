"""An operating point to take away: a page to print, JSON, and the table behind it.

The page is one HTML file without scripts or anything from elsewhere; names that users gave are
escaped, so they never become markup.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from pneumo_core import NOTICE, __version__
from pneumo_core.comparison import Change, compare_splits
from pneumo_core.confusion import Confusion, ThresholdTable, figures_at, threshold_table
from pneumo_core.decision import at_prevalence
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import OperatingPoint, split_words, threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.resampling import resample
from pneumo_core.scores import as_clusters, pair_probabilities
from pneumo_core.threshold_svg import Curve, roc_svg, scores_svg
from pneumo_core.zones import Zones, zone_rows

FIGURES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1",
    "auc": "AUC",
    "lr_positive": "LR+",
    "lr_negative": "LR−",
}
"""The figures of a summary, in order, with their titles."""

_NO_SHARES = ("f1", "auc", "lr_positive", "lr_negative")
_METHODS = (
    "Brackets hold 95 % intervals: Wilson's for shares, DeLong's for the AUC, the bootstrap's for "
    "the band of the ROC curve, Newcombe's for changes; where the patients are known, images of "
    "one patient do not count as independent."
)
_STYLE = """
@page { size: A4; margin: 12mm }
:root { color-scheme: light }
body { font: 13px/1.35 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 186mm;
  margin: 2em auto; padding: 0 1em; overflow-wrap: anywhere }
h1 { font-size: 1.5em; margin: 0 0 .3em }
h2 { font-size: 1.1em; margin: .8em 0 .3em }
p { margin: .3em 0 }
ul { margin: 0; padding-left: 1.2em }
.quiet { color: #4d5966; font-size: .9em }
.notice { border: 1px solid #b54708; padding: .3em .6em; font-weight: 600 }
.row { display: flex; flex-wrap: wrap; gap: 0 6mm }
.row > * { flex: 1 1 80mm; min-width: 0 }
svg { width: 100%; height: auto; max-height: 32mm; display: block }
.roc svg { max-height: 72mm }
table { border-collapse: collapse; width: 100%; margin-top: .8em;
  font-variant-numeric: tabular-nums; break-inside: avoid }
caption { text-align: left; font-weight: 600 }
th, td { text-align: left; vertical-align: top; padding: .12em .5em .12em 0;
  border-bottom: 1px solid #d5dbe1 }
tbody th { font-weight: normal }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5px } }
"""


@dataclass(frozen=True, eq=False)
class Sample:
    """Labels and probabilities of one set of images.

    Attributes:
        name: "val" and "test" are written out; any other name is shown as it is.
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        patients: (N,) names or numbers, or None.
    """

    name: str
    labels: Any
    probabilities: Any
    patients: Any = None


def report_html(
    point: OperatingPoint,
    samples: Sequence[Sample],
    source: str,
    *,
    weights_sha256: str = "",
    zones: Zones | None = None,
    prevalence: float | None = None,
) -> str:
    """Write a one-page summary of an operating point, as a self-contained HTML file.

    Args:
        point: The threshold and where it comes from.
        samples: One set of images, or two independent ones (validation, then test); zones and
            predictive values are those of the last.
        source: Model and data in words, or "your own scores".
        weights_sha256: Of the model's weights, "" for none.
        zones: Rule-out and rule-in thresholds, None for none.
        prevalence: In (0, 1), of the user's patients; None leaves that part out.

    Raises:
        DataError: A bad value, different lengths, or a prevalence outside (0, 1).
    """
    summaries = [_Summary.of(sample, point.threshold) for sample in samples]
    last = summaries[-1]
    holds = "" if len(summaries) < 2 else _holds(summaries[0], last, point.threshold)
    clinic = "" if prevalence is None else _clinic(last, prevalence)
    parts = [
        f"<h1>Operating point “{escape(point.name)}”</h1>",
        _origin(point, source, weights_sha256),
        f'<p class="notice">{escape(NOTICE)}</p>',
        f'<div class="row">{_pictures(summaries, point.threshold, zones)}</div>',
        f'<div class="row">{"".join(_matrix(one) for one in summaries)}</div>',
        _figures(summaries),
        f'<div class="row">{holds}{clinic}</div>',
        "" if zones is None else _zones(last, zones),
        f'<p class="quiet">{_METHODS} PneumoLens {__version__}.</p>',
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Operating point {escape(point.name)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def operating_point_json(point: OperatingPoint, run: str, weights_sha256: str = "") -> str:
    """Write an operating point as JSON: what is saved in a run, and which model it belongs to.

    Args:
        point: The threshold and where it comes from.
        run: Name of the run, or what else the scores come from.
        weights_sha256: Of its weights; left out when "".

    Returns:
        Indented JSON: run, weights_sha256, positive_if, name, threshold, rule, split, date.
    """
    content = {
        "run": run,
        **({"weights_sha256": weights_sha256} if weights_sha256 else {}),
        "positive_if": "probability >= threshold",
        **point.to_json(),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def table_csv(table: ThresholdTable) -> str:
    """Write every threshold with its counts and figures as CSV; an undefined figure is left empty.

    Thresholds are exact, figures rounded to six decimals.
    """
    import pandas as pd

    called, cleared = table.tp + table.fp, table.tn + table.fn
    figures = {
        "sensitivity": (table.tp, table.positives),
        "specificity": (table.tn, table.negatives),
        "ppv": (table.tp, called),
        "npv": (table.tn, cleared),
        "f1": (2 * table.tp, called + table.positives),
        "accuracy": (table.tp + table.tn, table.positives + table.negatives),
    }
    with np.errstate(invalid="ignore"):
        shares = {
            name: np.round(part / np.asarray(whole, float), 6)
            for name, (part, whole) in figures.items()
        }
    counts = {name: getattr(table, name) for name in ("tp", "fp", "tn", "fn")}
    frame = pd.DataFrame({"threshold": table.thresholds, **counts, **shares})
    return frame.to_csv(index=False)


def figure_words(key: str, estimate: Estimate) -> str:
    """Write a figure with its interval: "97.2 % (94.9 to 98.4)", "–" where undefined.

    Args:
        key: its name as in `FIGURES`; any other is taken for a share.
        estimate: the figure; infinite where only its lower limit is there, without an interval
            where only the value is.
    """
    if estimate.low is None and estimate.value is None:
        return "–"
    value, low, high = (_plain(key, part) for part in estimate.to_json())
    unit = "" if key in _NO_SHARES else " %"
    if estimate.low is None and estimate.high is None:
        return f"{value}{unit}"
    return f"{value}{unit} ({low} to {high})"


@dataclass(frozen=True, eq=False)
class _Summary:
    """A sample and all that is shown of it at the threshold."""

    name: str
    sample: Sample
    table: ThresholdTable
    confusion: Confusion
    figures: dict[str, Estimate]
    curve: Curve

    @classmethod
    def of(cls, sample: Sample, threshold: float) -> "_Summary":
        positive, p = pair_probabilities(sample.labels, sample.probabilities)
        whose = sample.patients
        if whose is not None:  # numbered once, not in every figure
            whose = as_clusters(whose, positive.size)
        table = threshold_table(positive, p)
        figures = figures_at(positive, p, threshold, whose)
        figures["auc"] = auc_delong(positive, p, whose)
        both = table.positives and table.negatives
        band = resample(positive, p, whose).roc_band() if both else None
        name = split_words(sample.name)
        return cls(
            name,
            Sample(sample.name, positive, p, whose),
            table,
            table.at(threshold),
            figures,
            Curve(_sentence_case(name), table, threshold, band),
        )


def _origin(point: OperatingPoint, source: str, weights_sha256: str) -> str:
    chosen = f", on {split_words(point.split)}" if point.split else ""
    rows = [
        ("Scores of", source),
        ("Threshold", f"{threshold_words(point.threshold)} ({point.threshold!r})"),
        ("Chosen by", f"{point.rule}{chosen}"),
        ("Date", point.date),
    ]
    lines = [f"{name}: <strong>{escape(text)}</strong>" for name, text in rows if text]
    if weights_sha256:
        lines.append(f"SHA-256 of the weights: <code>{escape(weights_sha256)}</code>")
    return f"<p>{'<br>'.join(lines)}</p>"


def _pictures(summaries: Sequence[_Summary], threshold: float, zones: Zones | None) -> str:
    edges = () if zones is None else (zones.rule_out, zones.rule_in)
    histograms = "".join(
        f"<h2>Scores, {escape(one.name)}</h2>{scores_svg(one.table, threshold, edges)}"
        for one in summaries
    )
    roc = roc_svg([one.curve for one in summaries])
    return f'<div class="roc"><h2>ROC</h2>{roc}</div><div>{histograms}</div>'


def _matrix(one: _Summary) -> str:
    c = one.confusion
    return _table(
        ("", "called pneumonia", "called normal", "all"),
        (
            ("pneumonia", f"{c.tp} found", f"{c.fn} missed", f"{c.positives}"),
            ("normal", f"{c.fp} false alarms", f"{c.tn} cleared", f"{c.negatives}"),
        ),
        f"{_sentence_case(one.name)}, {c.n} images",
    )


def _figures(summaries: Sequence[_Summary]) -> str:
    rows = [
        (title, *(figure_words(key, one.figures[key]) for one in summaries))
        for key, title in FIGURES.items()
    ]
    return _table(("Figure", *(_sentence_case(one.name) for one in summaries)), rows)


def _holds(first: _Summary, second: _Summary, threshold: float) -> str:
    one, two = first.sample, second.sample
    changes = compare_splits(
        (one.labels, one.probabilities),
        (two.labels, two.probabilities),
        threshold,
        (one.name, two.name),
        (one.patients, two.patients),
    )
    sentences = "".join(
        f"<li>{escape(_sentence_case(change.sentence))}{_points(change)}.</li>"
        for change in changes
        if change.name in ("sensitivity", "specificity", "auc", "prevalence")
    )
    return f"<div><h2>Does it hold?</h2><ul>{sentences}</ul></div>"


def _clinic(one: _Summary, prevalence: float) -> str:
    clinic = at_prevalence(one.confusion, prevalence, one.figures)
    rows = [
        ("Pneumonia after an alert (PPV)", figure_words("ppv", clinic.ppv)),
        ("None after an all-clear (NPV)", figure_words("npv", clinic.npv)),
        *(
            (f"{name}, of 1000 patients", _count(getattr(clinic, key)))
            for key, name in (("fn", "Missed"), ("fp", "False alarms"), ("alerts", "Alerts"))
        ),
    ]
    caption = (
        f"Where {100 * prevalence:g} % of the patients have pneumonia, by the figures of {one.name}"
    )
    return f"<div>{_table((), rows, caption)}</div>"


def _zones(one: _Summary, zones: Zones) -> str:
    low, high = threshold_words(zones.rule_out), threshold_words(zones.rule_in)
    titles = {
        "rule out": f"Rule out, below {low}",
        "uncertain": "Uncertain: needs a reader",
        "rule in": f"Rule in, from {high}",
    }
    rows = [
        (
            titles[row.zone],
            figure_words("share", row.share),
            f"{row.positives}",
            f"{row.negatives}",
            ""
            if row.zone == "uncertain"
            else f"{row.errors}: {figure_words('rate', row.error_rate)}",
        )
        for row in zone_rows(one.sample.labels, one.sample.probabilities, zones)
    ]
    header = (f"Zones, {one.name}", "Images", "Pneumonia", "Normal", "Wrong in it")
    on = f", on {split_words(zones.split)}" if zones.split else ""
    chosen = escape(f"{_sentence_case(zones.rule)}{on}.")
    return f'{_table(header, rows)}<p class="quiet">{chosen}</p>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f"<table>{title}{top}<tbody>{body}</tbody></table>"


def _plain(key: str, value: float | None) -> str:
    if value is None:
        return "∞"
    if key in ("f1", "auc"):
        return f"{value:.3f}"
    if key not in _NO_SHARES:
        return f"{100 * value:.1f}"
    # Two digits, but never as a power of ten.
    return f"{value:.0f}" if value >= 99.5 else f"{value:#.2g}".rstrip(".")


def _count(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.0f} ({estimate.low:.0f} to {estimate.high:.0f})"


def _points(change: Change) -> str:
    """The change in points with its interval, "" where undefined."""
    if change.change.low is None:
        return ""
    value, low, high = (f"{100 * part:+.1f}" for part in change.change.to_json())
    return f" (change {value} points, {low} to {high})".replace("-", "−")


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:]
