"""The rows of a batch: which to show, in which order, as a table beside the film that is picked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pneumo_core.batch import BatchRow, ordered
from ui import batch_session, numbers, reading
from ui.batch_session import Batch
from ui.threshold_show import as_text
from ui.words import batch as words
from ui.words import predict

if TYPE_CHECKING:
    from pneumo_core.batch import Order

ROW = 96
"""Height of a row of the table, in pixels."""

WIDTHS = {"number": 40, "name": 150, "probability": 120, "verdict": 90, "zone": 80, "remark": 320}
"""Of the columns of a table, in pixels."""

_BELONGS: dict[str, Callable[[BatchRow], bool]] = {
    "all": lambda _: True,
    "rule in": lambda row: _zone(row) == "rule in",
    "uncertain": lambda row: _zone(row) == "uncertain",
    "rule out": lambda row: _zone(row) == "rule out",
    "unusual": lambda row: (
        bool(row.warnings) or (row.novelty is not None and row.novelty.answer != "familiar")
    ),
    "bad": lambda row: row.error is not None,
}


def rows_in_view(batch: Batch) -> list[BatchRow]:
    """Let the user choose which rows to see and in which order."""
    counts = {kind: sum(map(belongs, batch.rows)) for kind, belongs in _BELONGS.items()}
    kind = st.segmented_control(
        words.SHOW,
        list(_BELONGS),
        default="all",
        required=True,
        format_func=lambda kind: f"{words.SHOWN[kind]} ({counts[kind]})",
        key="batch_show",
    )
    order: Order = st.selectbox(
        words.ORDER,
        list(words.ORDERS),
        format_func=words.ORDERS.get,
        key="batch_order",
        width=260,
    )
    return ordered(filter(_BELONGS[kind], batch.rows), order)


def table_so_far(batch: Batch) -> None:
    """Draw the rows that are there while more are to come; nothing can be picked yet."""
    if batch.rows:
        _dataframe(ordered(batch.rows, "pneumonia"), key="batch-table-so-far")


def table(batch: Batch, shown: Sequence[BatchRow]) -> None:
    """Draw the rows, and the film of the one that is ticked."""
    if not shown:
        st.info(words.NONE_SHOWN)
        return
    left, right = st.container(key="batch_rows").columns([2, 1], gap="large")
    with left:
        event = _dataframe(
            shown,
            on_select="rerun",
            selection_mode="single-row",
            # What is ticked belongs to the rows in view.
            key=f"batch-table-{hash(tuple(map(id, shown)))}",
        )
        st.caption(words.TABLE_HELP)
    with right:
        if picked := event.selection.rows:
            _film(batch, shown[picked[0]])
        else:
            st.caption(words.PICK)


def _dataframe(shown: Sequence[BatchRow], **options: Any) -> Any:
    texts = ("name", "verdict", "zone", "remark")
    return st.dataframe(
        pd.DataFrame([_cells(row) for row in shown]),
        hide_index=True,
        row_height=ROW,
        height=min(640, 48 + (ROW + 1) * len(shown)),
        column_order=list(words.COLUMNS),
        column_config={
            **{
                name: st.column_config.TextColumn(words.COLUMNS[name], width=WIDTHS[name])
                for name in texts
            },
            "overlay": st.column_config.ImageColumn(words.COLUMNS["overlay"], width=ROW),
            "number": st.column_config.NumberColumn(
                words.COLUMNS["number"], width=WIDTHS["number"]
            ),
            "probability": st.column_config.ProgressColumn(
                words.COLUMNS["probability"],
                format="percent",
                min_value=0,
                max_value=1,
                width=WIDTHS["probability"],
            ),
        },
        **options,
    )


def _film(batch: Batch, row: BatchRow) -> None:
    """One film of the batch, larger."""
    st.markdown(f"**{as_text(row.name)}**")
    if row.error is not None:
        st.error(row.error)
        return
    for sentence in row.warnings:
        st.warning(sentence)
    if row.novelty is not None and row.novelty.answer != "familiar":
        reasons = "".join(f"\n- {each.sentence}" for each in row.novelty.objections)
        st.warning(f"{row.novelty.sentence}\n{reasons}")
    said = row.prediction
    if said is not None and not row.withheld:
        st.markdown(
            words.CHANCE.format(
                percent=numbers.percent(said.probability),
                verdict=words.VERDICTS[said.prediction],
                zone=said.zone,
            )
        )
        target = predict.CLASSES[said.prediction]
        st.image(row.overlay, width="stretch", alt=words.PICKED_ALT.format(target=target))
    place = next(place for place, each in enumerate(batch.rows) if each is row)
    if st.button(words.OPEN, icon=":material/open_in_new:", type="primary"):
        reading.take(batch_session.file_of(place))
        st.switch_page("pages/predict.py")


def _cells(row: BatchRow) -> dict[str, object]:
    said, found = row.prediction, row.novelty
    shown = said if not row.withheld else None
    remarks = [row.error] if row.error else list(row.warnings)
    if found is not None and found.answer != "familiar":
        remarks += [each.sentence for each in found.objections] or [found.sentence]
    return {
        "overlay": _thumbnail(row) if row.overlay and not row.withheld else None,
        "number": row.number,
        "name": row.name,
        "probability": shown.probability if shown else None,
        "verdict": words.VERDICTS[shown.prediction] if shown else words.WITHHELD * bool(said),
        "zone": shown.zone if shown else "",
        "remark": " ".join(remarks),
    }


def _thumbnail(row: BatchRow) -> str:
    """The thumbnail as an address that carries it."""
    return f"data:image/jpeg;base64,{base64.b64encode(row.thumbnail).decode('ascii')}"


def _zone(row: BatchRow) -> str | None:
    return None if row.prediction is None or row.withheld else row.prediction.zone
