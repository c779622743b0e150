"""What stands below the live control: the sections of the Threshold page, one function each.

A section shows the threshold that is tried (`threshold_lab`) on the sets of scores it is given.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pneumo_core import figures, figures_compare
from pneumo_core.calibration import brier, expected_calibration_error, reliability
from pneumo_core.comparison import compare_splits
from pneumo_core.confusion import figures_at
from pneumo_core.decision import at_prevalence, decision_curve, net_benefit
from pneumo_core.operating_point import threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run
from ui import threshold_lab as lab
from ui.threshold_data import Scored
from ui.words import threshold as words

RATIOS = ("auc", "f1", "lr_positive", "lr_negative")
"""Figures that are no share of anything and so are not written as percent."""
DRAWN = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy")


def with_interval(name: str, estimate: Estimate) -> str:
    """A figure as the page writes it: 97.2 % (94.9 to 98.4), or a dash where undefined."""
    if estimate.value is None:
        return "–"
    low, high = (_plain(name, limit) for limit in (estimate.low, estimate.high))
    return f"{_plain(name, estimate.value)}{'' if name in RATIOS else ' %'} ({low} to {high})"


def points(change: Estimate) -> str:
    """A difference of two shares in points, signed, with its interval."""
    if change.value is None:
        return "–"
    value, low, high = (f"{100 * part:+.1f}".replace("-", "−") for part in change.to_json())
    return f"{value} ({low} to {high})"


def show(figure: go.Figure, alt: str, key: str) -> None:
    """Show a figure that is read out as ``alt``."""
    st.plotly_chart(figure, alt=alt, key=key, config={"displayModeBar": False})


def how_sure(sets: Mapping[str, Scored], run: Run) -> None:
    """Every figure on validation and test at the same threshold, with intervals and in words."""
    threshold = lab.current().point.threshold
    val, test = sets["val"], sets["test"]
    found = {
        one.name: figures_at(one.labels, one.probabilities, threshold, one.patients)
        for one in (val, test)
    }
    changes = {
        change.name: change
        for change in compare_splits(
            (val.labels, val.probabilities),
            (test.labels, test.probabilities),
            threshold,
            patients=(val.patients, test.patients),
        )
    }
    sentences = [changes[name].sentence for name in ("sensitivity", "specificity")]
    st.markdown("  \n".join(f"**{text[:1].upper()}{text[1:]}.**" for text in sentences))
    st.caption(" ".join(why_they_differ(sets, run)))

    # Side by side where there is room, else one above the other.
    row = st.container(horizontal=True, gap="large")
    chart, table = row.container(width=430), row.container(width=720)
    with chart:
        series = [(name, [found[name][figure] for figure in DRAWN]) for name in found]
        names = [words.FIGURES[figure] for figure in DRAWN]
        show(figures_compare.comparison(names, series), words.COMPARISON_ALT, "compared")
    title = words.FIGURE.format(threshold=threshold_words(threshold))
    rows = [
        {
            title: words.FIGURES[figure],
            **{name: with_interval(figure, found[name][figure]) for name in found},
            words.CHANGE: points(changes[figure].change) if figure in changes else "",
        }
        for figure in words.FIGURES
    ]
    table.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    table.caption(words.INTERVALS)


def why_they_differ(sets: Mapping[str, Scored], run: Run) -> list[str]:
    """Sentences on what is known to differ between validation and test."""
    share = {split: f"{100 * one.labels.mean():.0f} %" for split, one in sets.items()}
    more = ""
    bacterial = {split: one.share_of_pneumonia("bacteria") for split, one in sets.items()}
    if None not in bacterial.values():
        shown = {split: f"{100 * value:.0f} %" for split, value in bacterial.items()}
        more = words.DIFFER_BACTERIA.format(**shown)
    sentences = [words.DIFFER.format(**share, more=more)]
    if run.data.get("split_rule") == "official":
        sentences.append(words.SHARED_PATIENTS)
    return sentences


def clinic(one: Scored) -> None:
    """What the threshold means at the user's own prevalence, and whether it does good."""
    threshold = lab.current().point.threshold
    percent = st.number_input(
        words.CLINIC_PREVALENCE,
        min_value=0.1,
        max_value=99.9,
        value=10.0,
        step=1.0,
        format="%.1f",
        key="clinic_prevalence",
        persist_state="session",
        width=260,
    )
    prevalence = percent / 100
    confusion = one.at(threshold)
    found = figures_at(one.labels, one.probabilities, threshold, one.patients)
    there = at_prevalence(confusion, prevalence, found)
    shown = {
        name: with_interval(name, getattr(there, name))
        for name in ("ppv", "npv", "lr_positive", "lr_negative")
    }
    st.markdown(words.CLINIC_SENTENCE.format(**shown))
    counts = {name: _count(getattr(there, name)) for name in ("tp", "fn", "fp", "tn")}
    show(
        figures.per_thousand(there, words.CLINIC_PARTS),
        words.CLINIC_ALT.format(**counts),
        "per_thousand",
    )
    st.caption(words.CLINIC_ASSUMES.format(split=one.name.lower()))
    curve = decision_curve(one.table, prevalence)
    useful = curve.useful()
    st.markdown(
        words.NOT_USEFUL
        if useful is None
        else words.USEFUL.format(low=f"{useful[0]:.2f}", high=f"{useful[1]:.2f}")
    )
    fixed = net_benefit(confusion, curve.preferences, prevalence)
    show(
        figures.decision_curve(curve, threshold, fixed),
        words.NET_BENEFIT_ALT.format(threshold=threshold_words(threshold)),
        "net_benefit",
    )


def calibration(one: Scored, run: Run) -> None:
    """Whether a probability means what it says, before and after the temperature."""
    ece, score = (
        [measure(one.labels, p) for p in (one.uncalibrated, one.probabilities)]
        for measure in (expected_calibration_error, brier)
    )
    row = st.container(horizontal=True, gap="large")
    chart, table = row.container(width=720), row.container(width=430)
    alt = words.RELIABILITY_ALT.format(
        split=one.name.lower(), before=f"{ece[0]:.3f}", after=f"{ece[1]:.3f}"
    )
    with chart:
        after, before = (reliability(one.labels, p) for p in (one.probabilities, one.uncalibrated))
        show(figures.reliability(after, before), alt, "reliability")
    table.markdown(words.TEMPERATURE.format(temperature=f"{run.temperature:.2f}"))
    columns = [column.format(split=one.name) for column in words.CALIBRATION_COLUMNS]
    rows = [[words.ECE, *ece], [words.BRIER, *score]]
    table.table(
        pd.DataFrame([[row[0], *(f"{x:.3f}" for x in row[1:])] for row in rows], columns=columns),
        border="horizontal",
        hide_index=True,
    )


def _plain(name: str, value: float | None) -> str:
    if value is None:
        return "∞"
    if name in ("auc", "f1"):
        return f"{value:.3f}"
    return f"{value:#.2g}".rstrip(".") if name in RATIOS else f"{100 * value:.1f}"


def _count(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.0f}"
