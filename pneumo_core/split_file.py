"""What was measured of a run after its training: a JSON file in its folder, a part for each split.

Such a file can be made again at any time, so a damaged one is an error in words where it is read
and is written over where something is to be kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from pneumo_core.errors import PneumoError, RunError
from pneumo_core.files import write_json

if TYPE_CHECKING:
    from pneumo_core.runs import Run


class Measured(Protocol):
    """What was found on one split of a run's data."""

    @property
    def split(self) -> str:
        """Either "val" or "test"."""

    @property
    def weights_sha256(self) -> str:
        """Of the weights that were measured."""

    def to_json(self) -> Mapping[str, Any]:
        """The fields as JSON-ready values."""

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read what `to_json` wrote, or raise a PneumoError."""


T = TypeVar("T", bound=Measured)


@dataclass(frozen=True)
class SplitFile(Generic[T]):
    """A file of a run's folder.

    Attributes:
        name: Of the file.
        kind: What it holds for each split.
        remedy: What to do where it is damaged, for people, from the verb on.
    """

    name: str
    kind: type[T]
    remedy: str

    def read(self, run: "Run", split: str) -> T | None:
        """What was found on a split; None where there is nothing, or of other weights.

        Raises:
            RunError: If the file is damaged.
        """
        content = self._content(run).get(split)
        if content is None:
            return None
        try:
            found = self.kind.from_json(content)
        except PneumoError as error:
            raise self._damaged(run) from error
        return found if found.weights_sha256 == run.weights_sha256 else None

    def write(self, run: "Run", found: T) -> Path:
        """Keep what was found; another split's stays.

        Raises:
            RunError: If the file cannot be written.
        """
        path = run.path / self.name
        try:
            others = self._content(run)
        except RunError:
            others = {}
        try:
            write_json(path, {**others, found.split: found.to_json()})
        except OSError as error:
            raise RunError(f"{path} cannot be written ({error.strerror}).") from error
        return path

    def _content(self, run: "Run") -> dict[str, Any]:
        try:
            content = json.loads((run.path / self.name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged(run) from error
        if not isinstance(content, dict):
            raise self._damaged(run)
        return content

    def _damaged(self, run: "Run") -> RunError:
        return RunError(f"{run.name}: {self.name} is damaged: delete it and {self.remedy}.")
