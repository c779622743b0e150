"""Films from the clipboard: pasted anywhere on a page, they go to its uploader."""

from pathlib import Path

import streamlit as st

_mount = st.components.v2.component(
    "paste", js=(Path(__file__).parent / "assets" / "paste" / "paste.js").read_text("utf-8")
)


def paste() -> None:
    """Let the page's one uploader take files that are pasted."""
    with st.container(gap=None, key="paste"):
        _mount(key="pasted")
