"""Models on the same test images: their ROC curves in one chart, two of them put to the test."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pneumo_core.comparison import ModelComparison
from pneumo_core.figures import Series
from pneumo_core.figures_models import LINES, only_wrong, overlay
from pneumo_core.intervals import AucComparison, McNemar
from pneumo_core.model_table import ImageSet, ModelRow
from pneumo_core.operating_point import threshold_words
from ui.threshold_show import as_text, show
from ui.words import models as words

STARTING = 4
"""How many curves the chart starts with: more hide one another."""


def curves(images: ImageSet, subject: ModelRow) -> None:
    """ROC curves of the chosen models, whole and enlarged, each with its operating point."""
    names = [row.name for row in images.rows]
    first = [subject.name, *(name for name in names if name != subject.name)][:STARTING]
    chosen = st.multiselect(
        words.CURVES,
        names,
        default=sorted(first, key=names.index),
        format_func=lambda name: images.row(name).label,
        max_selections=len(LINES),
        key=f"models_curves_{subject.name}",
    )
    if not chosen:
        st.info(words.NO_CURVES)
        return
    rows = [images.row(name) for name in chosen]
    series = [Series(row.label, images.tables[row.name], row.threshold) for row in rows]
    areas = ", ".join(f"{row.label} {row.figures['auc'].value or 0:.3f}" for row in rows)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=540):
            alt = words.CURVES_ALT.format(title=images.title, areas=areas)
            show(overlay(series), alt, "models_roc")
        with st.container(width=540):
            corner = overlay(series, corner=True, legend=False).update_layout(title=words.CORNER)
            show(corner, words.CORNER_ALT, "models_roc_corner")
    st.caption(words.MARKS)


def two_models(images: ImageSet, a: ModelRow) -> None:
    """DeLong's test of two models in words, and which films only one of them gets wrong."""
    others = [row.name for row in images.rows if row.name != a.name]
    if not others:
        st.info(words.ONE_MODEL_ONLY)
        return
    name = st.selectbox(
        words.SECOND,
        others,
        format_func=lambda name: images.row(name).label,
        key=f"models_second_{a.name}",
        width=420,
    )
    b = images.row(name)
    result = images.compare(a, b)
    st.markdown(auc_sentence(result.auc, as_text(a.label), as_text(b.label)))
    st.markdown(
        words.WRONG_LINE.format(
            a=as_text(a.label),
            b=as_text(b.label),
            threshold_a=threshold_words(a.threshold),
            threshold_b=threshold_words(b.threshold),
        )
    )
    _wrong(result, a, b)
    st.caption(words.TESTS)


def _wrong(result: ModelComparison, a: ModelRow, b: ModelRow) -> None:
    """The films that only one, both, or only the other gets wrong, drawn and counted."""
    kinds = [(words.KINDS["pneumonia"], result.pneumonia), (words.KINDS["normal"], result.normal)]
    parts = (words.ONLY.format(label=a.label), words.BOTH, words.ONLY.format(label=b.label))
    rows = [
        words.WRONG_ALT_ROW.format(
            kind=kind,
            a=a.label,
            b=b.label,
            only_a=test.only_b_right,
            both=test.both_wrong,
            only_b=test.only_a_right,
        )
        for kind, test in kinds
    ]
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=540):
            show(
                only_wrong(kinds, parts),
                words.WRONG_ALT.format(rows="; ".join(rows)),
                "models_wrong",
            )
        with st.container(width=540):
            table = [
                _counted(kind, test, parts)
                for kind, test in (*kinds, (words.ALL, result.all_images))
            ]
            st.table(pd.DataFrame(table), border="horizontal", hide_index=True)


def _counted(kind: str, test: McNemar, parts: tuple[str, str, str]) -> dict[str, str]:
    n = test.both_right + test.both_wrong + test.only_a_right + test.only_b_right
    counts = (test.only_b_right, test.both_wrong, test.only_a_right)
    return {
        words.WRONG: kind,
        **{as_text(part): str(count) for part, count in zip(parts, counts, strict=True)},
        words.OF: str(n),
        words.P: _p_words(test.p_value),
    }


def auc_sentence(auc: AucComparison, a: str, b: str) -> str:
    """DeLong's test in plain words: which of the two is better, by how much, how surely."""
    more, less = (f"{area:.3f}" for area in sorted((auc.a.value, auc.b.value), reverse=True))
    own = {"auc_a": f"{auc.a.value:.3f}", "auc_b": f"{auc.b.value:.3f}"}
    if auc.p_value is None or auc.difference.low is None:
        return words.NO_TEST.format(**own)
    ahead = auc.difference.value >= 0
    parts = [100 * part * (1 if ahead else -1) for part in auc.difference.to_json()]
    value, low, high = parts[0], min(parts[1:]), max(parts[1:])
    text = {
        "gain": f"{value:.1f}",
        "low": f"{low:.1f}".replace("-", "−"),
        "high": f"{high:.1f}",
        "often": _often(auc.p_value),
        "p": _p_words(auc.p_value, name=True),
    }
    if auc.p_value >= 0.05:
        return words.NO_DIFFERENCE.format(a=a, b=b, **own, **text)
    return words.BETTER.format(better=a if ahead else b, more=more, less=less, **text)


def _often(p: float) -> str:
    """How often chance alone does this much, as a count of test sets."""
    if p < 0.001:
        return words.RARELY
    if p < 0.1:
        return words.SELDOM.format(count=f"{1000 * p:.0f}")
    return words.OFTEN.format(count=f"{100 * p:.0f}")


def _p_words(p: float, name: bool = False) -> str:
    if p < 0.001:
        return words.P_SMALL if name else words.P_SMALL.removeprefix("p ")
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return words.P_VALUE.format(p=text) if name else text
