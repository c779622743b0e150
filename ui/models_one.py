"""One model: how it learned, whether its probabilities hold, what it does to each class."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pneumo_core import figures
from pneumo_core.confusion import Confusion
from pneumo_core.errors import DataError
from pneumo_core.figures_models import training_curves
from pneumo_core.metrics import class_report
from pneumo_core.model_table import ModelRow, training_history
from pneumo_core.operating_point import threshold_words
from ui import cache, threshold_sections
from ui.data_missing import offer_download
from ui.models_kinds import kinds
from ui.models_recipe import facts, kept_epochs, why_kept
from ui.threshold_data import of_run
from ui.threshold_show import as_text, show
from ui.words import models as words

PREVIEW_FILMS = 6


def training(row: ModelRow) -> None:
    """What was measured in each epoch."""
    run = row.run
    history = training_history(run)
    kept = kept_epochs(run)
    best = ", ".join(map(str, kept))
    text = {"best": best, "epochs": run.training["epochs"]}
    line = words.TRAINING_LINE if len(kept) == 1 else words.MEMBERS_LINE
    why = why_kept(run)
    lines = [line.format(why=why, count=len(kept), **text)]
    if run.training.get("cut_short", False):
        lines.append(words.CUT_SHORT_LINE)
    if history["phase"].nunique() > 1:
        lines.append(words.PHASES_LINE)
    st.markdown(" ".join(lines))
    show(
        training_curves(history, kept, words.CURVE_TITLES, words.CURVE_LEGEND),
        words.CURVES_OF.format(title=run.title, **text),
        "models_training",
    )


def calibration(row: ModelRow) -> None:
    """Whether a probability means what it says, before and after the temperature."""
    threshold_sections.calibration(of_run(row.run).sets["test"], row.run)


def classes(row: ModelRow) -> None:
    """Precision, recall and the rest of each class, and the counts behind them."""
    test = row.run.metrics["test"]
    tn, fp, fn, tp = test["confusion"]
    confusion = Confusion(tp=tp, fp=fp, tn=tn, fn=fn)
    point = row.run.operating_point
    text = {
        "n": test["n"],
        "threshold": threshold_words(row.threshold),
        "point": as_text(point.name),
    }
    st.markdown(words.CLASSES_LINE.format(**text))
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=380):
            alt = words.MATRIX_ALT.format(tp=tp, fn=fn, fp=fp, tn=tn)
            show(figures.confusion_matrix(confusion), alt, "models_matrix")
            if (theirs := row.published.confusion) is not None:
                st.caption(words.PUBLISHED_MATRIX.format(**vars(theirs)))
        with st.container(width=700):
            report = class_report(confusion)
            cells = [
                {words.CLASS: words.CLASSES.get(name, name), **_class_cells(report[name])}
                for name in report
            ]
            st.table(pd.DataFrame(cells), border="horizontal", hide_index=True)
            st.caption(words.CLASSES_NOTE)
            kinds(row)


def _class_cells(figures_of_class: dict[str, float | int | None]) -> dict[str, str]:
    def written(name: str) -> str:
        value = figures_of_class[name]
        if value is None:
            return "–"
        if name == "support":
            return str(value)
        return f"{value:.3f}" if name == "f1" else f"{100 * value:.1f} %"

    return {title: written(name) for name, title in words.CLASS_COLUMNS.items()}


def recipe(row: ModelRow) -> None:
    """The recipe as it was run, in words."""
    name, value = words.FACTS
    table = [{name: words.FACT_NAMES[key], value: text} for key, text in facts(row)]
    with st.container(key="models_recipe"):
        st.table(pd.DataFrame(table), border="horizontal", hide_index=True, hide_header=True)


def preview(row: ModelRow) -> None:
    """Training films as they are, and as augmentation shows them."""
    run = row.run
    try:
        cache.dataset(run)
    except DataError:
        offer_download(run)
        return
    seed = st.session_state.setdefault("models_preview_seed", 0)
    st.markdown(words.PREVIEW_LINE)
    with st.spinner(words.PREVIEWING):
        sheet = cache.preview(run, seed, PREVIEW_FILMS)
    st.image(sheet, width="stretch", alt=words.PREVIEW_ALT.format(count=PREVIEW_FILMS))
    st.button(words.PREVIEW_OTHERS, icon=":material/casino:", on_click=_other_films)


def _other_films() -> None:
    st.session_state["models_preview_seed"] += 1
