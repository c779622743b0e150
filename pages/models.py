"""Every trained model beside what its source published; which to use, and why."""

from pathlib import Path

import streamlit as st

from ui import cache, models_table, state
from ui.models_closely import closely
from ui.words import models as words

STYLE = Path(__file__).parent.parent / "ui" / "assets" / "models" / "page.css"


def main() -> None:
    """Lay out the page."""
    run = state.current_run()
    board = cache.board()
    st.html(STYLE)
    st.title(words.TITLE)
    st.markdown(words.INTRO)
    models_table.which_sets(board)
    point = models_table.operating_point(board)
    # The films that the model in use was tested on come first.
    for images in sorted(board.sets, key=lambda images: run.name not in images.probabilities):
        models_table.beside_published(images.at(point) if point else images, run)
    models_table.unusable(board)
    closely(board, run)


main()
