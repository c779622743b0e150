"""Notes on films: out of the program and back."""

import csv
import io
import json

import pytest

from pneumo_core.errors import DataError
from pneumo_core.film_notes import LONGEST, FilmNote, NotedFilm, from_json, to_csv, to_json

NOTED = [
    NotedFilm("test-0170", "test", "Pneumonia", 0.125, "label", 'Clear lungs, "really"\nagain'),
    NotedFilm("val-0001", "val", "Normal", 0.75, "", "Überbelichtet; =A1"),
]


def content(**changes: object) -> bytes:
    whole = json.loads(to_json(NOTED, data="pneumoniamnist", model="net", threshold=0.4))
    return json.dumps({**whole, **changes}).encode()


def test_notes_come_back_as_they_went() -> None:
    written = to_json(NOTED, data="pneumoniamnist", model="net", threshold=0.4)
    assert from_json(written.encode(), data="pneumoniamnist") == {
        "test-0170": FilmNote("label", 'Clear lungs, "really"\nagain'),
        "val-0001": FilmNote("", "Überbelichtet; =A1"),
    }
    whole = json.loads(written)
    assert (whole["data"], whole["model"], whole["threshold"]) == ("pneumoniamnist", "net", 0.4)
    assert whole["notes"][0] == {
        "film": "test-0170",
        "split": "test",
        "truth": "Pneumonia",
        "probability": 0.125,
        "tag": "label",
        "note": 'Clear lungs, "really"\nagain',
    }


def test_the_table_holds_every_field() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(NOTED), newline="")))
    assert [row["film"] for row in rows] == ["test-0170", "val-0001"]
    assert rows[0]["note"] == 'Clear lungs, "really"\nagain'
    assert float(rows[0]["probability"]) == 0.125
    assert (rows[1]["truth"], rows[1]["split"], rows[1]["tag"]) == ("Normal", "val", "")


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_no_note_becomes_a_formula_in_a_spreadsheet(start: str) -> None:
    noted = NotedFilm("a", "test", "Normal", 0.5, "", f"{start}HYPERLINK(1)")
    (row,) = csv.DictReader(io.StringIO(to_csv([noted]), newline=""))
    assert row["note"] == f"'{start}HYPERLINK(1)"


def test_an_empty_note_is_none() -> None:
    noted = [NotedFilm("a", "test", "Normal", 0.5, "", "")]
    assert from_json(to_json(noted, data="d", model="m", threshold=0.5).encode(), data="d") == {}


@pytest.mark.parametrize(
    ("damaged", "sentence"),
    [
        (b"\x89PNG", "no JSON file"),
        (b"[" * 100_000, "no JSON file"),
        (b"[]", "holds no notes"),
        (b'{"schema": 1}', "holds no notes"),
        (content(schema=2), "holds no notes"),
        (content(data="chest_xray"), "films of “chest_xray”, not of “pneumoniamnist”"),
        (content(notes="all"), "no list"),
        (content(notes=[{}] * 20_001), "no list of at most 20000"),
        (content(notes=["x"]), "Note 1 lacks"),
        (content(notes=[{"film": 3, "tag": "", "note": ""}]), "Note 1 lacks"),
        (content(notes=[{"film": "a", "tag": "evil", "note": ""}]), "unknown tag “evil”"),
        (content(data="![](http://a.b/c)<img>"), "films of “http //a.b/c img”, not of"),
        (content(notes=[{"film": "a", "tag": "<i>![](x)", "note": ""}]), "tag “i x”: export"),
        (content(notes=[{"film": "a", "tag": "", "note": "x" * (LONGEST + 1)}]), "2001 char"),
    ],
)
def test_a_bad_file_gets_a_sentence(damaged: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        from_json(damaged, data="pneumoniamnist")
