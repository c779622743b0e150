"""The state of a training run between two epochs, on disk.

Checkpoints are our own files, yet they are read with `weights_only=True`, and hold nothing but
tensors, numbers, strings and lists of them.
"""

import errno
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pneumo_core.errors import RecipeError, TrainingError
from pneumo_core.files import written_whole
from pneumo_core.recipe import Recipe
from pneumo_core.schedule import EpochRecord

SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """Everything that is needed to go on.

    Attributes:
        identity: Recipe, seed, where the first weights are from, fingerprint of the data and digest
            of its split: what the run is.
        threads: CPU threads; sums are only bit-equal with the same number.
        history: One record an epoch.
        step: Batches trained so far.
        model: State of the network.
        average: Its moving average.
        best: The average at the best epoch so far.
        optimiser: State of the optimiser.
        processes: How many trained together, each with so many threads.
        begun: The average at the phase's start, where the phase blends with it; else empty.
    """

    identity: Mapping[str, Any]
    threads: int
    history: list[EpochRecord]
    step: int
    model: Mapping[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Any]
    processes: int = 1
    begun: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        OSError: If it cannot be written; the one before is then still there.
    """
    content = dict(vars(checkpoint))
    content["schema"] = SCHEMA
    # As text: weights_only=True then has nothing but plain containers to allow.
    content["identity"] = json.dumps(checkpoint.identity, sort_keys=True)
    content["history"] = json.dumps([asdict(record) for record in checkpoint.history])
    with written_whole(path) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:
            # What torch's own writer makes of a full disk.
            sentence = "The checkpoint cannot be written, perhaps because the disk is full"
            raise OSError(errno.EIO, sentence, str(path)) from error


def same_run(found: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether two identities are of one run.

    A recipe's field that one of them lacks, because it was written before there was such a field,
    counts as having its default; of the identity itself, `found` may lack what is newer than it.
    """
    try:
        recipes = [Recipe.from_json(identity["recipe"]) for identity in (found, expected)]
    except RecipeError:
        return False
    recipeless = {**expected, "recipe": None}
    return recipes[0] == recipes[1] and {**recipeless, **found, "recipe": None} == recipeless


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TrainingError: If there is none, or it is damaged or of another version.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except FileNotFoundError:
        raise TrainingError(f"There is no checkpoint at {path}: start without --resume.") from None


def _read(file: BinaryIO, path: Path) -> Checkpoint:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        if content.pop("schema") != SCHEMA:
            raise TrainingError(f"{path} is of another version of PneumoLens: start anew.")
        content["identity"] = json.loads(content["identity"])
        content["history"] = [EpochRecord(**row) for row in json.loads(content["history"])]
        return Checkpoint(**content)
    except TrainingError:
        raise
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        raise TrainingError(
            f"The checkpoint {path} is damaged: delete it and start anew."
        ) from error
