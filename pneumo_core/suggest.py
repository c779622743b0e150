"""`python -m pneumo_core suggest`: which images to label next.

Images are ranked by the greedy heuristic for the weighted k-centre problem (Dyer and Frieze, Oper
Res Lett 3 (1985) 285-288). Without weights it is the core-set approach to active learning (Sener
and Savarese, ICLR 2018): take next what lies farthest, in the network's features, from everything
taken so far. The weight is the network's uncertainty, which core sets ignore, so that outliers of
which the network is certain do not come first. It needs no random draw and no label that is only
guessed, as BADGE does (Ash et al., ICLR 2020), whose gradients of a sigmoid moreover change sign at
one half and so tell near-duplicates apart on either side of it. And every rank is the product of
two numbers that anyone can check in the table.
"""

import csv
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pneumo_core import NOTICE
from pneumo_core.errors import DataError, ImageError
from pneumo_core.files import written_whole
from pneumo_core.spreadsheet import harmless

if TYPE_CHECKING:
    from pneumo_core.runs import Run

BATCH = 64
"""Images in memory at a time; of each only its features are kept."""


@dataclass(frozen=True)
class Suggestion:
    """One image and its place in the order of labelling.

    Attributes:
        rank: From 1, the image to label first.
        file: Its path within the folder, with slashes.
        probability: Calibrated probability of pneumonia.
        uncertainty: Entropy of that probability in bits: 1 at one half, 0 when certain.
        distance: To the nearest image of a lower rank, between features of unit length: 0 to 2;
            None for the first.
        nearest: File of that image; "" for the first.
    """

    rank: int
    file: str
    probability: float
    uncertainty: float
    distance: float | None
    nearest: str


@dataclass(frozen=True)
class Pick:
    """One choice of `ranked`: a position, its distance to the nearest earlier one, and which."""

    position: int
    distance: float | None
    nearest: int | None


def suggest(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `suggestions`, or no image can be read, there is no such run, or the table
            cannot be written.
    """
    from pneumo_core.runs import default_run, read_run

    out = Path(options.out).expanduser() if options.out else None
    if out is not None and not out.parent.is_dir():
        raise DataError(f"There is no folder {str(out.parent)!r} to write to: check --out.")
    run = read_run(options.run) if options.run else default_run()
    ranking, refused = suggestions(run, Path(options.input).expanduser(), options.count)
    for file, reason in refused.items():
        print(f"left out: {file}: {reason}", file=sys.stderr)
    if not ranking:
        raise DataError(f"{options.input} holds no image that can be read: check --input.")
    _write(_table(ranking), out)
    where = f", in {out}" if out is not None else ""
    print(f"{len(ranking)} images ranked, {len(refused)} left out{where}.", file=sys.stderr)
    print(NOTICE, file=sys.stderr)
    return 0


def suggestions(
    run: "Run", folder: Path, count: int | None = None
) -> tuple[list[Suggestion], dict[str, str]]:
    """Rank the images in a folder by what labelling them would teach a run's network.

    Args:
        run: With weights.
        folder: Searched with all folders in it; hidden files are passed over.
        count: How many to rank; None for all.

    Returns:
        The ranking; and the files that cannot be read, with the reason as a sentence.

    Raises:
        DataError: If there is no such folder, or count is below 1.
        RunError: If the weights are missing or damaged.
    """
    from pneumo_core.calibration import probability

    if count is not None and count < 1:
        raise DataError(f"--count must be at least 1, not {count}.")
    files, closed = _files(folder)
    names, logits, features, refused = _scored(run, folder, files)
    if not names:
        return [], closed | refused
    probabilities = probability(logits, run.temperature)
    uncertainty = entropy(probabilities)
    ranking = [
        Suggestion(
            rank=rank,
            file=names[pick.position],
            probability=float(probabilities[pick.position]),
            uncertainty=float(uncertainty[pick.position]),
            distance=pick.distance,
            nearest="" if pick.nearest is None else names[pick.nearest],
        )
        for rank, pick in enumerate(ranked(uncertainty, features, count), start=1)
    ]
    return ranking, closed | refused


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy in bits, (N,) float64 in [0, 1], of probabilities (N,) in [0, 1]."""
    from scipy.special import entr

    return (entr(probabilities) + entr(1 - probabilities)) / np.log(2)


def ranked(uncertainty: np.ndarray, features: np.ndarray, count: int | None = None) -> list[Pick]:
    """Order images by uncertainty times the distance to the nearest one chosen before.

    The first is the most uncertain; of equals the one that stands first in the input is taken.

    Args:
        uncertainty: (N,) at least 0.
        features: (N, D); only their directions count.
        count: How many to choose; None for all.

    Returns:
        The choices in order, `count` of them or N if that is less.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    distance = np.full(len(features), np.inf)
    nearest = np.full(len(features), -1)
    gain = uncertainty
    taken = np.zeros(len(features), bool)
    picks: list[Pick] = []
    for _ in range(min(len(features), count or len(features))):
        best = int(gain.argmax())
        first = not picks
        picks.append(
            Pick(
                position=best,
                distance=None if first else float(distance[best]),
                nearest=None if first else int(nearest[best]),
            )
        )
        # The difference itself, not its expansion into products: copies are then at exactly 0.
        apart = directions - directions[best]
        reach = np.sqrt(np.einsum("nd,nd->n", apart, apart))
        closer = reach < distance
        distance[closer], nearest[closer] = reach[closer], best
        taken[best] = True
        gain = np.where(taken, -1.0, uncertainty * distance)
    return picks


def _files(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """All files in a folder and the folders in it, in order, and what cannot be looked into."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}: check --input.")
    files: list[Path] = []
    refused: dict[str, str] = {}

    def refuse(error: OSError) -> None:
        reason = f"This folder cannot be read ({error.strerror}): check its rights."
        refused[_name(Path(error.filename), folder)] = reason

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = _shown(folders)  # os.walk goes on with what is left in it
        files += [Path(place, name) for name in _shown(names)]
    return sorted(files), refused


def _shown(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]


def _name(path: Path, folder: Path) -> str:
    """Path within the folder, as text that UTF-8 can carry: a file name need not be."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")


def _scored(
    run: "Run", folder: Path, files: Sequence[Path]
) -> tuple[list[str], np.ndarray, np.ndarray, dict[str, str]]:
    """Names of the images, their logits (N,) and features (N, D), and why others are none."""
    from tqdm import tqdm

    from pneumo_core.evaluation import predict_logits
    from pneumo_core.features import pooled_features
    from pneumo_core.images import read_image

    model = run.load_model()
    names: list[str] = []
    logits, features = [np.empty(0)], []
    refused: dict[str, str] = {}
    # disable=None: no bar where the output is a file.
    with tqdm(total=len(files), unit="image", disable=None) as bar:
        for start in range(0, len(files), BATCH):
            squares = []
            for path in files[start : start + BATCH]:
                name = _name(path, folder)
                try:
                    squares.append(run.preprocess.square(read_image(path).pixels))
                    names.append(name)
                except ImageError as error:
                    refused[name] = str(error)
                bar.update()
            if squares:
                batch = np.stack(squares)
                flip = run.flip_average
                logits.append(predict_logits(model, run.preprocess, batch, flip_average=flip))
                features.append(pooled_features(model, run.model, run.preprocess, batch))
    stacked = np.concatenate(features) if features else np.empty((0, 0), np.float32)
    return names, np.concatenate(logits), stacked, refused


def _table(ranking: Sequence[Suggestion]) -> str:
    """The ranking as CSV, numbers to six places, harmless to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Suggestion)])
    writer.writerows([_cell(value) for value in astuple(each)] for each in ranking)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}"
    return harmless(value) if isinstance(value, str) else value


def _write(table: str, out: Path | None) -> None:
    if out is None:
        # Bytes, because the terminal's own encoding may lack a letter of a file's name.
        sys.stdout.flush()
        sys.stdout.buffer.write(table.encode())
        sys.stdout.flush()
        return
    try:
        with written_whole(out) as temporary:
            temporary.write_text(table, encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}): check --out.") from error
