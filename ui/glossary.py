"""The glossary: every term with its meaning, to search; an address can name a term."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from ui.words import help as words
from ui.words.glossary import GLOSSARY, Term
from ui.words.predict import unbroken

TERM = "term"
"""The parameter of the address, and the key of the search."""


def glossary() -> None:
    """Draw the search and the terms that it finds."""
    asked = st.text_input(
        words.SEARCH,
        key=TERM,
        type="search",
        icon=":material/search:",
        live=True,
        bind="query-params",
        width=420,
    )
    found = search(asked or "")
    if not found:
        st.markdown(words.NONE_FOUND)
        return
    line = words.COUNT if len(found) == len(GLOSSARY) else words.FOUND
    st.caption(line.format(count=len(found), of=len(GLOSSARY)))
    st.html(f'<dl class="glossary">{"".join(map(_entry, found))}</dl>')


def search(text: str) -> Sequence[Term]:
    """The entries that a text leads to.

    The one that is called so comes first, then those whose names have the text in them, then those
    that speak of it; each in alphabetical order. Capitals make no difference.
    """
    wanted = " ".join(text.casefold().split())
    ranks = {term: _rank(term, wanted) for term in GLOSSARY}
    return sorted((term for term in GLOSSARY if ranks[term] < 4), key=ranks.__getitem__)


def _rank(term: Term, wanted: str) -> int:
    names = [name.casefold() for name in (term.name, *term.also)]
    if not wanted or wanted == names[0]:
        return 0
    if wanted in names:
        return 1
    if any(wanted in name for name in names):
        return 2
    return 3 if wanted in term.meaning.casefold() else 4


def _entry(term: Term) -> str:
    also = words.ALSO.format(names=", ".join(term.also)) if term.also else ""
    return (
        f"<div><dt>{escape(term.name)}</dt><dd>{escape(unbroken(term.meaning))}"
        f"{f'<small>{escape(also)}</small>' if also else ''}</dd></div>"
    )
