"""Runs in the making: where their state is kept, and that no two processes make the same one."""

from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from pneumo_core.errors import TrainingError

_FOLDER = ".checkpoints"


def checkpoint_of(target: Path) -> Path:
    """The file that keeps the state of the run that will become the folder `target`."""
    return target.parent / _FOLDER / f"{target.name}.pt"


def latest_stopped(weights: Path) -> Path | None:
    """What will be the folder of the run in `weights` whose state was kept last; None without."""
    found = (weights / _FOLDER).glob("*.pt")
    latest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return latest and weights / latest.stem


@contextmanager
def held(target: Path) -> Iterator[None]:
    """Hold the run's name against a second process for as long as the block lasts.

    Raises:
        TrainingError: If another process holds it.
    """
    from filelock import FileLock, Timeout

    folder = target.parent / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{target.name}.lock", timeout=0):
            for left in folder.glob(f".{escape(checkpoint_of(target).name)}.*.tmp"):
                left.unlink()  # by a process that was killed while it saved
            yield
    except Timeout:
        raise TrainingError(
            f"Another process is training {target.name}: wait for it, or choose a name with --out."
        ) from None
