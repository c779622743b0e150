"""The structure of CSV files, sound and not."""

import csv
import io

import numpy as np
import pytest

from pneumo_core import csv_table
from pneumo_core.csv_table import open_csv, shown
from pneumo_core.errors import DataError


def fields(content: bytes) -> list[list[str]]:
    """Every field under the header, as text."""
    table = open_csv(content)
    assert all(table.names)
    frame = table.read(table.names[1:], table.names[0])
    return frame.astype("str")[list(table.names)].to_numpy(object).tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n\n"])
def test_separators_and_line_ends(separator, line_end, last):
    text = f"a,b,c\nx,0,y\n,1,z{last}".replace(",", separator).replace("\n", line_end)
    assert open_csv(text.encode()).names == ("a", "b", "c")
    assert fields(text.encode()) == [["x", "0", "y"], ["", "1", "z"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    content = "größe,score\nfür,1\n".encode(encoding)
    assert open_csv(content).names == ("größe", "score")
    assert fields(content) == [["für", "1"]]
    notes = open_csv(content).notes
    expected = ("The file is not UTF-8 and was read as Windows-1252 (Latin-1).",)
    assert notes == (expected if encoding == "cp1252" else ())


def test_the_separator_is_the_one_that_fits_the_next_row_too():
    assert open_csv(b"a;b, c\n1;2,5\n").names == ("a", "b, c")
    assert open_csv(b"a,b;c\n1,2\n").names == ("a", "b;c")
    assert open_csv(b'"a;x;y",b\n1,2\n').names == ("a;x;y", "b")
    assert open_csv(b"sep=;\na,x;b\n1,2;2\n").names == ("a,x", "b")


def test_quoted_fields_hold_anything():
    content = b'a,b\n"x, ""y""\nz",1\n"",2\n'
    assert fields(content) == [['x, "y"\nz', "1"], ["", "2"]]
    assert open_csv(content).rows.tolist() == [2, 3]


def test_rows_are_counted_as_a_spreadsheet_shows_them():
    table = open_csv(b"a,b\n\nx,1\n,\ny,2\n   \nz,3\n,,,\n")
    assert table.rows.tolist() == [3, 5, 7]
    assert table.notes == ("4 empty rows left out.",)
    assert table.read(["a"], "b")["b"].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="Row 6 has 3 fields, but row 1 names 2 columns: "):
        open_csv(b"a,b\n\nx,1\n,\n\ny,2,3\n")


def test_text_stays_as_written():
    table = open_csv(b"id,n\n007,1.50\nNA,2\n1e3,3\nTrue,4\n")
    frame = table.read(["id"], "n")
    assert frame["id"].tolist() == ["007", "NA", "1e3", "True"]
    assert frame["n"].tolist() == [1.5, 2.0, 3.0, 4.0]


def test_numbers_are_read_to_the_last_bit():
    numbers = np.random.default_rng(1).random(2000)
    text = "a,b\n" + "".join(f"x,{n!r}\n" for n in numbers.tolist())
    assert open_csv(text.encode()).read([], "b")["b"].tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty: "),
        (b"\xef\xbb\xbf \r\n\n", "The file is empty: "),
        (b"\n\na,b\n1,2\n", "Row 1 is empty: "),
        (b",,\n1,2,3\n", "Row 1 is empty: "),
        (b"a,b\n", "The file has a header but no rows: "),
        (b"a,b\n,\n\n", "The file has a header but no rows: "),
        (b"score\n0.5\n", "The file has one column only: "),
        (b"a|b\n1|2\n", "The file has one column only: "),
        (b"a,b, a \n1,2,3\n", "Row 1 names the column “a” twice: "),
        (b"1,1\n0,0.5\n", "Row 1 holds numbers where the names of the columns belong: "),
        (b"a,b\n1,2\n3\n", "Row 3 has 1 field, but row 1 names 2 columns: "),
        (b"a,b\n1,2\n3,4,5\n", "Row 3 has 3 fields, but row 1 names 2 columns: "),
        (b'a,b\n1,2\n"3,4\n5,6\n', "A quotation mark in row 3 is never closed: "),
        (b'a,b\n1,2\n"3,4\n"5",6\n', "A quotation mark in row 3 does not enclose a whole field: "),
        (b'"a,b\n1,2\n', "A quotation mark in row 1 is never closed: "),
        (b'a,b\n1,2\n5" film,4\n', "A quotation mark in row 3 does not enclose a whole field: "),
        (b'a,b\n1,2\nx "y",4\n', "A quotation mark in row 3 does not enclose a whole field: "),
        (b"PK\x03\x04rest", "This is a spreadsheet's own format, not CSV: "),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "The file is not text, whatever its name says: "),
        ("a,b\n1,2\n".encode("utf-16-le"), "The file is not text, whatever its name says: "),
        (b"\xff\xfea", "The encoding of the file is unknown: "),
        (b"a,b\n\x81,1\n", "The encoding of the file is unknown: "),
        (b",".join(b"c%d" % i for i in range(201)) + b"\n1", "The file has 201 columns, more than"),
        (b'"' + b"x" * 200_000 + b'",b\n1,2\n', "Row 1 cannot be read: "),
    ],
)
def test_unsound_files_get_a_sentence(content, sentence):
    with pytest.raises(DataError) as error:
        open_csv(content)
    assert str(error.value).startswith(sentence)
    assert str(error.value).endswith(".")


def test_too_much(monkeypatch):
    monkeypatch.setattr(csv_table, "MOST_ROWS", 3)
    assert open_csv(b"a,b\n" + b"1,2\n" * 3 + b",\n" * 3).rows.size == 3
    with pytest.raises(DataError, match="The file has 4 rows, more than the 3 that are read: "):
        open_csv(b"a,b\n" + b"1,2\n" * 4)
    with pytest.raises(DataError, match="The file has 7 rows, more than the 3 that are read: "):
        open_csv(b"a,b\n" + b"1,2\n" + b",\n" * 5 + b"1,2\n")
    monkeypatch.setattr(csv_table, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="The file is larger than 0 MB: "):
        open_csv(b"a,b\n1,2\n3,4\n")


def test_agreement_with_pythons_own_reader_whatever_comes():
    rng = np.random.default_rng(4)
    alphabet = np.array(list('",;\n a1"\n,'))
    sound = 0
    for _ in range(3000):
        text = "h,k\n" + "".join(rng.choice(alphabet, rng.integers(1, 14)))
        try:
            table = open_csv(text.encode())
        except DataError:
            continue
        sound += 1
        ours = zip(*(table.read([n], m)[n] for n, m in (("h", "k"), ("k", "h"))), strict=True)
        reader = csv.reader(io.StringIO(text + "\n", newline=""), strict=True)
        theirs = dict(enumerate(reader, start=1))
        for row, fields_of_row in zip(table.rows.tolist(), ours, strict=True):
            assert theirs.pop(row) == list(fields_of_row), repr(text)
        assert theirs.pop(1) == ["h", "k"]
        assert not "".join(map("".join, theirs.values())).strip(), repr(text)
    assert sound > 100


def test_names_are_shown_as_plain_text():
    assert shown("y_true") == "“y_true”"
    assert shown("<script>alert(1)</script>") == "“script alert 1 /script”"
    assert shown("![x](https://a.b/c) **b** $x$ :red[y] `z`") == "“x https //a.b/c b x red y z”"
    assert shown("x" * 41) == f"“{'x' * 39}…”"
    assert shown("größe %") == "“größe %”"
