"""What a DICOM file's tags mean for whoever reads it here: codes and their words, in one place."""

from dataclasses import dataclass
from enum import StrEnum

from pneumo_core.dicom import FRONT_VIEWS, DicomFilm, Table, Window

YOUNGEST, OLDEST = 1, 6
"""Ages in years from which, and below which, the model knows children."""


class Sign(StrEnum):
    """What there is to say about a DICOM film."""

    MONOCHROME1 = "monochrome1"
    WINDOW = "window"
    STRETCHED = "stretched"
    PASSED_OVER = "passed over"
    FRAME = "frame"
    PADDING = "padding"
    COLOUR = "colour"
    FRONT = "front"
    AGE = "age"
    VIEW = "view"
    BODY_PART = "body part"
    MODALITY = "modality"
    RAW = "raw"
    BURNED_IN = "burned in"


WORDS = {
    Sign.MONOCHROME1: "black and white swapped, because the file stores white as zero",
    Sign.WINDOW: "shown through {window}",
    Sign.STRETCHED: "shown from its smallest value to its largest",
    Sign.PASSED_OVER: "the file's own window shows nothing and was passed over",
    Sign.FRAME: "frame {frame} of {frames}",
    Sign.PADDING: "padding around the picture shown black",
    Sign.COLOUR: "colours turned to grey",
    Sign.FRONT: "front view, {view}",
    Sign.AGE: "The file gives the patient's age as {age}: the model knows children of one to five.",
    Sign.VIEW: "The file calls this a side or special view: the model knows front views only.",
    Sign.BODY_PART: "The file names another part of the body than the chest.",
    Sign.MODALITY: "The file does not say that this is a plain X-ray: be sure that it is one.",
    Sign.RAW: "These are raw detector values, not a picture made for viewing: send the film “for "
    "presentation” if there is one.",
    Sign.BURNED_IN: "The file says that the patient's data are written into the picture.",
}
"""A phrase for what was done, a sentence for what to beware of."""

_WARNS = {Sign.AGE, Sign.VIEW, Sign.BODY_PART, Sign.MODALITY, Sign.RAW, Sign.BURNED_IN}


@dataclass(frozen=True)
class Remark:
    """One thing to say about a film.

    Attributes:
        sign: Which.
        words: The same for the screen: a sentence where it warns, else a phrase.
    """

    sign: Sign
    words: str

    @property
    def warns(self) -> bool:
        """Whether it casts doubt on a verdict, or is only good to know."""
        return self.sign in _WARNS


def remarks(film: DicomFilm) -> tuple[Remark, ...]:
    """Everything to say about a film, what was done to it first."""
    facts = film.facts
    whole = film.chosen == len(film.windows) - 1
    details = {"window": window_words(film.windows[film.chosen]), "view": facts.view}
    details |= {"frame": facts.frame + 1, "frames": facts.frames}
    details["age"] = None if facts.age is None else age_words(facts.age)
    holds = {
        Sign.FRAME: facts.frames > 1,
        Sign.COLOUR: film.colourful,
        Sign.MONOCHROME1: facts.photometric == "MONOCHROME1",
        Sign.WINDOW: not whole,
        Sign.STRETCHED: whole and not _plain(film),
        Sign.PASSED_OVER: film.chosen > 0,
        Sign.PADDING: facts.padded,
        Sign.FRONT: facts.view in FRONT_VIEWS,
        Sign.AGE: facts.age is not None and not YOUNGEST <= facts.age < OLDEST,
        Sign.VIEW: facts.view not in (None, *FRONT_VIEWS),
        Sign.BODY_PART: facts.body_part == "OTHER",
        Sign.MODALITY: facts.modality in (None, "OT"),
        Sign.RAW: facts.raw,
        Sign.BURNED_IN: facts.burned_in is True,
    }
    return tuple(Remark(sign, WORDS[sign].format(**details)) for sign, so in holds.items() if so)


def window_words(window: Window | Table) -> str:
    """A window by name and, where it has them, centre and width: "window 1 (40 / 400)"."""
    if isinstance(window, Table):
        return window.name
    return f"{window.name} ({window.centre:g} / {window.width:g})"


def age_words(age: float) -> str:
    """An age in years as one says it: months below two years, days below one month."""
    if age < 1 / 12:
        return _count(round(age * 365.25), "day")
    if age < 2:
        return _count(round(age * 12), "month")
    return _count(int(age), "year")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def _plain(film: DicomFilm) -> bool:
    """Whether 8-bit values are shown as they are."""
    window = film.windows[film.chosen]
    return isinstance(window, Window) and (window.centre, window.width) == (127.5, 255)
