"""The uploaders of pages that take many films.

What an uploader holds is gone once its page is left: each page keeps the files in the session.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

MOST_MB = 500
"""Most megabytes of files that a page may hold at a time; one archive may be all of it."""

MOST_BYTES = MOST_MB * 2**20

Files = tuple[tuple[str, bytes], ...]
"""Name and content of each."""


@dataclass(frozen=True)
class Uploaders:
    """The uploaders of one page, as one session has them.

    Attributes:
        page: Its name.
    """

    page: str

    def key(self, which: str = "files") -> str:
        """Key of an uploader: another one after `renew`, for an uploader cannot be emptied."""
        return f"{self.page}-uploader-{which}-{st.session_state.get(self._turn, 0)}"

    def renew(self) -> None:
        """Put empty uploaders in place of these."""
        st.session_state[self._turn] = st.session_state.get(self._turn, 0) + 1

    def given(self, which: str = "files") -> int:
        """Bytes of the files that an uploader holds."""
        # What a server before this one was given, it does not have: such a file has no size.
        held = st.session_state.get(self.key(which)) or ()
        return sum(getattr(file, "size", 0) for file in held)

    def files(self, which: str = "files") -> Files:
        """The files that an uploader on the page holds."""
        return tuple((file.name, file.getvalue()) for file in st.session_state[self.key(which)])

    @property
    def _turn(self) -> str:
        return f"pneumolens/{self.page}/turn"
