"""Ask for a threshold by what it should do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.operating_point import ask_table, ask_zones, threshold_interval, threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.rules import Rule, SensitivityAtLeast, SpecificityAtLeast, rule_from_json
from pneumo_core.runs import Run
from pneumo_core.zones import zone_rows
from ui import threshold_lab as lab
from ui.threshold_data import Scored
from ui.threshold_show import count
from ui.words import threshold as words

SHARES = ("sensitivity", "specificity", "ppv", "npv")
START = {
    "sensitivity": 97.0,
    "specificity": 95.0,
    "ppv": 90.0,
    "npv": 99.0,
    "cost": 10.0,
    "fbeta": 2.0,
    "alerts": 30.0,
}
NUMBER_NAMES = {"cost": "misses", "fbeta": "beta", "alerts": "per_100"}
REPEATS = 1000


def ask_for(one: Scored, run: Run | None) -> None:
    """Let the user choose a rule and its number; the answer moves the control's thumb."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="ask"):
        rule = rule_picker("ask", list(words.RULES), words.RULE)
        st.button(words.FIND, key="ask_find", on_click=_find, args=(one, rule))
    _show_answer(one)
    if run is not None:
        _saved(run)
    with st.expander(words.ZONES, key="ask_zones", on_change="rerun") as zones:
        if zones.open:
            _zones(one)


def rule_picker(prefix: str, keys: Sequence[str], label: str) -> Rule:
    """Widgets for a rule and its numbers.

    Args:
        prefix: How the widgets' keys begin.
        keys: The rules on offer.
        label: Of the choice.
    """
    key = st.selectbox(label, keys, format_func=words.RULES.get, key=f"{prefix}_rule", width=420)
    numbers: dict[str, float | None] = {}
    if key in START:
        number = st.number_input(
            words.RULE_NUMBERS[key],
            min_value=0.1 if key in ("cost", "fbeta") else 0.0,
            max_value=None if key in ("cost", "fbeta") else 100.0,
            value=START[key],
            step=1.0,
            format="%.1f",
            key=f"{prefix}_{key}",
            width=170,
        )
        numbers = {"share": number / 100} if key in SHARES else {NUMBER_NAMES[key]: number}
    if key in ("ppv", "npv", "cost"):
        prevalence = st.number_input(
            words.PREVALENCE,
            min_value=0.1,
            max_value=99.9,
            value=None,
            step=1.0,
            format="%.1f",
            placeholder=words.PREVALENCE_AS_HERE,
            key=f"{prefix}_prevalence",
            width=230,
        )
        numbers["prevalence"] = None if prevalence is None else prevalence / 100
    return rule_from_json({"rule": key, **numbers})


def _saved(run: Run) -> None:
    """The points that come with the model, a click away."""
    st.caption(words.SAVED)
    with st.container(horizontal=True, gap="small"):
        for i, point in enumerate(run.operating_points):
            threshold = threshold_words(point.threshold)
            st.button(
                words.SAVED_POINT.format(name=point.name, threshold=threshold),
                key=f"saved_{i}",
                on_click=lab.go_to,
                args=(point,),
            )


def _find(one: Scored, rule: Rule) -> None:
    try:
        lab.jump(ask_table(one.table, rule, one.split), rule)
    except DataError as error:
        lab.refuse(one.split, rule, str(error))


def _show_answer(one: Scored) -> None:
    answer = lab.current().answer
    if answer is None or answer.split != one.split:
        return
    if not answer.found:
        st.error(answer.sentence)
        return
    box = st.success if answer.reached else st.warning
    box(answer.sentence)
    spread = _spread(one, answer.rule)
    if spread.low is not None:
        st.markdown(
            words.RESAMPLED.format(
                n=count(one.labels.size),
                low=threshold_words(spread.low),
                high=threshold_words(spread.high),
                repeats=REPEATS,
                how=words.BY_IMAGE if one.patients is None else words.BY_PATIENT,
            )
        )
    if one.split == "test":
        st.warning(words.CHOSEN_ON_TEST)


def _spread(one: Scored, rule: Rule) -> Estimate:
    """The interval of the chosen threshold, kept with the scores it belongs to."""
    if rule not in one.spreads:
        one.spreads[rule] = threshold_interval(
            one.labels, one.probabilities, rule, one.patients, REPEATS
        )
    return one.spreads[rule]


def _zones(one: Scored) -> None:
    out_place, in_place = st.columns(2)
    least = {"min_value": 50.0, "max_value": 100.0, "step": 0.5, "format": "%.1f"}
    sensitivity = out_place.number_input(words.ZONE_OUT, value=98.0, key="zone_out", **least)
    specificity = in_place.number_input(words.ZONE_IN, value=95.0, key="zone_in", **least)
    choice = ask_zones(
        one.labels,
        one.probabilities,
        one.split,
        SensitivityAtLeast(sensitivity / 100),
        SpecificityAtLeast(specificity / 100),
    )
    st.markdown(choice.sentence)
    low, high = (threshold_words(t) for t in (choice.zones.rule_out, choice.zones.rule_in))
    rows = [
        (
            words.ZONE_NAMES[row.zone].format(low=low, high=high),
            f"{100 * row.share.value:.0f} %",
            count(row.positives),
            count(row.negatives),
            "" if row.zone == "uncertain" else _errors(row.errors, row.error_rate),
        )
        for row in zone_rows(one.labels, one.probabilities, choice.zones)
    ]
    st.table(pd.DataFrame(rows, columns=words.ZONE_COLUMNS), border="horizontal", hide_index=True)


def _errors(errors: int, rate: Estimate) -> str:
    if rate.value is None:
        return count(errors)
    low, high = 100 * rate.low, 100 * rate.high
    return f"{count(errors)}: {100 * rate.value:.1f} % ({low:.1f} to {high:.1f})"
