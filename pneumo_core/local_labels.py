"""The labels of a user's own films: from the folders they lie in, or from a CSV beside them.

Forgiving about how a name is written (case, slashes, extension, the folders before it), strict
about what it means: a film that could be two films, or have two labels, is left out and said so.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from pneumo_core import own_scores
from pneumo_core.archive import Entry, cleaned, shown
from pneumo_core.csv_table import CsvTable, open_csv
from pneumo_core.csv_table import shown as column_shown
from pneumo_core.errors import DataError
from pneumo_core.kinds import KINDS
from pneumo_core.splits import group_of, patient_of

MOST_LISTED = 100
"""Rows of a CSV without a film that are listed; the others are only counted."""

_DEPTH = 8
"""Last parts of a path that are looked at when names are matched."""

_LONGEST = 1000
"""Characters of a field of a CSV that are looked at; a name that is longer is known by its end."""

_FILE_NAMES = (
    *("file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path"),
    *("image_file", "image_name", "image_index", "image_id", "film", "name", "id"),
)
_LABEL_NAMES = (*own_scores.LABEL_NAMES, "finding", "findings", "finding_labels", "pneumonia")
_GROUP_NAMES = ("group", "groups", "kind", "type", "site", "hospital")

_WORDS: dict[str, tuple[int, str]] = {
    **dict.fromkeys(
        [
            *("normal", "normals", "healthy", "negative", "neg", "control", "controls"),
            *("no finding", "no findings", "no pneumonia", "not pneumonia", "non pneumonia"),
            "without pneumonia",
        ],
        (0, "normal"),
    ),
    **dict.fromkeys(("pneumonia", "pneumonias", "positive", "pos", "with pneumonia"), (1, "")),
    **{
        name: (1, kind)
        for kind, one in zip(KINDS, ("bacterial", "viral"), strict=True)
        for name in (kind, one, f"{one} pneumonia", f"pneumonia {one}", f"pneumonia {kind}")
    },
}
"""What names a class, as `_plain` writes it: label and kind ("" where it is not said)."""

_NUMBERS = {"0": (0, "normal"), "1": (1, ""), "false": (0, "normal"), "true": (1, "")}
"""What names a class in a CSV too: a folder called 1 may be the first of a hundred."""

_IMAGE = re.compile(r"\.(png|jpe?g|tiff?|dcm|dicom|ima)$")
_TABLE = re.compile(r"\.(csv|tsv)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class LabelledFilm:
    """A file that is said to be a film with a known answer; it has not been read yet.

    Attributes:
        entry: The file.
        label: 0 (Normal) or 1 (Pneumonia).
        kind: "normal", "bacteria", "virus", or "" where the kind of pneumonia is not known.
        patient: "" where that is not known.
        group: What the CSV's column of groups says; "" without one.
    """

    entry: Entry = field(repr=False)
    label: int
    kind: str
    patient: str
    group: str


@dataclass(frozen=True)
class LeftOut:
    """What takes no part, and why.

    Attributes:
        name: To show, as `archive.shown` gives it; it may hold anything that can be printed.
        reason: A sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Labelled:
    """The films of a user, with labels.

    Attributes:
        films: Those whose label is known, in the order of the files.
        left_out: The other files.
        stray_rows: Rows of the CSV that name no film, up to `MOST_LISTED` of them.
        strays: How many such rows there are.
        table: Whether the labels come from a CSV, not from folders.
        group: Name of the CSV's column of groups; "" without one.
    """

    films: tuple[LabelledFilm, ...]
    left_out: tuple[LeftOut, ...]
    stray_rows: tuple[LeftOut, ...]
    strays: int
    table: bool
    group: str


def find_labels(entries: Iterable[Entry], table: bytes | None = None) -> Labelled:
    """Find the label of every film.

    A CSV, where there is one, decides alone; what it does not name is left out. A CSV without a
    column of labels gives patients and groups to films that are labelled by their folders. The
    patient of a film that no CSV gives one is read from names like those of Kermany's data.

    Args:
        entries: All files, as `archive.entries` gives them, a CSV or TSV perhaps among them.
        table: The CSV, where it lies elsewhere; those among the entries are then passed over.

    Raises:
        DataError: If the CSV cannot be used, or there are several that could be meant.
    """
    everything = list(entries)
    files = [entry for entry in everything if not _TABLE.search(entry.path)]
    inside = [entry for entry in everything if _TABLE.search(entry.path)]
    by_folder = _folder_labels([_parts(entry.path) for entry in files])
    if table is not None:
        left_out = [
            LeftOut(shown(each.path), "Another CSV was given in its place.") for each in inside
        ]
        found: _Table | None = _read_table(table)
    else:
        found, left_out = _table_among(inside, any(isinstance(each, tuple) for each in by_folder))
    rows = _Rows.of(found, files) if found else None
    films = []
    for place, (entry, folder) in enumerate(zip(files, by_folder, strict=True)):
        film = entry.error or _labelled(entry, folder, place, rows)
        if isinstance(film, str):
            left_out.append(LeftOut(shown(entry.path), film))
        else:
            films.append(film)
    strays = rows.strays if rows else []
    return Labelled(
        films=tuple(films),
        left_out=tuple(left_out),
        stray_rows=tuple(strays[:MOST_LISTED]),
        strays=len(strays),
        table=bool(found and found.label),
        group=found.group or "" if found else "",
    )


_Class = tuple[int, str]
"""Label and kind."""


def _labelled(
    entry: Entry, folder: _Class | str, place: int, rows: "_Rows | None"
) -> LabelledFilm | str:
    """A film with its label, or the sentence that says why it has none."""
    parts = _parts(entry.path)
    said = rows.of_film(place) if rows else None
    if isinstance(said, str):
        return said
    known = folder
    if rows and rows.has_labels:
        if said is None:
            return "The CSV does not name this file."
        if isinstance(said.known, str):
            return said.known
        if isinstance(folder, tuple) and folder[0] != said.known[0]:
            return "Its folder and the CSV name different classes."
        known = said.known
    if isinstance(known, str):
        return known
    label, kind = known
    kinds = {kind, group_of(parts[-1].lower(), label)} - {""}
    patient, group = (said.patient, said.group) if said else ("", "")
    if group.lower() in KINDS:
        kinds.add(group.lower())
    return LabelledFilm(
        entry=entry,
        label=label,
        kind=kinds.pop() if len(kinds) == 1 else "",
        patient=patient or _patient_by_name(parts),
        group=group,
    )


def _parts(path: str) -> list[str]:
    return path.split("/")


def _patient_by_name(parts: Sequence[str]) -> str:
    """The patient that a name like those of Kermany's data tells; "" where it tells none.

    Many archives call every first film of a patient IM-0001-0001 and keep each patient in a folder:
    so a folder that names no class belongs to the patient's name.
    """
    patient = patient_of(parts[-1])
    inner = [part for part in parts[-2:-1] if _plain(part) not in _WORDS]
    return "/".join([*inner, patient]) if patient else ""


def _plain(text: str) -> str:
    """Words in lower case with single spaces: "Pneumonia_(viral)" becomes "pneumonia viral"."""
    return " ".join(re.split(r"[\W_]+", text.casefold())).strip()


def _folder_labels(paths: Sequence[Sequence[str]]) -> list[_Class | str]:
    """The class that each path's folders name, or the sentence that says why there is none."""
    named = [path[:-1] for path in paths if any(_plain(part) in _WORDS for part in path[:-1])]
    alike = (len(set(level)) == 1 for level in zip(*named, strict=False))
    shared = sum(1 for _ in takewhile(bool, alike))
    return [_folder_label(path[:-1], shared) for path in paths]


def _folder_label(folders: Sequence[str], shared: int) -> _Class | str:
    """The class that folders name; the first `shared` ones, which all films share, count last."""
    for some in (folders, folders[shared:]):
        named = [_WORDS[word] for word in map(_plain, some) if word in _WORDS]
        if len({label for label, _ in named}) == 1:
            kinds = {kind for _, kind in named if kind}
            return named[0][0], kinds.pop() if len(kinds) == 1 else ""
    if any(_plain(folder) in _WORDS for folder in folders):
        return "Its folders name two classes: keep normal films and pneumonia apart."
    return "No folder that it lies in names a class, such as NORMAL or PNEUMONIA."


@dataclass(frozen=True, eq=False)
class _Table:
    """A CSV that names films: its columns by name, None where there is none."""

    content: CsvTable
    file: str
    label: str | None
    patient: str | None
    group: str | None


def _table_among(tables: Sequence[Entry], folders: bool) -> tuple[_Table | None, list[LeftOut]]:
    """The one CSV among files that names films, and the others.

    Args:
        tables: The files.
        folders: Whether there are labels without any.
    """
    found, errors = [], []
    for entry in tables:
        candidate = entry.read()
        try:
            if candidate.data is None:
                raise DataError(str(candidate.error))
            found.append(_read_table(candidate.data))
        except DataError as error:
            errors.append(LeftOut(shown(entry.path), str(error)))
    if len(found) > 1:
        raise DataError(f"There are {len(found)} CSV files that name films: give one of them.")
    if errors and not found and not folders:
        raise DataError(errors[0].reason)
    return (found[0] if found else None), errors


def _read_table(content: bytes) -> _Table:
    table = open_csv(content, needs="a file and a label")
    by_usual_name = {_plain(name).replace(" ", "_"): name for name in table.names[::-1] if name}

    def first(usual: Sequence[str], *taken: str | None) -> str | None:
        names = (by_usual_name[name] for name in usual if name in by_usual_name)
        return next((name for name in names if name not in taken), None)

    file = first(_FILE_NAMES)
    if file is None:
        raise DataError(
            "No column of the CSV is called file: row 1 must name the columns, "
            "file,label and perhaps patient and group."
        )
    label = first(_LABEL_NAMES, file)
    patient = first(own_scores.PATIENT_NAMES, file, label)
    group = first(_GROUP_NAMES, file, label, patient)
    if not (label or patient or group):
        raise DataError(f"The CSV has no column called label beside {column_shown(file)}.")
    return _Table(table, file, label, patient, group)


@dataclass(frozen=True)
class _Row:
    """What a row says of a film: its class or why that is not known, its patient, its group."""

    known: _Class | str
    patient: str
    group: str


class _Rows:
    """The rows of a CSV, each with the film that it names."""

    def __init__(self, has_labels: bool, films: int) -> None:
        self.has_labels = has_labels
        self.strays: list[LeftOut] = []
        self._rows: list[set[_Row]] = [set() for _ in range(films)]
        self._unclear: set[int] = set()

    @classmethod
    def of(cls, table: _Table, files: Sequence[Entry]) -> "_Rows":
        """Match rows to files."""
        rows = cls(table.label is not None, len(files))
        names = _Names([entry.path for entry in files])
        columns = (table.file, table.label, table.patient, table.group)
        frame = table.content.read([name for name in columns if name])
        blank = [""] * len(frame)
        cells = zip(*(frame[name] if name else blank for name in columns), strict=True)
        for file, label, patient, group in cells:
            found = names.find(file)
            if len(found) == 1:
                row = _Row(_class(label), patient.strip(), group.strip()[:_LONGEST])
                rows._rows[found[0]].add(row)
                continue
            if found:
                rows._unclear.update(found)
                reason = f"{len(found)} files here could be meant: write their folders as well."
            else:
                reason = "The CSV names it, but no file here has this name."
            rows.strays.append(LeftOut(shown(file[-_LONGEST:]), reason))
        return rows

    def of_film(self, place: int) -> _Row | str | None:
        """What is said of a film, a sentence where that is not clear; None where nothing is."""
        rows = self._rows[place]
        if len(rows) > 1:
            return "Rows of the CSV contradict each other about this file."
        if not rows and place in self._unclear:
            return "The CSV names several files alike: write their folders into it as well."
        return next(iter(rows), None)


def _class(text: str) -> _Class | str:
    word = _plain(text[:_LONGEST])
    if word in _WORDS or word in _NUMBERS:
        return (_WORDS | _NUMBERS)[word]
    if re.fullmatch(r"\s*[01][.,]0+\s*", text[:_LONGEST]):
        return _NUMBERS[text.strip()[0]]
    what = "is missing" if not word else "is none that is known"
    return f"Its label in the CSV {what}: write normal or pneumonia, or 0 or 1."


class _Names:
    """Finds files by how a CSV writes their names."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._whole: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        self._stems: dict[str, list[int]] = {}
        for place, path in enumerate(paths):
            parts = _name_parts(path)
            self._whole.setdefault("/".join(parts), []).append(place)
            for ends, last in ((self._ends, parts[-1]), (self._stems, _stem(parts[-1]))):
                for end in _ends(parts, last):
                    ends.setdefault(end, []).append(place)

    def find(self, name: str) -> list[int]:
        """Places of the files that a name may mean: those that share the longest end with it."""
        if not name.strip():
            return []
        parts = _name_parts(cleaned(name[-_LONGEST:]))
        if whole := self._whole.get("/".join(parts)):
            return whole
        for ends, last in ((self._ends, parts[-1]), (self._stems, _stem(parts[-1]))):
            for end in _ends(parts, last):
                if end in ends:
                    return ends[end]
        return []


def _name_parts(path: str) -> list[str]:
    # A Mac decomposes letters with accents in the names of files.
    return unicodedata.normalize("NFC", path).casefold().split("/")[-_DEPTH:]


def _ends(parts: Sequence[str], last: str) -> list[str]:
    return ["/".join([*parts[start:-1], last]) for start in range(len(parts))]


def _stem(name: str) -> str:
    return _IMAGE.sub("", name)
