"""How much memory a process and its children hold, and how much they held at most (Linux)."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
KNOWN = (PROC / "self/clear_refs").exists()
"""Whether it can be told here."""


def family(pid: int | None = None) -> list[int]:
    """A process, this one unless another is named, and all that it has started, down the tree."""
    parents = {}
    for place in PROC.iterdir():
        if place.name.isdigit():
            try:  # the name in brackets may hold anything
                parents[int(place.name)] = int(
                    (place / "stat").read_text().rpartition(")")[2].split()[1]
                )
            except OSError:  # ended meanwhile
                continue
    found = [pid or os.getpid()]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def resident(pid: int | None = None) -> int:
    """Bytes of memory that a process and its children hold now."""
    return sum(_field(each, "VmRSS") for each in family(pid))


@dataclass
class Peak:
    """The most that was held over what was held before, in bytes."""

    more: int = 0


@contextmanager
def peak(pid: int | None = None) -> Iterator[Peak]:
    """Measure the most that a process and its children hold meanwhile; the sum of each's most."""
    base = resident(pid)
    for each in family(pid):
        (PROC / str(each) / "clear_refs").write_text("5")  # begins anew with what is held now
    found = Peak()
    yield found
    found.more = sum(_field(each, "VmHWM") for each in family(pid)) - base


def _field(pid: int, name: str) -> int:
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
