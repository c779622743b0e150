"""The data sets: where they are found, whether they are what they claim, and how they are split.

Three kinds are known by name: `pneumoniamnist` (28 pixels; `_64`, `_128` and `_224` are MedMNIST's
larger versions), `pneumoniamnist_imbalanced` (the variant with 388 normal training images that one
source system used), and `chest_xray` (class folders in Kaggle's layout, of any image size).
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo_core.errors import DataError, ImageError, PneumoError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.images import read_image
from pneumo_core.splits import (
    Split,
    SplitRule,
    group_of,
    patient_of,
    split_as_listed,
    split_by_patient,
)

SPLITS = ("train", "val", "test")
IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
PATIENT_TABLE = "pneumoniamnist_patients.csv"
VAL_BY_PATIENT = Path(__file__).parent / "pneumoniamnist_val_by_patient.txt"
"""What `split_by_patient` makes of PneumoniaMNIST, for those who lack the table of patients."""


@dataclass(frozen=True)
class MedMnistFile:
    """What one of MedMNIST's files must be."""

    name: str
    size: int
    md5: str | None
    train_counts: tuple[int, int]

    @property
    def title(self) -> str:
        """Name for people."""
        variant = ", imbalanced variant" if self.md5 is None else ""
        return f"PneumoniaMNIST ({self.size} px{variant})"


# MD5 sums as published in medmnist.INFO; the imbalanced variant has no official one.
MEDMNIST_FILES = {
    file.name: file
    for file in (
        MedMnistFile("pneumoniamnist", 28, "28209eda62fecd6e6a2d98b1501bb15f", (1214, 3494)),
        MedMnistFile("pneumoniamnist_64", 64, "8f4eceb4ccffa70c672198ea285246c6", (1214, 3494)),
        MedMnistFile("pneumoniamnist_128", 128, "05b46931834c231683c68f40c47b2971", (1214, 3494)),
        MedMnistFile("pneumoniamnist_224", 224, "d6a3c71de1b945ea11211b03746c1fe1", (1214, 3494)),
        MedMnistFile("pneumoniamnist_imbalanced", 28, None, (388, 3494)),
    )
}
DATASET_NAMES = (*MEDMNIST_FILES, "chest_xray")


@dataclass(frozen=True)
class Dataset:
    """A data set that has passed its checks.

    Attributes:
        name: One of `DATASET_NAMES`.
        title: Name for people.
        path: The file or folder it was read from.
        fingerprint: "md5:..." of the file, or "files:..." of a folder's names and sizes.
        split_rule: How train and val were made: "official", or "patient" (no patient in both).
        splits: "train", "val" and "test".
    """

    name: str
    title: str
    path: Path
    fingerprint: str
    split_rule: SplitRule
    splits: Mapping[str, Split]

    def find(self, image_id: str) -> np.ndarray:
        """The grey image of that id, float32 (height, width) in [0, 1].

        Raises:
            DataError: If the data set has no such image.
        """
        for split in self.splits.values():
            if image_id in split.ids:
                return split.read(split.ids.index(image_id))
        raise DataError(f"{self.title} has no image {image_id!r}.")


def data_folders() -> list[Path]:
    """Folders that are searched when none is named, the first that has the data set wins.

    In order: `PNEUMO_DATA`, ./data, ../shared/data beside the project (one folder for several
    checkouts), and medmnist's own folder.
    """
    named = os.environ.get("PNEUMO_DATA")
    folders = [Path(named).expanduser()] if named else []
    return [
        *folders,
        Path("data"),
        PROJECT_FOLDER.parent / "shared" / "data",
        Path.home() / ".medmnist",
    ]


def find_dataset(name: str = "pneumoniamnist", data: str | Path | None = None) -> Path:
    """Find a data set on disk, without judging its content.

    Args:
        name: One of `DATASET_NAMES`.
        data: The file or folder itself, or a folder that holds it; None to search
            `data_folders()`.

    Raises:
        DataError: If the name is unknown or the data set is nowhere.
    """
    if name not in DATASET_NAMES:
        raise DataError(f"Unknown data set {name!r}: choose one of {', '.join(DATASET_NAMES)}.")
    wanted = name if name == "chest_xray" else f"{name}.npz"
    if data is not None:
        given = Path(data).expanduser()
        if _is_dataset(name, given):
            return given
        if _is_dataset(name, given / wanted):
            return given / wanted
        raise DataError(f"{given} is not {name} and holds no {wanted}: check --data.")
    for folder in data_folders():
        if _is_dataset(name, folder / wanted):
            return folder / wanted
    if name == "chest_xray":
        advice = (
            "fetch it with train_cli.py --download, get 'Chest X-Ray Images (Pneumonia)' from "
            "Kaggle and unpack it into ./data"
        )
    else:
        advice = f"put {wanted} from medmnist.com into ./data"
    raise DataError(
        f"The data set {name} was not found: {advice}, or name its place with --data or "
        "PNEUMO_DATA."
    )


def load_dataset(
    name: str = "pneumoniamnist",
    data: str | Path | None = None,
    split_rule: SplitRule = "official",
) -> Dataset:
    """Find, check and split a data set.

    Args:
        name: One of `DATASET_NAMES`.
        data: As in `find_dataset`.
        split_rule: "official" keeps the splits as published; "patient" pools train and val and
            splits them anew so that no patient is in both. Test is never touched.

    Raises:
        DataError: If it is absent, damaged, another data set than asked for, or has no patients
            to split by.
    """
    path = find_dataset(name, data)
    if name == "chest_xray":
        return _load_folder(path, split_rule)
    return _load_medmnist(MEDMNIST_FILES[name], path, split_rule)


def _is_dataset(name: str, path: Path) -> bool:
    if name == "chest_xray":
        return all((path / split / "NORMAL").is_dir() for split in SPLITS)
    return path.is_file()


def _load_medmnist(expected: MedMnistFile, path: Path, split_rule: SplitRule) -> Dataset:
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        images = {split: arrays[f"{split}_images"] for split in SPLITS}
        labels = {split: arrays[f"{split}_labels"].astype(np.int64).ravel() for split in SPLITS}
        counts = tuple(int((labels["train"] == label).sum()) for label in (0, 1))
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged archive
        raise DataError(f"{path} is damaged and cannot be read: download it again.") from error
    _check_medmnist(expected, path, md5, counts)

    table = _patient_table(path.parent, expected)
    splits = {}
    for split in SPLITS:
        files = [table.get((split, i), "") for i in range(len(labels[split]))]
        splits[split] = Split(
            ids=tuple(f"{split}-{i:04d}" for i in range(len(files))),
            labels=labels[split],
            patients=tuple(patient_of(file) for file in files),
            groups=tuple(map(group_of, files, labels[split].tolist())),
            read=_array_reader(images[split]),
        )
    if split_rule == "patient":
        if any(splits["train"].patients):
            content = [image.tobytes() for split in ("train", "val") for image in images[split]]
            splits = split_by_patient(splits, content)
        elif expected.md5 is not None:
            splits = split_as_listed(splits, VAL_BY_PATIENT.read_text().split())
        else:
            raise _no_patients(expected.title)
    return Dataset(expected.name, expected.title, path, f"md5:{md5}", split_rule, splits)


def _check_medmnist(expected: MedMnistFile, path: Path, md5: str, counts: tuple[int, ...]) -> None:
    if md5 == expected.md5 or (expected.md5 is None and counts == expected.train_counts):
        return
    for other in MEDMNIST_FILES.values():
        if md5 == other.md5 or (other.md5 is None and counts == other.train_counts):
            raise DataError(
                f"{path} is {other.title}, not {expected.title}: ask for it by its name, "
                f"--set data={other.name}, or replace the file."
            )
    normal, pneumonia = counts
    raise DataError(
        f"{path} is not {expected.title}: it has {normal} normal and {pneumonia} pneumonia "
        f"training images and MD5 {md5}. Download it again from medmnist.com."
    )


def _patient_table(folder: Path, expected: MedMnistFile) -> dict[tuple[str, int], str]:
    """(split, position) -> Kermany file name, as far as the table beside the data knows it."""
    path = next((f / PATIENT_TABLE for f in (folder, *data_folders()) if _has_table(f)), None)
    if path is None:
        return {}
    import pandas as pd

    columns = ["split", "index", "source_file"]
    try:
        rows = pd.read_csv(path, usecols=columns, dtype={"source_file": str})
        rows = rows.dropna().astype({"index": int})
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise DataError(
            f"{path} is no table of patients with the columns {', '.join(columns)}: restore it, "
            "or delete it."
        ) from error
    if expected.md5 is None:
        # The imbalanced variant dropped training images, so the table's positions hold no more.
        rows = rows[rows["split"] != "train"]
    return dict(
        zip(zip(rows["split"], rows["index"], strict=True), rows["source_file"], strict=True)
    )


def _has_table(folder: Path) -> bool:
    return (folder / PATIENT_TABLE).is_file()


def _array_reader(images: np.ndarray) -> Callable[[int], np.ndarray]:
    return lambda position: images[position].astype(np.float32) / np.float32(255)


def _load_folder(path: Path, split_rule: SplitRule) -> Dataset:
    listing = hashlib.sha256()
    splits = {}
    for split in SPLITS:
        files: list[Path] = []
        labels: list[int] = []
        for label, folder in enumerate(("NORMAL", "PNEUMONIA")):
            found = sorted(
                file
                for file in (path / split / folder).glob("*")
                if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
            )
            files += found
            labels += [label] * len(found)
        ids = tuple(file.relative_to(path).as_posix() for file in files)
        for name, file in zip(ids, files, strict=True):
            listing.update(f"{name}\t{file.stat().st_size}\n".encode())
        splits[split] = Split(
            ids=ids,
            labels=np.array(labels, np.int64),
            patients=tuple(patient_of(file.name) for file in files),
            groups=tuple(
                group_of(file.name, label) for file, label in zip(files, labels, strict=True)
            ),
            read=_file_reader(files),
        )
        if len(set(labels)) < 2:
            raise DataError(
                f"{path / split} needs images in both NORMAL and PNEUMONIA; "
                "unpack the data set again."
            )
    if split_rule == "patient":
        if not any(splits["train"].patients + splits["val"].patients):
            raise _no_patients(f"the films in {path}")
        splits = split_by_patient(splits, [])
    fingerprint = f"files:{listing.hexdigest()}"
    return Dataset("chest_xray", "Kermany chest X-rays", path, fingerprint, split_rule, splits)


def _no_patients(of: str) -> DataError:
    return DataError(f"The patients of {of} are not known: use --split official.")


def _file_reader(files: Sequence[Path]) -> Callable[[int], np.ndarray]:
    def read(position: int) -> np.ndarray:
        try:
            return read_image(files[position]).pixels
        except ImageError as error:
            raise DataError(f"{files[position]} cannot be read: {error}") from error

    return read


def download_dataset(
    name: str = "pneumoniamnist", progress: Callable[[float], None] | None = None
) -> Path:
    """Download one of MedMNIST's files into medmnist's own folder.

    Args:
        name: "pneumoniamnist" or one of its larger versions.
        progress: Called with the share that has arrived, 0 to 1.

    Returns:
        Path of the file, its MD5 checked.

    Raises:
        DataError: If it cannot be downloaded, or arrives damaged; says what to do by hand.
    """
    from medmnist.info import INFO

    from pneumo_core.files import download

    expected = MEDMNIST_FILES.get(name)
    if expected is None or expected.md5 is None:
        raise DataError(f"{name} cannot be downloaded from MedMNIST; put it into ./data by hand.")
    suffix = "" if expected.size == 28 else f"_{expected.size}"
    url = INFO["pneumoniamnist"][f"url{suffix}"]
    target = Path.home() / ".medmnist" / f"{name}.npz"
    try:
        download(url, target, expected.md5, progress)
    except (OSError, PneumoError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"The download failed ({reason}). Get {url} in a browser and put the file into ./data."
        ) from error
    return target
