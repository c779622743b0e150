"""The browser's half of a component: files of ui/assets as one text."""

from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"


def joined(*names: str) -> str:
    """Files, named by their paths below ui/assets, one after the other."""
    return "\n".join((_ASSETS / name).read_text("utf-8") for name in names)
