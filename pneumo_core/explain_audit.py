"""The checks of `trust` over a whole split, for every fast method at every stage it can read.

What it finds is kept in the run, with percentile tables that tell where one film stands among the
others. It says which method and stage to read maps with; that is chosen on validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_core.errors import DataError
from pneumo_core.proportions import Estimate
from pneumo_core.split_file import SplitFile
from pneumo_core.trust_reference import Reference

if TYPE_CHECKING:
    from pneumo_core.runs import Run

AUDIT_FILE = "explain_audit.json"
CONTROL = "randomcam"
FORGETS = 0.9
"""Share of the films on which a method to be recommended must pass the re-initialisation check."""


@dataclass(frozen=True)
class Row:
    """What the checks found of one method at one stage; each figure a mean with its interval.

    Intervals are of 95 %, by patient where patients are known. Those of shares are Wilson's.

    Attributes:
        method, layer: what was read.
        deletion, insertion: as in `trust_faithful.Faithful`, in logits of the predicted class.
        gain: insertion - deletion; that of random maps is 0.
        fewer: control's deletion - deletion, on the same films: above 0 the method is better.
        more: insertion - control's insertion.
        better: gain - control's gain.
        better_normal, better_pneumonia: the same among films called so.
        beats: share of films on which the map gains more than 95 % of random maps.
        head, stage: likeness to maps of networks with a new head, and a new last stage as well.
        unrelated: 95th percentile of the likeness of different films' maps.
        forgets: share of films on which both means of likeness stay below `unrelated`.
        density: of the evidence outside the chest; 1 is evenly spread.
    """

    method: str
    layer: str
    deletion: Estimate
    insertion: Estimate
    gain: Estimate
    fewer: Estimate
    more: Estimate
    better: Estimate
    better_normal: Estimate
    better_pneumonia: Estimate
    beats: Estimate
    head: Estimate
    stage: Estimate
    unrelated: float
    forgets: Estimate
    density: Estimate


def _excess(row: Row) -> float:
    return row.better.value or 0.0


@dataclass(frozen=True)
class ExplainAudit:
    """The checks over one split.

    Attributes:
        weights_sha256: of the weights that were explained.
        data: name of the data set.
        split: "val" or "test".
        images: how many films were checked.
        drawn_from: how many the split has.
        date: ISO date.
        rows: one for each method and stage, in the order of `explain.METHODS`.
        references: percentile tables, for the maps that are shown by default.
        typical: average films of the training images, which stood in for removed parts.
    """

    weights_sha256: str
    data: str
    split: str
    images: int
    drawn_from: int
    date: str
    rows: tuple[Row, ...]
    references: tuple[Reference, ...]
    typical: Mapping[str, Any]

    def row(self, method: str, layer: str) -> Row | None:
        """The row of a method at a stage."""
        found = (row for row in self.rows if (row.method, row.layer) == (method, layer))
        return next(found, None)

    def best(self) -> Row | None:
        """The method and stage that beat the control by most, of those that forget.

        Methods that run the network some fifty times are left to who asks for them: the map that
        is shown unasked comes with the verdict, from one pass. They are taken where no other is
        better than chance; None where none of all beats the control with an interval that excludes
        0.
        """
        from pneumo_core.explain import METHODS

        return max(
            self._fit(),
            key=lambda row: (METHODS[row.method].on_input is None, _excess(row)),
            default=None,
        )

    def highest(self) -> Row | None:
        """As `best`, but however long it takes."""
        return max(self._fit(), key=_excess, default=None)

    def _fit(self) -> list[Row]:
        """The rows that beat the control, with an interval that excludes 0, and forget."""
        from pneumo_core.explain import METHODS

        return [
            row
            for row in self.rows
            if not METHODS[row.method].control
            and METHODS[row.method].by_class
            and (row.forgets.value or 0) >= FORGETS
            and (row.better.low or 0) > 0
        ]

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "ExplainAudit":
        """Read what `to_json` wrote.

        Raises:
            DataError: A field is absent or not what it should be.
        """
        from pneumo_core.explain import METHODS
        from pneumo_core.fields import build_from_file

        found = build_from_file(cls, content, "explain_audit")
        if any(row.method not in METHODS for row in found.rows):
            raise DataError("explain_audit names a method that there is not: run it again.")
        return found


_FILE = SplitFile(AUDIT_FILE, ExplainAudit, "run explain-audit again")


def read_explain_audit(run: "Run", split: str = "test") -> ExplainAudit | None:
    """What the audit found of a run; None where there was none, or of other weights.

    Raises:
        RunError: If the file is damaged.
    """
    return _FILE.read(run, split)


def write_explain_audit(run: "Run", found: ExplainAudit) -> Path:
    """Keep what was found in the run's folder; another split's stays.

    Raises:
        RunError: If the file cannot be written.
    """
    return _FILE.write(run, found)


def reference(run: "Run", method: str, layer: str) -> Reference | None:
    """What to hold the checks of one film against: the test films', or None without an audit.

    Of a method or stage without percentile tables, it says only what stands in for removed parts.

    Args:
        run: With an audit of its test films.
        method: name in `explain.METHODS`.
        layer: the stage that is read, `explain.INPUT` for a method that reads none.

    Raises:
        RunError: If the file is damaged.
    """
    found = read_explain_audit(run)
    if found is None or not found.references:
        return None
    fitting = (each for each in found.references if (each.method, each.layer) == (method, layer))
    return replace(next(fitting, found.references[0]), typical=found.typical)


def best_reading(run: "Run") -> tuple[str, str | None]:
    """The method and stage to read a run's maps with: the audit's choice on validation.

    Returns:
        Method and stage, the stage None for a method that reads none; Grad-CAM at the run's own
        stage where validation has not been audited or nothing was better than chance.

    Raises:
        RunError: If the file is damaged.
    """
    from pneumo_core.architectures import cam_stage
    from pneumo_core.explain import INPUT

    found = read_explain_audit(run, "val")
    best = found.best() if found else None
    if best is None:
        return "gradcam", cam_stage(run.model)
    return best.method, None if best.layer == INPUT else best.layer


def candidates(stages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every fast method, with every stage that it can read."""
    from pneumo_core.explain import INPUT, METHODS

    for method in METHODS.values():
        if method.slow:
            continue
        for layer in (INPUT,) if method.on_input else stages:
            yield method.name, layer
