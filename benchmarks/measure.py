"""What the benchmarks share: timing by turns, ratios, and one way to print and keep them.

A ratio of two medians that were taken by turns in one run says the same on a quick and on a slow
machine, a quiet and a busy one; seconds do not. Nothing here passes or fails.
"""

import json
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"
"""Where each benchmark's latest ratios are kept, for the docs to quote."""


@dataclass(frozen=True)
class Ratio:
    """One thing held against another, in one run.

    Attributes:
        what: Ours.
        against: The other.
        ratio: Ours divided by the other's, in the unit that the bar is meant in.
        bar: What is wanted, e.g. "<= 2.0" or ">= 0.8"; "" where nothing was set.
        detail: Both figures with their units, and whatever the reader must know.
    """

    what: str
    against: str
    ratio: float
    bar: str
    detail: str

    @property
    def met(self) -> bool | None:
        """Whether the ratio is as the bar wants it; None where there is no bar.

        Raises:
            ValueError: If the bar is not "<=" or ">=" and a number.
        """
        if not self.bar:
            return None
        found = re.fullmatch(r"(<=|>=) (\d+(?:\.\d+)?)", self.bar)
        if found is None:
            raise ValueError(f"not a bar: {self.bar!r}")
        wanted = float(found[2])
        return self.ratio <= wanted if found[1] == "<=" else self.ratio >= wanted


def alternated(
    steps: Mapping[str, Callable[[], object]], rounds: int = 11, warmup: int = 2
) -> dict[str, list[float]]:
    """Seconds that each step takes, by turns: other work on the machine weighs on all alike.

    Args:
        steps: What is timed, by name.
        rounds: How often each is.
        warmup: Rounds before, not counted: what is imported, compiled and kept at first.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(warmup + rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each list."""
    return {name: median(values) for name, values in seconds.items()}


def record(name: str, ratios: Sequence[Ratio], notes: Sequence[str] = ()) -> Path:
    """Print a benchmark's table and keep it with the facts of the machine.

    Args:
        name: The benchmark's module, e.g. "verdict".
        ratios: The lines of the table.
        notes: Sentences that belong to it.

    Returns:
        The JSON file.
    """
    for one in ratios:
        verdict = {None: "", True: "met", False: "NOT met"}[one.met]
        print(
            f"{one.what} / {one.against}: {one.ratio:.3g} {one.bar and f'({one.bar}: {verdict})'}"
        )
        print(f"    {one.detail}")
    for note in notes:
        print(f"- {note}")
    RESULTS.mkdir(exist_ok=True)
    content = {
        "ratios": [asdict(one) for one in ratios],
        "notes": list(notes),
        "machine": machine(),
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, object]:
    """What the ratios were measured on, and how busy it was."""
    import torch

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "streamlit": version("streamlit"),
    }


def processor() -> str:
    """Name of the processor."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
