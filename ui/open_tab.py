"""Tabs of which only the open one costs anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pneumo_core.errors import PneumoError


def open_tab(
    titles: Mapping[str, str], contents: Mapping[str, Callable[[], object]], **options: Any
) -> None:
    """Draw tabs and compute the open one; what goes wrong in it is said in words, there.

    Args:
        titles: Of the tabs, in order.
        contents: What draws each, by the same keys.
        options: Of `st.tabs`, such as `key`; `on_change` or `bind` makes it tell which is open.
    """
    tabs = st.tabs(list(titles.values()), **options)
    for tab, which in zip(tabs, titles, strict=True):
        if tab.open:
            with tab:
                try:
                    contents[which]()
                except PneumoError as error:
                    st.error(str(error))
