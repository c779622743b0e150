"""Texts that a spreadsheet would take for a formula."""

import pytest

from pneumo_core.spreadsheet import harmless


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1"])
def test_what_begins_like_a_formula_is_preceded_by_an_apostrophe(text):
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["", "film.png", "a=b", " =1", "'=1", "0-1"])
def test_any_other_text_stays_as_it_is(text):
    assert harmless(text) == text
