"""Tables in pages: renewed between their marks, the rest untouched, nothing half-written."""

import pytest

from pneumo_core import markdown
from pneumo_core.errors import DataError

PAGE = "Before\n\n<!-- runs: begin -->\nold\n<!-- runs: end -->\n\nAfter\n"


def test_a_table_in_both_forms():
    rows = [["a", "long header"], ["longer", "b"]]
    assert markdown.table(rows) == "| a | long header |\n| --- | --- |\n| longer | b |"
    assert markdown.columns(rows) == "a       long header\nlonger  b"


def test_a_stroke_in_a_cell_begins_no_other_cell():
    assert markdown.table([["a"], ["b | c"]]) == "| a |\n| --- |\n| b \\| c |"


def test_only_what_stands_between_the_marks_is_renewed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    for text in ("first", "second"):
        markdown.renew(page, "runs", text)
        assert page.read_text(encoding="utf-8") == (
            f"Before\n\n<!-- runs: begin -->\n\n{text}\n\n<!-- runs: end -->\n\nAfter\n"
        )


def test_a_new_page_holds_the_text_alone(tmp_path):
    markdown.renew(tmp_path / "new.md", "runs", "text")
    assert (tmp_path / "new.md").read_text(encoding="utf-8") == (
        "<!-- runs: begin -->\n\ntext\n\n<!-- runs: end -->\n"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no marks", "no place for the table: add the lines <!-- runs: begin -->"),
        (b"<!-- runs: begin -->", "no place for the table"),
        (b"<!-- runs: end --><!-- runs: begin -->", "no place for the table"),
        (PAGE.replace("runs", "other").encode(), "no place for the table"),
        (b"\xff\xfe", "cannot be read as text"),
    ],
)
def test_a_page_without_a_place_is_left_as_it_is(tmp_path, content, words):
    page = tmp_path / "page.md"
    page.write_bytes(content)
    with pytest.raises(DataError, match=words):
        markdown.renew(page, "runs", "text")
    assert page.read_bytes() == content


def test_a_page_in_no_folder_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"There is no folder .*: make it first"):
        markdown.renew(tmp_path / "none" / "page.md", "runs", "text")
