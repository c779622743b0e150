"""Figures by group, each with its interval, and the threshold that a group alone would get."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pneumo_core.confusion import ThresholdTable
from pneumo_core.figures_compare import Panel, by_group
from pneumo_core.groups import Group
from pneumo_core.operating_point import ask_table, threshold_words
from ui import threshold_lab as lab
from ui.threshold_ask import rule_picker
from ui.threshold_data import Scored
from ui.threshold_show import as_text, count, show, with_interval
from ui.words import threshold as words

FIGURES = ("sensitivity", "specificity", "auc")
RULES = ("sensitivity", "specificity", "youden")
"""Rules that mean the same whatever share of a group is ill."""


def groups(one: Scored) -> None:
    """A chart and a table with a row for each group of a column, and a threshold for each."""
    if not one.groups:
        st.info(words.NO_GROUPS)
        return
    column = next(iter(one.groups))
    if len(one.groups) > 1:
        column = st.selectbox(words.GROUP_COLUMN, list(one.groups), key="group_column", width=300)
    threshold = lab.current().point.threshold
    parted = one.by(column)
    rows = [group.row(threshold) for group in parted]
    whole = one.figures(threshold)
    found = [{**row.figures, "auc": row.auc} for row in rows]
    panels = [
        Panel(words.FIGURES[name], [figures[name] for figures in found], whole[name])
        for name in FIGURES
    ]
    alt = words.GROUP_ALT.format(column=column, count=len(rows))
    show(by_group([_name(row.name) for row in rows], panels), alt, "by-group")
    title = words.FIGURE.format(threshold=threshold_words(threshold))
    table = [
        {
            title: as_text(_name(row.name)),
            words.GROUP_PNEUMONIA: count(row.confusion.positives),
            words.GROUP_NORMAL: count(row.confusion.negatives),
            **{words.FIGURES[name]: with_interval(name, figures[name]) for name in FIGURES},
        }
        for row, figures in zip(rows, found, strict=True)
    ]
    st.table(pd.DataFrame(table), border="horizontal", hide_index=True)
    against = sorted({row.auc_against for row in rows} - {""})
    notes = [words.GROUP_LINES]
    if against:
        notes.append(words.GROUP_AGAINST.format(against=" or ".join(against)))
    st.caption(" ".join(notes))
    _own_thresholds(one, parted)


def _own_thresholds(one: Scored, parted: Sequence[Group]) -> None:
    """The threshold that a rule chooses on each group alone, and what it does there."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="group_rule_line"):
        rule = rule_picker("group", RULES, words.GROUP_RULE)
    everyone = ask_table(one.table, rule, one.split).point.threshold
    rows = [(words.GROUP_ALL, everyone, one.table)]
    for group in parted:
        own, _ = group.own(rule, one.split)
        rows.append((_name(group.name), own and own.point.threshold, group.table))
    table = [
        {
            words.GROUP_OWN: as_text(name),
            words.CONTROL["threshold"]: "–" if own is None else f"**{threshold_words(own)}**",
            **{
                words.FIGURES[figure]: _there(figure, own, inside, one.table)
                for figure in ("sensitivity", "specificity")
            },
        }
        for name, own, inside in rows
    ]
    st.table(pd.DataFrame(table), border="horizontal", hide_index=True)


def _there(
    figure: str, threshold: float | None, inside: ThresholdTable, everyone: ThresholdTable
) -> str:
    """A figure of a group at its own threshold; of a class it lacks, that of all images."""
    if threshold is None:
        return "–"
    value = getattr(inside.at(threshold), figure)
    if value is not None:
        return f"{100 * value:.1f} %"
    value = getattr(everyone.at(threshold), figure)
    return (
        "–" if value is None else words.GROUP_ELSEWHERE[figure].format(share=f"{100 * value:.1f} %")
    )


def _name(name: str) -> str:
    return words.GROUP_NAMES.get(name, name)
