"""Choosing a list of films: the cell of the confusion matrix, and further filters behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ui import state
from ui.cases import ANY, CELLS, KINDS, LISTS, SORTS, InView, cases, in_order, of_kind
from ui.words import common
from ui.words import misclassified as words

if TYPE_CHECKING:
    import pandas as pd

OTHER_LISTS = LISTS[len(CELLS) :]


def choose_split() -> str:
    """Validation or test; the address keeps the choice."""
    st.session_state["misclassified-split"] = state.split("test")
    return st.segmented_control(
        words.SPLIT,
        list(common.SPLITS)[::-1],
        format_func=common.SPLITS.get,
        required=True,
        key="misclassified-split",
        on_change=lambda: state.set_split(st.session_state["misclassified-split"]),
    )


def choose_list(scores: pd.DataFrame, threshold: float) -> InView:
    """Let the user choose among the lists, a kind of pneumonia and an order.

    Each list and each kind has its count; the address keeps all choices.
    """
    sets = {name: cases(scores, threshold, name) for name in LISTS}
    which = _asked("cell", LISTS, "fn")
    st.session_state["cell"] = which if which in CELLS else None
    st.segmented_control(
        words.CELL,
        list(CELLS),
        format_func=lambda cell: _counted(words.CELLS[cell], sets[cell]),
        key="cell",
        wrap=True,
        # A click on the chosen one would choose none.
        on_change=lambda: _choose("cell", st.session_state["cell"] or which),
    )
    kinds = {kind: of_kind(sets[which], kind) for kind in (ANY, *KINDS)}
    kinds = {kind: films for kind, films in kinds.items() if kind == ANY or len(films)}
    kind = _asked("kind", tuple(kinds), ANY)
    sort = _asked("sort", SORTS, SORTS[0])
    _more(sets, which, kinds, kind, sort)
    films = in_order(kinds[kind], sort)
    line = words.CELL_LINES[which].format(count=len(sets[which]), of=_out_of(which, scores))
    if kind != ANY:
        line += words.KIND_LINE.format(count=len(films), kind=words.KIND_NAMES[kind])
    return InView(
        films,
        "-".join(part for part in (which, kind, sort) if part not in (ANY, SORTS[0])),
        {**words.CELLS, **words.OTHER_LISTS}[which],
        line,
        words.NONE[which],
    )


def _more(
    sets: Mapping[str, pd.DataFrame],
    which: str,
    kinds: Mapping[str, pd.DataFrame],
    kind: str,
    sort: str,
) -> None:
    """The filters that are not needed every time; the button names those in force."""
    chosen = [
        words.OTHER_LISTS.get(which),
        words.KINDS[kind] if kind != ANY else None,
        words.SORTS[sort] if sort != SORTS[0] else None,
    ]
    named = ", ".join(name for name in chosen if name)
    label = words.MORE_CHOSEN.format(chosen=named) if named else words.MORE
    with st.popover(label, icon=":material/filter_list:", key="more-filters"):
        st.session_state["other-list"] = which if which in OTHER_LISTS else None
        st.radio(
            words.OTHER,
            OTHER_LISTS,
            format_func=lambda name: _counted(words.OTHER_LISTS[name], sets[name]),
            key="other-list",
            index=None,
            on_change=lambda: _choose("cell", st.session_state["other-list"]),
        )
        if len(kinds) > 1:
            _pick(
                "kind",
                words.KIND,
                list(kinds),
                kind,
                lambda one: _counted(words.KINDS[one], kinds[one]),
            )
        _pick("sort", words.SORT, list(SORTS), sort, words.SORTS.__getitem__)


def _out_of(which: str, scores: pd.DataFrame) -> int:
    """How many films could be in a list: those of the cell's class, or all."""
    if which not in CELLS:
        return len(scores)
    return int((scores["label"] == (1 if which in ("fn", "tp") else 0)).sum())


def _pick(
    key: str, label: str, options: Sequence[str], chosen: str, named: Callable[[str], str]
) -> None:
    """A drop-down list whose choice the address keeps."""
    st.session_state[f"pick-{key}"] = chosen
    st.selectbox(
        label,
        options,
        format_func=named,
        key=f"pick-{key}",
        on_change=lambda: _choose(key, st.session_state[f"pick-{key}"]),
    )


def _counted(name: str, films: pd.DataFrame) -> str:
    return words.COUNTED.format(name=name, count=len(films))


def _asked(key: str, options: Sequence[str], default: str) -> str:
    """What the address says, if that is one of the options."""
    asked = st.query_params.get(key, default)
    return asked if asked in options else default


def _choose(key: str, value: str) -> None:
    st.query_params[key] = value
