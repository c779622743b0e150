"""PneumoLens core: everything that is true without a screen.

The package is cheap to import; torch and the rest are loaded when something needs them.

    from pneumo_core import PneumoniaDetector
    PneumoniaDetector().predict("chest_xray.jpg")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

CLASS_NAMES = ("Normal", "Pneumonia")
"""Names of the labels 0 and 1, in order."""

NOTICE = "For research and teaching. Not a medical device: never base care on it."
"""Shown wherever a verdict is shown."""

__all__ = ["CLASS_NAMES", "NOTICE", "PneumoniaDetector", "__version__"]

if TYPE_CHECKING:
    from pneumo_core.detector import PneumoniaDetector


def __getattr__(name: str) -> Any:
    """Import the detector, and torch with it, only when it is asked for (PEP 562)."""
    if name == "PneumoniaDetector":
        from pneumo_core.detector import PneumoniaDetector

        return PneumoniaDetector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
