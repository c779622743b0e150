"""What a reader looked at in a session, and what she thought of it beside the model.

A reading holds no pixels, no file name and no tag: films are told apart by a digest.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pneumo_core import CLASS_NAMES
from pneumo_core.answers import Target
from pneumo_core.confusion import Confusion
from pneumo_core.errors import DataError, RecipeError
from pneumo_core.fields import build

Opinion = Literal["agree", "disagree", "unsure"]
OPINIONS: tuple[Opinion, ...] = ("agree", "disagree", "unsure")

MOST = 2000
"""Readings that a history may hold; a file with more is refused."""

COMMENT = 500
"""Characters of a comment that are kept."""

FORMAT = "pneumolens-history-1"


@dataclass(frozen=True)
class Reading:
    """One film looked at with one model.

    Attributes:
        when: ISO time, UTC, to the second.
        film: SHA-256 of the film's file, or a sample's id: it tells films apart.
        run: Name of the model.
        verdict: "Normal" or "Pneumonia", at the threshold.
        probability: Calibrated probability of pneumonia, in [0, 1].
        threshold: On it.
        opinion: What the reader thinks of the verdict; None while she has not said.
        comment: What she wrote, at most `COMMENT` characters.
        truth: The known answer, where there is one.
    """

    when: str
    film: str
    run: str
    verdict: Target
    probability: float
    threshold: float
    opinion: Opinion | None = None
    comment: str = ""
    truth: Target | None = None

    @property
    def own_verdict(self) -> Target | None:
        """The reader's own verdict, as far as her opinion tells it."""
        if self.opinion not in ("agree", "disagree"):
            return None
        if self.opinion == "agree":
            return self.verdict
        return next(name for name in CLASS_NAMES if name != self.verdict)  # type: ignore[return-value]


def with_reading(history: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """Add a reading to a history, the latest last; of the same film and model it takes the place.

    Opinion, comment and truth of the one before stay where the new one has none.
    """
    kept = [one for one in history if (one.film, one.run) != (reading.film, reading.run)]
    before = [one for one in history if (one.film, one.run) == (reading.film, reading.run)]
    if before:
        old = before[-1]
        # An opinion of a verdict is none of another verdict.
        opinion = old.opinion if old.verdict == reading.verdict else None
        reading = replace(
            reading,
            opinion=reading.opinion or opinion,
            comment=reading.comment or old.comment,
            truth=reading.truth or old.truth,
        )
    return (*kept, reading)[-MOST:]


def agreement(history: Iterable[Reading]) -> dict[Target, dict[Opinion, int]]:
    """Count what the reader thought of each verdict: verdict -> opinion -> readings."""
    counts: dict[Target, dict[Opinion, int]] = {
        name: dict.fromkeys(OPINIONS, 0)
        for name in CLASS_NAMES  # type: ignore[misc]
    }
    for one in history:
        if one.opinion is not None:
            counts[one.verdict][one.opinion] += 1
    return counts


def matrix(history: Iterable[Reading], *, reader: bool) -> Confusion:
    """Count right and wrong calls where the truth is known and the reader has decided.

    The model's and the reader's matrix count the same films, so that they compare.

    Args:
        history: The readings.
        reader: Count the reader's own verdicts; otherwise the model's.
    """
    counts = dict.fromkeys(("tp", "fp", "tn", "fn"), 0)
    for one in history:
        if one.truth is None or one.own_verdict is None:
            continue
        called = one.own_verdict if reader else one.verdict
        right = called == one.truth
        counts[("t" if right else "f") + ("p" if called == "Pneumonia" else "n")] += 1
    return Confusion(**counts)


def to_json(history: Iterable[Reading]) -> str:
    """Write a history as the text of a JSON file."""
    content = {"format": FORMAT, "readings": [asdict(one) for one in history]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str | bytes) -> tuple[Reading, ...]:
    """Read what `to_json` wrote.

    Raises:
        DataError: The file is something else, damaged, or too long.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("This is no history: choose a JSON file that was saved here.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError("This JSON file is no history of readings: choose one saved here.")
    given = content.get("readings")
    if not isinstance(given, list) or len(given) > MOST:
        raise DataError(f"A history holds a list of at most {MOST} readings.")
    return tuple(_reading(item, number) for number, item in enumerate(given, 1))


def _reading(item: Any, number: int) -> Reading:
    try:
        one = build(Reading, item, f"reading {number}")
    except RecipeError as error:
        raise DataError(f"This history is damaged: {error}") from None
    if not (0 <= one.probability <= 1 and 0 <= one.threshold <= 1):
        raise DataError(f"This history is damaged: reading {number} has no probability.")
    return replace(one, comment=one.comment[:COMMENT])
