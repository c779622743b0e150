"""Texts in a CSV file that a spreadsheet will open."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """A text, preceded by an apostrophe where a spreadsheet would take it for a formula.

    A formula can call programs and send what stands beside it elsewhere (OWASP, CSV injection).
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
