"""What a user's films say of the model: the answer, figures beside its test, films it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pneumo_core import figures
from pneumo_core.confusion import threshold_table
from pneumo_core.operating_point import OperatingPoint, threshold_words
from pneumo_core.runs import Run
from ui import cache, state, threshold_own
from ui import threshold_lab as lab
from ui.local_session import Scoring
from ui.threshold_data import Source
from ui.threshold_show import count, points, show, with_interval
from ui.words import local as words
from ui.words import threshold

if TYPE_CHECKING:
    from pneumo_core.local_answer import LocalAnswer
    from pneumo_core.local_validation import Counting, Tally


def choices(scoring: Scoring) -> tuple[float, Counting]:
    """Let the user choose what may be lost and which films count."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="local_choices"):
        margin = st.segmented_control(
            words.MARGIN,
            list(words.MARGINS),
            format_func=words.MARGINS.get,
            default=0.05,
            required=True,
            help=words.MARGIN_HELP,
            key="local_margin",
        )
        counting = st.segmented_control(
            words.COUNT,
            list(words.COUNTS),
            format_func=words.COUNTS.get,
            default="all",
            required=True,
            help=words.COUNT_HELP,
            key="local_count",
        )
    st.caption(_among(scoring))
    return float(margin), counting


def _among(scoring: Scoring) -> str:
    """What is to be known of the films, counted or not."""
    everything = tallied(scoring, "all")
    parts = [
        text.format(n=count(number))
        for name, text in words.AMONG_PARTS.items()
        if (number := getattr(everything, name))
    ]
    lines = [words.AMONG.format(parts=", ".join(parts))] if parts else []
    if not any(film.looks for film in everything.films):
        lines.append(words.LOOKS_UNKNOWN)
    elif not everything.unusual and not everything.foreign:
        lines.append(words.LOOKS_NONE)
    return " ".join(lines)


def tallied(scoring: Scoring, counting: Counting) -> Tally:
    """Which films count; worked out once for as many as are scored."""
    from pneumo_core.local_validation import tally

    key = ("tally", counting, len(scoring.scored))
    if key not in scoring.known:
        scoring.known[key] = tally(scoring.scored, counting)
    return scoring.known[key]


def answered(
    scoring: Scoring, run: Run, point: OperatingPoint, margin: float, counting: Counting
) -> LocalAnswer:
    """The answer; worked out once for each choice.

    Raises:
        DataError: No film counts.
    """
    from pneumo_core.local_answer import local_answer

    key = ("answer", point, margin, counting, len(scoring.scored))
    if key not in scoring.known:
        found = tallied(scoring, counting)
        scoring.known[key] = local_answer(
            found.labels, found.probabilities, found.patients, run, point, margin
        )
    return scoring.known[key]


def headline(answer: LocalAnswer) -> None:
    """The answer in large words, and its reason."""
    st.header(f"{words.ICONS[answer.verdict]} {words.VERDICTS[answer.verdict]}")
    st.markdown(f"{answer.reason[:1].upper()}{answer.reason[1:]}")


def beside_test(answer: LocalAnswer) -> None:
    """The figures here beside the model's own."""
    title = words.FIGURE.format(threshold=threshold_words(answer.threshold))
    rows = [
        {
            title: words.FIGURES[name],
            words.HERE: with_interval(name, one.here),
            words.TEST: with_interval(name, one.there),
            words.CHANGE: points(one.change.change),
            words.FLOOR: _floor(name, one.floor),
        }
        for name, one in answer.figures.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    patients = words.PATIENTS.format(patients=count(answer.patients)) if answer.patients else ""
    st.caption(
        words.BASIS.format(
            pneumonia=count(answer.pneumonia),
            normal=count(answer.normal),
            patients=patients,
            by=words.BY_PATIENT if patients else "",
        )
    )


def calibration(answer: LocalAnswer) -> None:
    """Whether the probabilities mean here what they say."""
    found = answer.calibration
    large = found.in_the_large
    if large.value is None:
        st.caption(words.CALIBRATION_ONE)
        return
    limits = "" if large.low is None else f" ({large.low:+.2f} to {large.high:+.2f})"
    st.markdown(
        words.CALIBRATION.format(
            promised=f"{100 * found.promised:.0f} %",
            observed=with_interval("prevalence", found.observed),
            ece=f"{found.ece:.3f}",
        )
    )
    shown = f"{large.value:+.2f}{limits}".replace("-", "−")
    st.caption(words.CALIBRATION_LARGE.format(large=shown))


def roc(
    scoring: Scoring, answer: LocalAnswer, run: Run, point: OperatingPoint, counting: Counting
) -> None:
    """The ROC curve here over the model's own, the operating point on both."""
    from pneumo_core.resampling import resample

    found = tallied(scoring, counting)
    key = ("band", counting, len(scoring.scored))
    if not (answer.pneumonia and answer.normal):
        return
    if key not in scoring.known:
        replicates = resample(found.labels, found.probabilities, found.patients)
        scoring.known[key] = replicates.roc_band()
    test = cache.scores(run, "test")
    series = [
        figures.Series(
            words.HERE,
            threshold_table(found.labels, found.probabilities),
            point.threshold,
            scoring.known[key],
        ),
        figures.Series(
            words.TEST, threshold_table(test["label"], test["probability"]), point.threshold
        ),
    ]
    area = answer.figures["auc"]
    alt = words.ROC_ALT.format(
        here=with_interval("auc", area.here), test=with_interval("auc", area.there)
    )
    show(figures.roc(series).update_layout(height=460), alt, "local_roc")


def cases(answer: LocalAnswer) -> None:
    """How many films it takes to know the figures well enough."""
    from pneumo_core.local_answer import Cases

    st.subheader(words.CASES)
    needed = {
        **{
            words.CASES_WIDTH.format(points=f"{100 * width:g}"): each
            for width, each in answer.within.items()
        },
        words.CASES_DECIDE: answer.to_decide,
        words.CASES_HERE: Cases(answer.pneumonia, answer.normal),
    }
    rows = [
        (title, *map(_films, (each.pneumonia, each.normal, each.in_all(answer.prevalence))))
        for title, each in needed.items()
    ]
    table = pd.DataFrame(rows, columns=list(words.CASES_COLUMNS))
    st.table(table, border="horizontal", hide_index=True)
    st.caption(words.CASES_WORDS)


def take_away(scoring: Scoring, run: Run, point: OperatingPoint, counting: Counting) -> None:
    """The way to the threshold lab, and the scores as a file."""
    from pneumo_core.local_validation import scores_csv

    found = tallied(scoring, counting)
    if st.button(words.LAB, type="primary", icon=":material/tune:", key="local_lab"):
        threshold_own.take(_own(scoring, found, run, point))
        lab.show_own()
        st.switch_page("pages/threshold.py", query_params=state.address())
    st.download_button(
        words.CSV,
        lambda: scores_csv(found.films),
        words.CSV_NAME,
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _own(scoring: Scoring, found: Tally, run: Run, point: OperatingPoint) -> threshold_own.Own:
    """The films that count, as scores of the user's own."""
    import numpy as np

    from pneumo_core.own_scores import MOST_GROUPS

    columns = {
        threshold.KIND: [film.kind or None for film in found.films],
        scoring.labelled.group: [film.group or None for film in found.films],
    }
    groups = {
        name: np.array(values, object)
        for name, values in columns.items()
        if name and any(values) and len(set(values)) <= MOST_GROUPS
    }
    names = np.array([film.name for film in found.films], object)
    source = Source.own(
        "your-films",
        words.LAB_NAME,
        found.labels,
        found.probabilities,
        found.patients,
        names,
        groups,
    )
    start = OperatingPoint(words.LAB_POINT, point.threshold, words.LAB_RULE, "")
    return threshold_own.Own("", source, (words.LAB_NOTE.format(run=run.title),), start)


def _floor(name: str, floor: float | None) -> str:
    if floor is None:
        return words.CASES_NONE
    return f"{floor:.3f}" if name == "auc" else f"{100 * floor:.1f} %"


def _films(number: int | None) -> str:
    return words.CASES_OTHER if number is None else count(number)
