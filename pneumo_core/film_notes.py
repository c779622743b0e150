"""What a reader notes about films of a data set, and the files that carry it away and back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pneumo_core.csv_table import shown
from pneumo_core.errors import DataError
from pneumo_core.spreadsheet import harmless

SCHEMA = 1
LONGEST = 2000
"""Characters of a note, at most."""

MOST = 20_000
"""Notes in a file, at most: more than the data sets have films."""

TAGS = ("", "label", "film", "model", "other")
"""None, likely label error, poor film, the model's fault, other."""


@dataclass(frozen=True)
class FilmNote:
    """A reader's note on one film.

    Attributes:
        tag: One of `TAGS`.
        text: At most `LONGEST` characters.
    """

    tag: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.tag or self.text)


@dataclass(frozen=True)
class NotedFilm:
    """A note with what was known of its film when it was taken away.

    Attributes:
        film: Id in the data set.
        split: "val" or "test".
        truth: "Normal" or "Pneumonia", as labelled.
        probability: Of pneumonia, calibrated, by the model.
        tag: As `FilmNote.tag`.
        note: As `FilmNote.text`.
    """

    film: str
    split: str
    truth: str
    probability: float
    tag: str
    note: str


def to_json(noted: Sequence[NotedFilm], *, data: str, model: str, threshold: float) -> str:
    """Notes as a JSON file that `from_json` reads.

    Args:
        noted: In the order in which they are written.
        data: Name of the data set the films are of.
        model: Name of the run whose probabilities these are.
        threshold: That was in use.
    """
    content = {
        "schema": SCHEMA,
        "data": data,
        "model": model,
        "threshold": threshold,
        "notes": [asdict(one) for one in noted],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def to_csv(noted: Iterable[NotedFilm]) -> str:
    """Notes as a CSV file, harmless to a spreadsheet."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(field.name for field in fields(NotedFilm))
    for one in noted:
        note = harmless(one.note)
        writer.writerow((one.film, one.split, one.truth, one.probability, one.tag, note))
    return buffer.getvalue()


def from_json(content: bytes, *, data: str) -> Mapping[str, FilmNote]:
    """Read a file of notes; the films' ids with what was noted. Empty notes are left out.

    Args:
        content: Of a file that `to_json` wrote.
        data: Name of the data set whose films are on screen.

    Raises:
        DataError: It is no such file, is of another data set, or holds what no note can be.
    """
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(
            "This is no JSON file: choose one that “Notes as JSON” has written."
        ) from None
    if not isinstance(read, dict) or read.get("schema") != SCHEMA or "notes" not in read:
        raise DataError("This file holds no notes: choose one that “Notes as JSON” has written.")
    if read.get("data") != data:
        raise DataError(
            f"These notes are on films of {shown(str(read.get('data')))}, not of {shown(data)}: "
            "choose a model of that data set first."
        )
    notes = read["notes"]
    if not isinstance(notes, list) or len(notes) > MOST:
        raise DataError(f"The notes are no list of at most {MOST}: export them anew.")
    found = dict(_note(number, one) for number, one in enumerate(notes, 1))
    return {film: note for film, note in found.items() if note}


def _note(number: int, one: Any) -> tuple[str, FilmNote]:
    values = [one.get(key) for key in ("film", "tag", "note")] if isinstance(one, dict) else []
    if not values or not all(isinstance(value, str) for value in values):
        raise DataError(f"Note {number} lacks its film, tag or text: export the notes anew.")
    film, tag, text = values
    if tag not in TAGS:
        raise DataError(f"Note {number} has the unknown tag {shown(tag)}: export the notes anew.")
    if len(text) > LONGEST:
        raise DataError(f"Note {number} has {len(text)} characters: at most {LONGEST} are kept.")
    return film, FilmNote(tag, text)
