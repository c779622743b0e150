"""What a session carries from page to page, and the address that reopens it.

A session has one run in use and one operating point. Both live in ``st.session_state`` and are
mirrored in the address as ``?run=<name>&threshold=<number>``, so that a copied address or a
bookmark shows the same figures. ``split`` belongs to a page: it is in the address of the page
that set it.

The address wins where it differs from what was last written there (a link, the Back button);
a parameter it lacks (a page switch drops them all) is filled in from the session.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pneumo_core.errors import DataError
from pneumo_core.files import PROJECT_FOLDER
from ui import cache
from ui.words import common as words

if TYPE_CHECKING:
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run

_RUN = "pneumolens/run"
_POINT = "pneumolens/operating_point"
_SEEN = "pneumolens/address"
_NOTES = "pneumolens/notes"


def current_run() -> Run:
    """The run in use: the session's choice, the one the address names, or the default run.

    Raises:
        RunError: there is no usable run.
    """
    _run_in_frame()
    _follow_address()
    run = _find(st.session_state.get(_RUN))
    if run is None:
        run = cache.default_run()
        st.session_state[_RUN] = run.name
    return run


def set_run(name: str) -> None:
    """Use the run called ``name`` from now on, at its own default operating point."""
    if name != st.session_state.get(_RUN):
        st.session_state[_RUN] = name
        st.session_state.pop(_POINT, None)
    publish()


def operating_point() -> OperatingPoint:
    """The session's operating point, or the default one of the run in use.

    Raises:
        RunError: there is no usable run.
    """
    run = current_run()
    point = st.session_state.get(_POINT)
    return run.operating_point if point is None else point


def set_operating_point(point: OperatingPoint | None) -> None:
    """Use ``point`` on every page of this session; ``None`` goes back to the run's default."""
    st.session_state[_POINT] = point
    publish()


def split(default: str) -> str:
    """The split this page shows, "val" or "test": what the address says, else ``default``."""
    asked = st.query_params.get("split", default)
    return asked if asked in words.SPLITS else default


def set_split(name: str) -> None:
    """Put the split this page shows, ``"val"`` or ``"test"``, in the address."""
    _write("split", name)


def link(page: str, **params: str) -> str:
    """A relative address that opens ``page`` as this session sees it.

    Args:
        page: The page's own part of the address: ``""`` for the overview, ``"predict"``,
            ``"threshold"`` or ``"misclassified"``.
        params: Further parameters, for instance ``split="val", cell="fn"``.
    """
    return f"{page}?{urlencode(address(**params))}"


def address(**params: str) -> dict[str, str]:
    """The query parameters that reopen this session's run and operating point, and ``params``."""
    run = current_run()
    return {"run": run.name, "threshold": _threshold_text(run, operating_point()), **params}


def publish() -> None:
    """Write the run and the operating point in use to the address of the page."""
    for key, value in address().items():
        _write(key, value)


def notes() -> tuple[str, ...]:
    """Sentences about what the address asked for and could not be had; each is given once."""
    return tuple(st.session_state.pop(_NOTES, ()))


def _run_in_frame() -> None:
    """Make sure that a page runs inside app.py.

    Streamlit takes a folder called pages for its old kind of app until ``st.navigation`` has been
    called once: a fresh server whose first visitors follow links to pages runs those pages bare
    (and so does AppTest, every time). Then app.py is run here and draws the page again, framed.
    """
    context = get_script_run_ctx()
    app = PROJECT_FOLDER / "app.py"
    # Only then is app.py itself among the pages of the session.
    pages = context.pages_manager.get_pages().values() if context else ()
    if any(Path(str(page["script_path"])) == app for page in pages):
        PagesManager.uses_pages_directory = False
        runpy.run_path(str(app))
        st.stop()


def _write(key: str, value: str) -> None:
    st.session_state.setdefault(_SEEN, {})[key] = value
    if st.query_params.get(key) != value:
        st.query_params[key] = value


def _follow_address() -> None:
    """Take over what the address says anew."""
    seen = st.session_state.setdefault(_SEEN, {})
    asked = {
        key: st.query_params[key]
        for key in ("run", "threshold")
        if key in st.query_params and st.query_params[key] != seen.get(key)
    }
    if not asked:
        return
    seen.update(asked)
    if "run" in asked and asked["run"] != st.session_state.get(_RUN):
        if (run := _find(asked["run"])) is None:
            _note(words.RUN_NOT_HERE.format(shown=current_run().title))
            return
        st.session_state[_RUN] = run.name
        st.session_state.pop(_POINT, None)
    if "threshold" in asked:
        run = current_run()
        point = _read_threshold(run, asked["threshold"])
        if point is None:
            _note(words.BAD_THRESHOLD)
        st.session_state[_POINT] = point


def _find(name: str | None) -> Run | None:
    return next((run for run in cache.usable_runs() if run.name == name), None)


def _note(sentence: str) -> None:
    st.session_state.setdefault(_NOTES, []).append(sentence)


def _threshold_text(run: Run, point: OperatingPoint) -> str:
    """Short where that says the same: a named point of the run, or a round number."""
    short = f"{point.threshold:.6g}"
    if point in run.operating_points or float(short) == point.threshold:
        return short
    return repr(float(point.threshold))


def _read_threshold(run: Run, text: str) -> OperatingPoint | None:
    """The run's own point where ``text`` is its threshold, one of that number otherwise."""
    from pneumo_core.operating_point import OperatingPoint

    for point in run.operating_points:
        if _threshold_text(run, point) == text:
            return point
    try:
        return OperatingPoint(words.LINKED_POINT, float(text), words.LINKED_RULE, "")
    except (ValueError, DataError):
        return None
