"""What a page shows in place of images when the data set is not on this machine."""

import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.runs import Run
from ui.words import common as words


def offer_download(run: Run) -> None:
    """Say that the run's images are missing; offer a download, and what to type instead.

    Draws a button with a progress bar; on success the page is run again and finds the images.
    """
    name = run.data["name"]
    st.info(words.DATA_MISSING.format(title=run.data["title"]))
    if not name.startswith("pneumoniamnist"):
        st.markdown(words.FOLDER_BY_HAND)
        return
    if st.button(words.DOWNLOAD, icon=":material/download:", key=f"download-{name}"):
        _download(name)
    st.caption(words.BY_HAND)
    st.code(words.BY_HAND_COMMAND.format(name=name), language="bash", wrap_lines=True)


def _download(name: str) -> None:
    from pneumo_core.datasets import download_dataset

    bar = st.progress(0.0, words.DOWNLOADING)
    try:
        download_dataset(name, progress=lambda share: bar.progress(share, words.DOWNLOADING))
    except DataError as error:
        bar.empty()
        st.error(str(error))
    else:
        st.rerun()
