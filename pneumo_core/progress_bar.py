"""How far a training is, on a terminal or in a log file."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pneumo_core.training import Progress


class ProgressBar:
    """One bar over all epochs, and a line for each that is done."""

    def __enter__(self) -> "ProgressBar":
        self._bar: Any = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: "Progress") -> None:
        """Take up a `training.Progress`."""
        from tqdm import tqdm

        if self._bar is None:
            done = (progress.epoch - 1) * progress.batches
            total = progress.epochs * progress.batches
            # disable=None: no bar where the output is a file; the lines are enough there.
            self._bar = tqdm(total=total, initial=done, unit="batch", disable=None)
        if progress.record is None and progress.batch == 0:
            self._bar.set_postfix_str(f"epoch {progress.epoch}, features of the frozen stages")
            return
        if progress.record is None:
            self._bar.update(1)
            self._bar.set_postfix_str(f"epoch {progress.epoch}, loss {progress.loss:.3f}")
            return
        row = progress.record
        self._bar.write(
            f"epoch {row.epoch}/{progress.epochs}: train loss {row.train_loss:.4f}, "
            f"val loss {row.val_loss:.4f}, val AUC {row.val_auc:.4f}, "
            f"val accuracy {row.val_accuracy:.4f}, {row.seconds:.0f} s{_saved(row.saved_seconds)}, "
            f"about {row.seconds * (progress.epochs - row.epoch) / 60:.0f} min left"
        )
        sys.stdout.flush()  # a log file should grow while the training goes on


def _saved(seconds: float) -> str:
    return f" ({seconds:.0f} s saved by kept features)" if seconds else ""
