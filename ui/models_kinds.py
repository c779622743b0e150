"""How far a model tells bacterial from viral pneumonia, beside what was published."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pneumo_core.kinds import CLASSES, found
from pneumo_core.model_table import ModelRow
from pneumo_core.proportions import Estimate
from pneumo_core.published import FIGURES
from pneumo_core.runs import patients_of
from ui import cache
from ui.threshold_show import with_interval
from ui.words import models as words


def kinds(row: ModelRow) -> None:
    """Which share of each kind is found, and for a network of three answers the kinds apart."""
    if shares := _by_kind(row):
        st.markdown(words.KINDS_LINE.format(kinds=shares))
    known = row.run.metrics["test"].get("kinds", {})
    if "bacteria_against_virus" in known:
        _told_apart(row, known["bacteria_against_virus"])
    if "confusion" in known:
        names = [words.ANSWERS[name] for name in CLASSES]
        st.markdown(words.THREE_LINE)
        table = pd.DataFrame(known["confusion"], columns=names)
        table.insert(0, words.TRUTH, names)
        st.table(table, border="horizontal", hide_index=True)


def _told_apart(row: ModelRow, apart: dict) -> None:
    """Figures of bacterial against viral among the films with pneumonia."""
    theirs = row.published.kinds
    cells = []
    for name in FIGURES:
        cell = {
            words.KIND_FIGURE: words.KIND_FIGURES[name],
            words.OURS: with_interval(name, Estimate.from_json(apart[name])),
        }
        if theirs:
            given = theirs.get(name)
            cell[words.THEIRS] = (
                "–" if given is None else with_interval(name, Estimate(given, None, None))
            )
        cells.append(cell)
    st.markdown(words.APART_LINE.format(**apart["counts"]))
    st.table(pd.DataFrame(cells), border="horizontal", hide_index=True)


def _by_kind(row: ModelRow) -> str:
    """Share of the films of each known kind of pneumonia that is found; "" where none is known."""
    scores = cache.scores(row.run, "test")
    chances = scores["probability"].to_numpy()
    shares = found(scores["group"], chances, row.threshold, patients_of(scores))
    return ", ".join(
        words.KIND_FOUND.format(
            kind=words.KIND_NAMES[kind], share=with_interval("", Estimate.from_json(share))
        )
        for kind, share in shares.items()
    )
