"""The network that the first film will need, loaded while the first page is being looked at.

torch alone takes a second to import, and nothing of it shows on the first page. Nothing here calls
Streamlit from the thread, and whatever goes wrong in it is left for the page that needs the
network to meet and to say.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Timer
from typing import TYPE_CHECKING

from streamlit import runtime

if TYPE_CHECKING:
    from pneumo_core.detector import PneumoniaDetector
    from pneumo_core.runs import Run

AFTER = 1.0
"""Seconds after the first page's run: by then the browser has drawn it."""

_lock = Lock()
_loading: dict[tuple[str, str], Future[PneumoniaDetector | None]] = {}
"""What was begun, or taken, by run; nothing is begun once there is an entry."""

_TAKEN: Future[PneumoniaDetector | None] = Future()
_TAKEN.set_result(None)


def begin(run: Run) -> None:
    """Load a run's network in the background, once a server; later calls do nothing."""
    if not runtime.exists():  # a test's app, without a server
        return
    with _lock:
        if _loading or not run.has_weights:
            return
        _loading[_key(run)] = found = Future()
    Timer(AFTER, _load, (run, found)).start()


def load(run: Run) -> PneumoniaDetector:
    """The run's detector: the one that is being loaded in the background, or a new one.

    Raises:
        RunError: the weights are absent or damaged.
    """
    with _lock:
        begun = _loading.get(_key(run), _TAKEN)
        _loading[_key(run)] = _TAKEN  # who takes it also says how long it is kept
    return begun.result() or _detector(run)


def _key(run: Run) -> tuple[str, str]:
    return str(run.path), run.weights_sha256


def _load(run: Run, found: Future[PneumoniaDetector | None]) -> None:
    detector = None
    with suppress(Exception):
        detector = _detector(run)
        _read_nothing(detector)
    found.set_result(detector)


def _detector(run: Run) -> PneumoniaDetector:
    import torch

    from pneumo_core.detector import PneumoniaDetector

    # One film takes tens of milliseconds on one thread. Several threads gain little on it, and
    # where sessions or other programs want the cores they wait for each other: 40 times as long.
    torch.set_num_threads(1)
    return PneumoniaDetector(run)


def _read_nothing(detector: PneumoniaDetector) -> None:
    """Read a grey square of nobody: the first film then finds all imported and planned."""
    import numpy as np

    detector.read(np.full((64, 64), 0.5, np.float32))
