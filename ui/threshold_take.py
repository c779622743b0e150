"""What can be taken away from the Threshold page: the point, the table, the summary, the charts."""

from __future__ import annotations

import shlex
from functools import partial

import streamlit as st

from pneumo_core.operating_point import OperatingPoint
from pneumo_core.rules import Rule, rule_to_json
from pneumo_core.runs import Run
from pneumo_core.threshold_report import Sample, operating_point_json, report_html, table_csv
from ui import clinic, state
from ui import threshold_lab as lab
from ui.threshold_data import Scored, Source
from ui.threshold_show import FORMAT, count
from ui.words import clinic as clinic_words
from ui.words import threshold as words

MOST_ROWS = 20_000
"""Rows of the table; of more thresholds those are kept that say most."""


def take_away(source: Source, one: Scored) -> None:
    """A link to this page at this threshold, and files that hold what it shows."""
    point = lab.current().point
    if source.run is not None:
        st.caption(words.LINK)
        link = state.link("threshold", split=one.split, **{lab.AT: repr(point.threshold)})
        st.code(f"{_base()}{link}", language=None, wrap_lines=True)
    name = f"{source.name}-{one.split}" if source.run else source.name
    sha256 = source.run.weights_sha256 if source.run else ""
    few = len(one.table) <= MOST_ROWS
    prevalence = (clinic.percent() or clinic_words.START) / 100
    files = (
        (
            words.SUMMARY,
            partial(summary, source, point, prevalence),
            f"{source.name}-summary.html",
            "text/html",
        ),
        (
            words.POINT,
            partial(operating_point_json, point, source.name, sha256),
            f"{source.name}-operating-point.json",
            "application/json",
        ),
        (
            words.TABLE if few else words.TABLE_THINNED.format(rows=count(MOST_ROWS)),
            lambda: table_csv(one.table.thinned(MOST_ROWS)),
            f"{name}-thresholds.csv",
            "text/csv",
        ),
    )
    with st.container(horizontal=True, key="take_files"):
        for label, content, file, mime in files:
            st.download_button(label, content, file, mime, on_click="ignore")
    st.segmented_control(
        words.CHART_FORMAT,
        list(words.CHART_FORMATS),
        format_func=words.CHART_FORMATS.get,
        default="svg",
        key=FORMAT,
        required=True,
        persist_state="session",
    )
    st.caption(words.LIVE_CHARTS)
    if source.run is not None:
        _for_everybody(source.run, one)


def summary(source: Source, point: OperatingPoint, prevalence: float) -> str:
    """The one-page summary of an operating point, as HTML."""
    run = source.run
    samples = [
        Sample(one.split, one.labels, one.probabilities, one.patients)
        for one in source.sets.values()
    ]
    return report_html(
        point,
        samples,
        words.SUMMARY_OF.format(model=run.title, data=run.data["title"])
        if run
        else words.OWN_SPLIT,
        weights_sha256=run.weights_sha256 if run else "",
        zones=run.zones.around(min(point.threshold, 1.0)) if run else None,
        prevalence=prevalence,
    )


def rule_text(rule: Rule) -> str:
    """A rule as the command line reads it: "sensitivity>=0.97", "ppv>=0.9@0.1"."""
    numbers = rule_to_json(rule)
    key, prevalence = numbers.pop("rule"), numbers.pop("prevalence", None)
    sign = {"cost": "=", "fbeta": "=", "alerts": "<="}.get(key, ">=")
    number = "".join(f"{sign}{value:.12g}" for value in numbers.values())
    return f"{key}{number}" + ("" if prevalence is None else f"@{prevalence:.12g}")


def _for_everybody(run: Run, one: Scored) -> None:
    """How to save what a rule chose with the model; no visitor does that from the page."""
    answer = lab.current().answer
    if answer is None or not answer.reached or answer.split != one.split:
        st.caption(words.ASK_TO_SAVE)
        return
    st.caption(words.SAVE_WITH_MODEL)
    command = f"python -m pneumo_core operating-point {shlex.quote(run.name)}"
    st.code(
        f"{command} --rule '{rule_text(answer.rule)}' --split {one.split} --save",
        language="bash",
        wrap_lines=True,
    )


def _base() -> str:
    """Where the app is served, up to and with the last slash."""
    return (st.context.url or "").split("?")[0].rsplit("/", 1)[0] + "/"
