"""A page that does everything wrong, to see that test_privacy.py finds it out."""

import base64
import tempfile
from pathlib import Path

import streamlit as st

st.title("Leaky")
if file := st.file_uploader("Film"):
    Path.home().joinpath("film.txt").write_bytes(base64.b64encode(b"x" + file.getvalue()))
    with tempfile.TemporaryFile() as spool:
        spool.write(file.getvalue())
    print("Read", file.name, flush=True)
    st.query_params["film"] = file.name
    st.text(f"That was {len(file.getvalue())} bytes")
