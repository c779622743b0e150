"""What a reader looked at in a session, and what she thought of it beside the model.

A reading holds no pixels, no file name and no tag: films are told apart by a digest.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
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
    def at(self) -> datetime:
        """When, with its time zone."""
        return datetime.fromisoformat(self.when)

    @property
    def own_verdict(self) -> Target | None:
        """The reader's own verdict, as far as her opinion tells it."""
        if self.opinion not in ("agree", "disagree"):
            return None
        if self.opinion == "agree":
            return self.verdict
        return next(name for name in CLASS_NAMES if name != self.verdict)  # type: ignore[return-value]


def find(history: Iterable[Reading], film: str, run: str) -> Reading | None:
    """The reading of a film with a model; None where there is none."""
    return next((one for one in history if (one.film, one.run) == (film, run)), None)


def with_reading(history: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """Add a reading to a history, the latest last; of the same film and model it takes the place.

    Opinion, comment and truth of the one before stay where the new one has none.
    """
    before = find(history, reading.film, reading.run)
    kept = (one for one in history if one is not before)
    return (*kept, reading if before is None else _after(before, reading))[-MOST:]


def noted(history: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """Add what is on screen, as `with_reading`, unless it says nothing new.

    What the reader has an opinion of stays as she saw it, whatever the threshold is by now.
    """
    before = find(history, reading.film, reading.run)
    if before is not None and (before.opinion is not None or _verdict(before) == _verdict(reading)):
        return tuple(history)
    return with_reading(history, reading)


def placed(history: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """Put a reading, as it stands, where that of the same film and model was, or else last."""
    if find(history, reading.film, reading.run) is None:
        return (*history, reading)[-MOST:]
    key = (reading.film, reading.run)
    return tuple(reading if (one.film, one.run) == key else one for one in history)


def merged(history: Sequence[Reading], more: Sequence[Reading]) -> tuple[Reading, ...]:
    """Join two histories into one in the order of time, without doubles.

    Of two readings of the same film and model the one with an opinion stays, of two such the later
    one; comment and truth are taken from the other where it has none.

    Raises:
        DataError: Together they are more than a history may hold.
    """
    both = sorted((*history, *more), key=lambda one: one.at)
    found: dict[tuple[str, str], Reading] = {}
    for one in sorted(both, key=lambda one: one.opinion is not None):
        before = found.get((one.film, one.run))
        found[one.film, one.run] = one if before is None else _after(before, one)
    if len(found) > MOST:
        raise DataError(
            f"Together these are {len(found)} readings, more than the {MOST} a session holds: "
            "export and forget some first."
        )
    order = {(one.film, one.run): place for place, one in enumerate(both)}
    return tuple(sorted(found.values(), key=lambda one: (one.at, order[one.film, one.run])))


def _verdict(one: Reading) -> tuple[Target, float, float]:
    return one.verdict, one.probability, one.threshold


def _after(before: Reading, reading: Reading) -> Reading:
    """A reading with what only the one before it has: opinion, comment, truth."""
    # An opinion of a verdict is none of another verdict.
    opinion = before.opinion if before.verdict == reading.verdict else None
    return replace(
        reading,
        opinion=reading.opinion or opinion,
        comment=reading.comment or before.comment,
        truth=reading.truth or before.truth,
    )


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
    # What is wrong is a stranger's text: it is not repeated.
    damaged = f"This history is damaged: reading {number} is not as it was saved."
    try:
        one = build(Reading, item, f"reading {number}")
        zoned = one.at.tzinfo is not None
        "".join((one.film, one.run, one.comment)).encode()
    except (RecipeError, ValueError):
        raise DataError(damaged) from None
    if not (zoned and 0 <= one.probability <= 1 and 0 <= one.threshold <= 1):
        raise DataError(damaged)
    return replace(one, comment=one.comment[:COMMENT])
