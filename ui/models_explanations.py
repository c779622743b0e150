"""How the maps of one model did in the checks over its films, and which are shown by default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui import cache
from ui.words import models as words

if TYPE_CHECKING:
    from pneumo_core.explain_audit import ExplainAudit, Row
    from pneumo_core.proportions import Estimate
    from pneumo_core.runs import Run

Reading = tuple[str, str]
"""Method and stage."""


def explanations(run: Run) -> None:
    """Which method is shown by default and why, and a table of all of them."""
    from pneumo_core.explain import INPUT

    validation, test = (cache.explain_audit(run, split) for split in ("val", "test"))
    method, layer = cache.best_reading(run)
    default = (method, layer or INPUT)
    if validation is None:
        st.markdown(words.EXPLAIN_UNCHECKED.format(named=_named(default)))
        st.code(words.EXPLAIN_COMMANDS.format(run=run.name), language=None, wrap_lines=True)
    else:
        st.markdown(_why(validation, default))
    if test is None and validation is not None:
        st.markdown(words.EXPLAIN_NO_TEST)
        st.code(words.EXPLAIN_COMMAND.format(run=run.name), language=None, wrap_lines=True)
    ranked = validation or test
    if ranked is None:
        return
    best = _best_stages(ranked.rows)
    with st.container(key="models_explanations"):
        _table(best, validation, test, default)
        split = words.EXPLAIN_SPLITS[ranked.split]
        films = ", ".join(_films(audit) for audit in (validation, test) if audit)
        st.caption(f"{words.EXPLAIN_BEST_STAGES.format(split=split)} {films}.")
        st.caption(words.EXPLAIN_NOTE)
        with st.expander(words.EXPLAIN_ALL_STAGES):
            every = [(row.method, row.layer) for row in ranked.rows]
            _table(every, validation, test, default)


def _why(validation: ExplainAudit, default: Reading) -> str:
    """The default method, and why it is that one."""
    best = validation.best()
    if best is None:
        return words.EXPLAIN_NONE.format(named=_named(default))
    most = validation.highest()
    why = words.EXPLAIN_MOST
    if most is not None and most != best:
        named = _named((most.method, most.layer))
        why = words.EXPLAIN_SLOWER.format(named=named, gain=_gain(most.better))
    return words.EXPLAIN_DEFAULT.format(
        named=_named(default), gain=_gain(best.better), forgets=_percent(best.forgets), why=why
    )


def _best_stages(rows: Iterable[Row]) -> list[Reading]:
    """Each method at the stage where it gains most, the best method first and the control last."""
    from pneumo_core.explain import METHODS

    found: dict[str, Row] = {}
    for row in rows:
        if row.method not in found or _value(row) > _value(found[row.method]):
            found[row.method] = row
    order = sorted(found.values(), key=lambda row: (METHODS[row.method].control, -_value(row)))
    return [(row.method, row.layer) for row in order]


def _value(row: Row) -> float:
    """What a method is ranked by; the control, which gains nothing over itself, by its own gain."""
    from pneumo_core.explain import METHODS

    estimate = row.gain if METHODS[row.method].control else row.better
    return estimate.value or 0.0


def _table(
    readings: Iterable[Reading],
    validation: ExplainAudit | None,
    test: ExplainAudit | None,
    default: Reading,
) -> None:
    cells = []
    for reading in readings:
        name = _named(reading)
        mark = f"**{name}**, {words.EXPLAIN_MARK}" if reading == default else name
        row, tested = (audit and audit.row(*reading) for audit in (validation, test))
        values = {
            "validation": _over_random(row),
            "better": _over_random(tested),
            "beats": _percent(tested.beats) if tested else "–",
            "forgets": _percent(tested.forgets) if tested else "–",
            "density": _number(tested.density) if tested else "–",
        }
        titled = {words.EXPLAIN_COLUMNS[key]: value for key, value in values.items()}
        cells.append({words.EXPLAIN_METHOD: mark, **titled})
    st.table(pd.DataFrame(cells), border="horizontal", hide_index=True)


def _over_random(row: Row | None) -> str:
    """What a method gains over the control; nothing for the control itself."""
    from pneumo_core.explain import METHODS

    if row is None or METHODS[row.method].control:
        return "–"
    return _gain(row.better)


def _named(reading: Reading) -> str:
    from pneumo_core.explain import INPUT, METHODS

    method, layer = reading
    title = METHODS[method].title
    return title if layer == INPUT else f"{title} at {layer}"


def _films(audit: ExplainAudit) -> str:
    split = words.EXPLAIN_SPLITS[audit.split]
    text = words.EXPLAIN_FILMS if audit.images == audit.drawn_from else words.EXPLAIN_SOME
    return text.format(count=audit.images, of=audit.drawn_from, split=split)


def _gain(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return _number(estimate)
    low, high = (f"{limit:.2f}".replace("-", "−") for limit in (estimate.low, estimate.high))
    return f"{_number(estimate)} ({low} to {high})"


def _number(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.2f}".replace("-", "−")


def _percent(share: Estimate) -> str:
    return "–" if share.value is None else f"{100 * share.value:.0f} %"
