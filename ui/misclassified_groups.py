"""The wrong films in groups that look alike to the network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui import misclassified_films as public
from ui import numbers
from ui.cases import WRONG, InView, judged
from ui.gallery import gallery
from ui.words import misclassified as words

if TYPE_CHECKING:
    from pneumo_core.datasets import Dataset
    from pneumo_core.runs import Run

A_ROW = 5
"""Films of each group that are shown."""

NO_STRUCTURE, STRUCTURE = 0.25, 0.5
"""Silhouettes up to which there is none, and from which there is; see `error_groups.Grouping`."""


def wrong_films(scores: pd.DataFrame, threshold: float) -> InView:
    """All films on the wrong side of the threshold."""
    films = judged(scores, threshold)
    wrong = films[films["cell"].isin(WRONG)]
    return InView(wrong, "groups", words.TABS["groups"], "", words.GROUPS_NONE)


def groups(run: Run, dataset: Dataset, view: InView, with_heatmaps: bool) -> InView:
    """Draw a row of tiles for each group, and say what its films share.

    Returns:
        The same films, group after group, each group's most typical first.
    """
    films = view.films
    found = public.grouped(run, dataset, tuple(films["id"]))
    st.markdown(words.GROUPS_LINE.format(count=len(films), apart=_apart(found.silhouette)))
    parts = [films.iloc[positions] for positions in found.groups]
    for number, part in enumerate(parts, 1):
        one, several = words.GROUP_FILMS
        count = one if len(part) == 1 else several.format(count=len(part))
        st.header(words.GROUP.format(number=number, count=count))
        st.markdown(shared(part))
        gallery(run, dataset, part[:A_ROW], with_heatmaps, outcome=True, key=f"group-{number}")
        if len(part) > A_ROW:
            st.caption(words.GROUP_MORE.format(count=len(part) - A_ROW))
    return replace(view, films=pd.concat(parts))


def shared(part: pd.DataFrame) -> str:
    """What the films of a group have in common: kind of error, kind of film, mean probability."""
    group = part["group"].where(part["group"].isin(("bacteria", "virus", "normal")), "")
    counts = (part["cell"] + " " + group).value_counts()
    named = [
        words.GROUP_PARTS[kind].format(count=count)
        for kind, count in counts.items()
        if kind in words.GROUP_PARTS
    ]
    percent = numbers.percent(float(part["probability"].mean()))
    return words.GROUP_LINE.format(parts=", ".join(named), percent=percent)


def _apart(silhouette: float | None) -> str:
    if silhouette is None:
        return words.ONE_GROUP
    hardly, overlap, clearly = words.APART
    value = f"{silhouette:.2f}".replace("-", "−")
    if silhouette <= NO_STRUCTURE:
        return hardly.format(value=value)
    return (clearly if silhouette > STRUCTURE else overlap).format(value=value)
