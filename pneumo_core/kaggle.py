"""The folder data set from Kaggle, for those who have it not.

`kagglehub`, Kaggle's own client, is an optional extra: nothing else here needs it. What arrives is
unpacked in a hidden folder and counted, and becomes the data set only when it is complete.
"""

import tempfile
import textwrap
from pathlib import Path

from pneumo_core.datasets import IMAGE_SUFFIXES, SPLITS
from pneumo_core.errors import DataError

HANDLE = "paultimothymooney/chest-xray-pneumonia"
PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"
REQUIREMENT = "kagglehub>=0.4.3"
"""The first that downloads into a folder of one's own."""

COUNTS = {"train": (1341, 3875), "val": (8, 8), "test": (234, 390)}
"""Normal and pneumonia images of each split, as Kaggle has them."""


def download_chest_xray(folder: Path) -> Path:
    """Download "Chest X-Ray Images (Pneumonia)", 1.2 GB, as a folder `chest_xray`.

    Args:
        folder: Where to put it, made if need be; `datasets.find_dataset` finds it in any of
            `datasets.data_folders()`.

    Returns:
        `folder / "chest_xray"`, with every image of the three splits.

    Raises:
        DataError: If kagglehub is not installed, Kaggle cannot be reached or refuses, or what
            arrives is incomplete; says how to get the data by hand. Nothing is left behind then.
        OSError: If the disk is full or not writable; nothing is left behind then.
    """
    target = folder / "chest_xray"
    by_hand = (
        f"get the data from {PAGE} and unpack it, so that {target / 'train' / 'NORMAL'} exists"
    )
    if target.exists():
        raise DataError(f"{target} is there, but is not the data set: move it away first.")
    try:
        import kagglehub
    except ImportError:
        raise DataError(
            f"The download needs kagglehub: pip install '{REQUIREMENT}', or {by_hand}."
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".chest_xray-", dir=folder) as scratch:
        # Not into kagglehub's cache, where a second copy of 2.4 GB would stay.
        arrived = Path(scratch, "arrived")
        try:
            kagglehub.dataset_download(HANDLE, output_dir=str(arrived))
        except Exception as error:  # of kagglehub, requests or zipfile; it promises no kind
            raise DataError(f"{_reason(error)}: {by_hand}.") from error
        whole = Path(scratch, "whole")
        whole.mkdir()
        root = _complete_copy(arrived, by_hand)
        for split in SPLITS:
            (root / split).rename(whole / split)
        return whole.rename(target)


def _reason(error: Exception) -> str:
    """What went wrong, as the start of a sentence; raises the error itself if the disk did it."""
    # requests has a ConnectionError and a Timeout of its own; their texts are of sockets and pools.
    if {"ConnectionError", "Timeout", "TimeoutError"} & {
        kind.__name__ for kind in type(error).mro()
    }:
        return "Kaggle cannot be reached"
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    words = textwrap.shorten(str(error) or type(error).__name__, 160, placeholder=" …")
    return f"Kaggle's download failed ({words.rstrip('.')})"


def _complete_copy(arrived: Path, by_hand: str) -> Path:
    """The folder that holds all images.

    Kaggle's archive has them twice, in `chest_xray` and in `chest_xray/chest_xray`, beside a
    `__MACOSX` of files that are named like images and are none.
    """
    places = [arrived, arrived / "chest_xray", arrived / "chest_xray" / "chest_xray"]
    counted = {place: _counts(place) for place in places}
    for place, counts in counted.items():
        if counts == COUNTS:
            return place
    found = max(sum(map(sum, counts.values())) for counts in counted.values())
    wanted = sum(map(sum, COUNTS.values()))
    raise DataError(
        f"What came from Kaggle is not the complete data set, {found} images in place of {wanted}: "
        f"try again later, or {by_hand}."
    )


def _counts(place: Path) -> dict[str, tuple[int, int]]:
    """Images of each split, normal and pneumonia."""

    def count(folder: Path) -> int:
        files = folder.glob("*")
        return sum(
            file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
            for file in files
        )

    return {
        split: (count(place / split / "NORMAL"), count(place / split / "PNEUMONIA"))
        for split in SPLITS
    }
