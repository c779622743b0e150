"""`python -m pneumo_core local`: does a model hold on a folder or a ZIP of labelled films?"""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pneumo_core import NOTICE, markdown
from pneumo_core.archive import MAX_UNPACKED, Candidate, Entry, cleaned, entries, is_archive, shown
from pneumo_core.csv_table import MOST_BYTES
from pneumo_core.errors import DataError
from pneumo_core.files import written_whole
from pneumo_core.images import MAX_BYTES
from pneumo_core.local_answer import FIGURES, NAMES, Cases, LocalAnswer, local_answer
from pneumo_core.local_labels import Labelled, LeftOut, find_labels
from pneumo_core.local_validation import Tally, score_films, tally
from pneumo_core.proportions import Estimate


def local(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: There is no such folder, ZIP, CSV or run; no film has a label or can be read.
    """
    from tqdm import tqdm

    from pneumo_core.detector import PneumoniaDetector

    out = Path(options.json).expanduser() if options.json else None
    if out is not None and not out.parent.is_dir():
        raise DataError(f"There is no folder {str(out.parent)!r} to write to: check --json.")
    table = _contents(Path(options.labels).expanduser(), MOST_BYTES) if options.labels else None
    labelled = find_labels(_given(Path(options.input).expanduser()), table)
    if not labelled.films:
        raise DataError(
            f"No film in {options.input} has a label: put films into folders called NORMAL and "
            "PNEUMONIA, or name them in a CSV with the columns file and label."
        )
    detector = PneumoniaDetector(options.model)
    # disable=None: no bar where the output is a file.
    with tqdm(labelled.films, unit="film", disable=None) as films:
        scored = list(score_films(detector, films))
    counted = tally(scored, options.count)
    if not counted.films:
        raise DataError(f"No film in {options.input} counts: {_reason(counted)}")
    run = detector.run
    answer = local_answer(
        counted.labels,
        counted.probabilities,
        counted.patients,
        run,
        run.operating_point,
        options.margin / 100,
    )
    print(text(answer, run.name))
    for each in _left_out(labelled, counted):
        # ASCII only: a name need not be text that the terminal can carry.
        print(f"left out: {ascii(each.name)[1:-1]}: {each.reason}", file=sys.stderr)
    if out is not None:
        content = {"run": run.name, **answer.to_json(), "count": _count(labelled, counted)}
        _write(out, content)
    print(NOTICE, file=sys.stderr)
    return 0


def text(answer: LocalAnswer, run: str) -> str:
    """The answer as the terminal shows it: the sentence, the figures, the films it takes."""
    rows = [["", "your films", "the test", "change", "at least"]]
    for name in FIGURES:
        one = answer.figures[name]
        cells = (one.here, one.there, one.change.change)
        floor = "" if one.floor is None else f"{one.floor:.3f}"
        rows.append([NAMES[name], *map(_interval, cells), floor])
    needed = {f"±{100 * width:g} points": each for width, each in answer.within.items()}
    needed |= {
        "a clear answer": answer.to_decide,
        "here now": Cases(answer.pneumonia, answer.normal),
    }
    cases = [["films for", "with pneumonia", "normal", "in all, mixed as here"]]
    for what, each in needed.items():
        numbers = (each.pneumonia, each.normal, each.in_all(answer.prevalence))
        cases.append([what, *map(_films, numbers)])
    calibration = answer.calibration
    promise = (
        f"Mean probability {calibration.promised:.3f}, share with pneumonia "
        f"{_interval(calibration.observed)}; calibration error {calibration.ece:.3f}, in the large "
        f"{_interval(calibration.in_the_large)}."
    )
    head = f"{run} at threshold {answer.threshold:.3f}"
    return "\n\n".join(
        (answer.sentence, head, markdown.columns(rows), promise, markdown.columns(cases))
    )


def _interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _films(number: int | None) -> str:
    return "?" if number is None else str(number)


def _reason(counted: Tally) -> str:
    return counted.left_out[0].reason if counted.left_out else "there is none."


def _count(labelled: Labelled, counted: Tally) -> dict[str, Any]:
    """What took part and what did not."""
    return {
        "counted": len(counted.films),
        "without_label": len(labelled.left_out),
        "rows_without_film": labelled.strays,
        "unread": counted.unread,
        "copies": counted.copies,
        "contradicted": counted.contradicted,
        "unusual": counted.unusual,
        "no_chest": counted.foreign,
        "left_out": [
            {"name": each.name, "reason": each.reason} for each in _left_out(labelled, counted)
        ],
    }


def _left_out(labelled: Labelled, counted: Tally) -> tuple[LeftOut, ...]:
    return (*labelled.left_out, *labelled.stray_rows, *counted.left_out)


def _given(place: Path) -> Iterator[Entry]:
    """What a folder or a ZIP holds."""
    if place.is_dir():
        return _in_folder(place)
    data = _contents(place, MAX_UNPACKED)
    if not is_archive(data):
        raise DataError(f"{place} is neither a folder nor a ZIP archive: check --input.")
    return entries([(place.name, data)])


def _in_folder(folder: Path) -> Iterator[Entry]:
    """All files in a folder and the folders in it, in order; hidden ones are passed over."""
    for place, folders, names in os.walk(folder):
        # os.walk goes on with what is left in it, in this order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(place, name)
                inside = os.fsencode(path.relative_to(folder).as_posix())
                shown_path = inside.decode("utf-8", "backslashreplace")
                yield Entry(cleaned(shown_path), partial(_candidate, path, shown(shown_path)))


def _candidate(path: Path, name: str) -> Candidate:
    try:
        return Candidate(name, _contents(path, MAX_BYTES))
    except DataError as error:
        return Candidate(name, None, str(error))


def _contents(path: Path, most: int) -> bytes:
    """The contents of an ordinary file of up to so many bytes."""
    try:
        if not path.is_file():  # a pipe would keep us waiting for ever
            raise DataError(f"There is no file {str(path)!r}: check the path.")
        if path.stat().st_size > most:
            raise DataError(f"{path.name} is bigger than {most // 2**20} MiB: split or shrink it.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be opened: check path and rights.") from error


def _write(out: Path, content: dict[str, Any]) -> None:
    try:
        with written_whole(out) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}): check --json.") from error
