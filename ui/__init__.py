"""Widgets, state and words that pages share; only here and there is streamlit imported."""
