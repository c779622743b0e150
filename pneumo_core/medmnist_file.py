"""A run's scores in medmnist's standard form, for `python -m medmnist evaluate --path=FILE`.

medmnist compares published models by its own evaluator: the AUC, and the accuracy at a threshold of
0.5 whatever a run's operating point is. It reads one CSV file a split, without a header: position
in the official split, probability of pneumonia.
"""

import tempfile
from pathlib import Path

from pneumo_core.datasets import MEDMNIST_FILES
from pneumo_core.files import written_whole
from pneumo_core.runs import Run

FLAG = "pneumoniamnist"
MEDMNIST_FOLDER = "medmnist"
"""Where a run keeps these files."""


def write_prediction_csv(
    run: Run, folder: Path, split: str = "test", name: str | None = None
) -> Path | None:
    """Write a split's calibrated probabilities as medmnist's evaluator does.

    The file is called `pneumoniamnist_test_[AUC]0.986_[ACC]0.949@NAME.csv`, the figures being
    medmnist's own. Calibration changes neither of them.

    Args:
        run: With `scores.csv` in place; no images are needed.
        folder: Where to, made if need be; the file is there whole or not at all.
        split: "test" or "val".
        name: In the file's name, in place of the run's.

    Returns:
        Path of the file; None if the split is not PneumoniaMNIST's official one, image by image,
        which medmnist presumes.

    Raises:
        RunError: If the scores are missing or damaged.
        OSError: If the file cannot be written.
    """
    scores = run.scores(split)
    if not scores["id"].eq([f"{split}-{i:04d}" for i in range(len(scores))]).all():
        return None
    import numpy as np
    from medmnist.evaluator import Evaluator
    from medmnist.info import INFO

    if len(scores) != INFO[FLAG]["n_samples"][split]:
        return None
    file = MEDMNIST_FILES.get(run.data["name"])
    size = file.size if file else 28
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as scratch:
        # The evaluator knows labels only from a data file; these stand in for one.
        suffix = "" if size == 28 else f"_{size}"
        labels = scores["label"].to_numpy()
        np.savez(Path(scratch, f"{FLAG}{suffix}.npz"), **{f"{split}_labels": labels[:, None]})
        evaluator = Evaluator(FLAG, split, size=size, root=scratch)
        # medmnist takes what follows a point for the ending, and would evaluate to another file.
        label = (name or run.name).replace(".", "-")
        evaluator.evaluate(scores[["probability"]].to_numpy(), scratch, label)
        (written,) = Path(scratch).glob("*.csv")
        target = folder / written.name
        with written_whole(target) as temporary:
            written.replace(temporary)
    return target
