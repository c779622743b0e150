"""Before the verdict: does this look like the films the model knows?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.novelty import Novelty
    from ui.reading import Film


def familiarity(novelty: Novelty | None, film: Film) -> bool:
    """Draw what speaks against a verdict on this film.

    Args:
        novelty: What was found, None where the model cannot tell.
        film: What was read.

    Returns:
        Whether the verdict is to be shown: not for what is no chest X-ray, unless asked for.
    """
    if novelty is None:
        if film.image.colourful:
            st.warning(words.COLOURFUL)
        return True
    if novelty.answer == "familiar":
        return True
    reasons = "".join(f"\n- {each.sentence}" for each in novelty.objections)
    if not novelty.withheld:
        st.warning(f"**{novelty.sentence}**\n{reasons}", icon=":material/help:")
        return True
    st.error(f"**{novelty.sentence}**\n{reasons}", icon=":material/block:")
    shown = f"pneumolens/anyway/{film.key}"
    if not st.session_state.get(shown):
        st.button(words.SHOW_ANYWAY, on_click=lambda: st.session_state.update({shown: True}))
    return bool(st.session_state.get(shown))
