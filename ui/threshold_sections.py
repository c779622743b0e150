"""What stands below the live control: the sections of the Threshold page, one function each.

A section shows the threshold that is tried (`threshold_lab`) on the sets of scores it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pneumo_core import figures, figures_compare
from pneumo_core.comparison import Change, compare_splits
from pneumo_core.decision import (
    at_other_prevalence,
    at_prevalence,
    decision_curve,
    net_benefit,
)
from pneumo_core.operating_point import threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run
from ui import clinic as clinic_at
from ui import threshold_lab as lab
from ui.threshold_data import Promise, Scored, Source
from ui.threshold_show import points, show, with_interval
from ui.words import clinic as clinic_words
from ui.words import threshold as words

DRAWN = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy")


def how_sure(source: Source) -> None:
    """Every figure with its interval; of a model on both sets, with the change in words."""
    threshold = lab.current().point.threshold
    sets = source.sets
    found = {one.name: one.figures(threshold) for one in sets.values()}
    changes = _changes(sets, threshold) if source.run else {}
    if source.run:
        sentences = [changes[name].sentence for name in ("sensitivity", "specificity")]
        st.markdown("  \n".join(f"**{text[:1].upper()}{text[1:]}.**" for text in sentences))
        st.caption(" ".join(why_they_differ(sets, source.run)))

    # Side by side where there is room, else one above the other.
    row = st.container(horizontal=True, gap="medium")
    chart, table = row.container(width=400), row.container(width=680)
    with chart:
        series = [(name, [found[name][figure] for figure in DRAWN]) for name in found]
        names = [words.FIGURES[figure] for figure in DRAWN]
        show(figures_compare.comparison(names, series), words.COMPARISON_ALT, "intervals")
    title = words.FIGURE.format(threshold=threshold_words(threshold))
    rows = []
    for figure in words.FIGURES:
        cells = {name: with_interval(figure, found[name][figure]) for name in found}
        if changes:
            cells[words.CHANGE] = points(changes[figure].change) if figure in changes else ""
        rows.append({title: words.FIGURES[figure], **cells})
    table.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    table.caption(words.INTERVALS if changes else words.INTERVALS_ONE)


def _changes(sets: Mapping[str, Scored], threshold: float) -> dict[str, Change]:
    val, test = sets["val"], sets["test"]
    changes = compare_splits(
        (val.labels, val.probabilities),
        (test.labels, test.probabilities),
        threshold,
        patients=(val.patients, test.patients),
    )
    return {change.name: change for change in changes}


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
    st.session_state.setdefault(clinic_at.KEY, clinic_words.START)
    percent = st.number_input(
        clinic_words.ASKED,
        *clinic_words.RANGE,
        step=1.0,
        format="%.1f",
        key=clinic_at.KEY,
        persist_state="session",
        width=260,
    )
    prevalence = percent / 100
    confusion = one.at(threshold)
    found = one.figures(threshold)
    there = at_prevalence(confusion, prevalence, found)
    shown = {
        name: with_interval(name, getattr(there, name))
        for name in ("ppv", "npv", "lr_positive", "lr_negative")
    }
    means = at_other_prevalence(threshold, one.labels.mean(), prevalence)
    st.markdown(
        f"{words.CLINIC_SENTENCE.format(**shown)} "
        f"{words.CLINIC_MEANS.format(threshold=threshold_words(threshold), means=f'{means:.2g}')}"
    )
    counts = {name: _count(getattr(there, name)) for name in ("tp", "fn", "fp", "tn")}
    show(
        figures.per_thousand(there, words.CLINIC_PARTS),
        words.CLINIC_ALT.format(**counts),
        "per_thousand",
    )
    st.caption(words.CLINIC_ASSUMES[one.split])
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


def calibration(one: Scored, run: Run | None) -> None:
    """Whether a probability means what it says, before and after a temperature."""
    if run is not None:
        series = [(words.BEFORE, one.promise_before), (words.AFTER, one.promise)]
        _calibration(one, series, words.TEMPERATURE.format(temperature=f"{run.temperature:.2f}"))
        return
    series, text = [(words.AS_BROUGHT, one.promise)], words.AS_BROUGHT_TEXT
    if st.toggle(words.FIT_TEMPERATURE, key="fit_temperature"):
        fitted, temperature = one.promise_fitted
        series.append((words.FITTED, fitted))
        text = words.FITTED_TEXT.format(temperature=f"{temperature:.2f}")
    _calibration(one, series, text)


def _calibration(one: Scored, series: Sequence[tuple[str, Promise]], text: str) -> None:
    """A reliability diagram and its figures; the last of the series stands in front."""
    row = st.container(horizontal=True, gap="medium")
    chart, table = row.container(width=660), row.container(width=420)
    gaps = ", ".join(f"{name} {promise.ece:.3f}" for name, promise in series)
    with chart:
        drawn = [(name, promise.bins) for name, promise in series]
        alt = words.RELIABILITY_ALT.format(name=one.name.lower(), gaps=gaps)
        show(figures.reliability(drawn), alt, "reliability")
    table.markdown(text)
    rows = [
        {one.name: title, **{name: f"{getattr(promise, key):.3f}" for name, promise in series}}
        for key, title in (("ece", words.ECE), ("brier", words.BRIER))
    ]
    table.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _count(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.0f}"
