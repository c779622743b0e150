"""`python -m pneumo_core audit`: which data set is meant, the report, the file."""

from argparse import Namespace
from pathlib import Path

from pneumo_core.audit import audit
from pneumo_core.audit_report import audit_text
from pneumo_core.datasets import DATASET_NAMES, MEDMNIST_FILES, Dataset, find_dataset, load_dataset
from pneumo_core.errors import DataError
from pneumo_core.files import write_json
from pneumo_core.splits import SplitRule


def audit_data(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        DataError: As `load_named`, or the JSON cannot be written.
    """
    found = audit(load_named(options.data, options.split))
    print(audit_text(found))
    if options.json:
        path = Path(options.json).expanduser()
        try:
            write_json(path, found.to_json())
        except OSError as error:
            raise DataError(f"{path} cannot be written ({error.strerror}).") from error
    return 0


def load_named(data: str | None, split_rule: SplitRule = "official") -> Dataset:
    """Load a data set by its name, or whichever lies at a place.

    Args:
        data: One of `DATASET_NAMES`, a file, or a folder that is or holds one data set; None for
            PneumoniaMNIST, wherever it is found. Something that lies at that path goes before a
            name.
        split_rule: As in `load_dataset`.

    Raises:
        DataError: If there is no data set, or several; otherwise as `load_dataset`.
    """
    if data is None:
        return load_dataset(split_rule=split_rule)
    place = Path(data).expanduser()
    if not place.exists():
        if data in DATASET_NAMES:
            return load_dataset(data, None, split_rule)
        raise DataError(
            f"There is no {data!r}: name a file or folder, or one of {', '.join(DATASET_NAMES)}."
        )
    if place.is_file():
        return load_dataset(_archive_name(place), place, split_rule)
    names = [name for name in DATASET_NAMES if _lies_at(name, place)]
    if len(names) > 1:
        raise DataError(
            f"{place} holds {' and '.join(names)}: name one of them, "
            f"--data {find_dataset(names[0], place)}."
        )
    if not names:
        raise DataError(f"{place} holds none of {', '.join(DATASET_NAMES)}: check --data.")
    return load_dataset(names[0], place, split_rule)


def _archive_name(file: Path) -> str:
    """The data set a file is, whatever its name; the default's where it is none."""
    for name in MEDMNIST_FILES:
        try:
            load_dataset(name, file)
        except DataError:
            continue
        return name
    return "pneumoniamnist"


def _lies_at(name: str, place: Path) -> bool:
    try:
        find_dataset(name, place)
    except DataError:
        return False
    return True
