"""Made-up checks of maps, and audits of a run's maps, for what shows them."""

from dataclasses import replace

import numpy as np

from pneumo_core.explain import CamResult
from pneumo_core.explain_audit import ExplainAudit, Row, write_explain_audit
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run
from pneumo_core.trust import Trust
from pneumo_core.trust_faithful import Faithful
from pneumo_core.trust_learned import Learned
from pneumo_core.trust_place import Place
from pneumo_core.trust_reference import PERCENTILES, Reference
from pneumo_core.trust_stable import Stable

NAMES = ("gain", "likeness", "stability", "score_change", "agreement", "density")
RISING = tuple(map(float, np.linspace(0, 2, PERCENTILES)))
"""Percentiles of figures that are spread evenly from 0 to 2."""


def made_reference(method: str, layer: str, unrelated: float = 0.6) -> Reference:
    """Figures of 624 test films, spread evenly from 0 to 2."""
    return Reference(method, layer, "test", 624, unrelated, dict.fromkeys(NAMES, RISING))


def made_trust(**changes: object) -> Trust:
    """A map that passes every check."""
    evidence = np.eye(8, dtype=np.float32)
    cam = CamResult(
        np.eye(32, dtype=np.float32), evidence, 8.0, 0.0, "gradcam", "Pneumonia", "block4"
    )
    passed = Trust(
        cam=cam,
        faithful=Faithful(deletion=-1.0, insertion=0.5, random=-0.2, beaten=1.0),
        learned=Learned(head=0.1, stage=0.3),
        stable=Stable(score=2.0, scores=(1.5, 2.1), turned=0, map=0.9),
        agreement={"occlusion": 0.7, "integrated": 0.5},
        place=Place(edge=0.1, outside=0.2, edge_area=0.3, outside_area=0.4),
        reference=made_reference("gradcam", "block4"),
    )
    return replace(passed, **changes)


FAILS = {
    "faithful": {"faithful": Faithful(-1.0, 0.5, -0.2, beaten=0.6)},
    "learned": {"learned": Learned(head=0.65, stage=0.1)},
    "stable": {"stable": Stable(2.0, (1.5, -0.1), turned=1, map=0.9)},
    "agreement": {"agreement": {"occlusion": 0.5, "integrated": 0.08}},
    "place": {"place": Place(0.3, 0.41, 0.3, 0.4)},
}
"""Name of a check -> what makes the map of `made_trust` fail it."""


def made_row(
    method: str, layer: str, better: float, forgets: float = 0.97, beats: float = 0.5
) -> Row:
    """A row whose intervals are 0.5 either way."""

    def around(value: float) -> Estimate:
        return Estimate(value, value - 0.5, value + 0.5)

    fields = dict.fromkeys(Row.__dataclass_fields__, around(0.25))
    fields |= {"method": method, "layer": layer, "unrelated": 0.6, "better": around(better)}
    fields |= {"gain": around(better), "forgets": Estimate(forgets, 0.0, 1.0)}
    return Row(**{**fields, "beats": Estimate(beats, 0.0, 1.0)})


def write_audit(run: Run, split: str, *rows: Row, reference: Reference | None = None) -> None:
    """Give a run an audit of one split with these rows."""
    references = (reference,) if reference else ()
    found = ExplainAudit(
        weights_sha256=run.weights_sha256,
        data=run.data["name"],
        split=split,
        images=200 if split == "val" else 624,
        drawn_from=524 if split == "val" else 624,
        date="2026-01-02",
        rows=rows,
        references=references,
        typical={},
    )
    write_explain_audit(run, found)
