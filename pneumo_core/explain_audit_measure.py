"""Runs the checks of `trust` over a split, and draws means and percentiles from them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from pneumo_core import CLASS_NAMES
from pneumo_core.errors import DataError
from pneumo_core.explain_audit import (
    CONTROL,
    ExplainAudit,
    Row,
    best_reading,
    candidates,
)
from pneumo_core.proportions import UNDEFINED, Estimate, wilson_clustered
from pneumo_core.scores import as_clusters
from pneumo_core.trust_reference import Reference, quantiles_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pneumo_core.datasets import Dataset
    from pneumo_core.runs import Run

CHUNK = 16
"""Films that are explained together."""
RANDOM_ORDERS = 3
"""Random orders a film and resolution: over many films, few are enough."""

Reading = tuple[str, str]
"""Method and stage."""
Figures = dict[str, list[Any]]
"""Name of a figure -> its value for each film, in the order in which films were checked."""


def audit_run(
    run: "Run",
    dataset: "Dataset",
    split: str,
    limit: int | None = None,
    step: Callable[[int], object] = lambda _: None,
) -> ExplainAudit:
    """Check a run's maps over a split.

    Each film is explained for the class that the run calls it at its default operating point.

    Args:
        run: With weights.
        dataset: The run's.
        split: "val" or "test".
        limit: How many films to check, drawn at random by a fixed seed; None for all.
        step: Called with the number of films that have been checked, about every 16.

    Raises:
        RunError: If the weights are missing or damaged.
        DataError: If the training images lack a class, or the limit is below 1.
    """
    from pneumo_core.architectures import cam_stage
    from pneumo_core.explain import INPUT
    from pneumo_core.typical import typical_films

    if limit is not None and limit < 1:
        raise DataError(f"At least one film must be checked: --limit cannot be {limit}.")
    images = dataset.splits[split]
    positions = np.arange(len(images))
    if limit is not None and limit < len(images):
        positions = np.sort(np.random.default_rng(0).permutation(len(images))[:limit])
    chosen = images.subset(positions)
    above = run.scores(split)["probability"].to_numpy()[positions] >= run.operating_point.threshold
    patients = np.array([patient or None for patient in chosen.patients], object)
    method, layer = best_reading(run)
    shown = dict.fromkeys([("gradcam", cam_stage(run.model)), (method, layer or INPUT)])
    typical = typical_films(dataset.splits["train"], run.preprocess)
    checks = _Checks(run, chosen.squares(run.preprocess), typical, tuple(shown))
    order: list[int] = []
    for target in CLASS_NAMES:
        here = np.flatnonzero(above == (target == "Pneumonia"))
        for start in range(0, len(here), CHUNK):
            chunk = here[start : start + CHUNK]
            checks.add(chunk, target)
            order += chunk.tolist()
            step(len(chunk))
    clusters = as_clusters(patients[order], len(order))
    rows, references = conclude(checks.found, above[order], clusters, tuple(shown), split)
    return ExplainAudit(
        weights_sha256=run.weights_sha256,
        data=dataset.name,
        split=split,
        images=len(order),
        drawn_from=len(images),
        date=datetime.now(UTC).date().isoformat(),
        rows=rows,
        references=references,
        typical=typical,
    )


class _Checks:
    """The checks of films, chunk after chunk."""

    def __init__(
        self,
        run: "Run",
        squares: np.ndarray,
        typical: Mapping[str, Sequence[str]],
        shown: Sequence[Reading],
    ) -> None:
        import torch

        from pneumo_core.architectures import ARCHITECTURES

        self.run, self.typical, self.shown = run, typical, shown
        self.model: nn.Module = run.load_model()
        self.grey: Tensor = run.preprocess.resized(torch.from_numpy(squares))
        self.seeds = [crc32(np.ascontiguousarray(square)) for square in squares]
        self.stages = ARCHITECTURES[run.model.architecture].cam_stages
        self.found: dict[Reading, Figures] = {
            reading: defaultdict(list) for reading in candidates(self.stages)
        }

    def add(self, chunk: np.ndarray, target: str) -> None:
        """Check some films, all explained for one class."""
        from pneumo_core.cells import in_cells, rank_correlation
        from pneumo_core.explain import LogitTarget
        from pneumo_core.trust import figures_of, others
        from pneumo_core.trust_faithful import faithful
        from pneumo_core.trust_place import place
        from pneumo_core.typical import opposite

        score = LogitTarget(target)
        preprocess = self.run.preprocess
        grey = self.grey[chunk]
        films = preprocess.normalised(grey)
        cams, memory = self._drawn(films, target, self.seeds[chunk[0]])
        for index, film in enumerate(films):
            fill = opposite(self.typical, target, preprocess, grey[index : index + 1])
            maps = {"@".join(key): results[index].evidence for key, results in cams.items()}
            seed = self.seeds[chunk[index]]
            faith = faithful(self.model, film, score, maps, seed, fill, RANDOM_ORDERS)
            for key, results in cams.items():
                cam, found = results[index], faith["@".join(key)]
                where = place(cam.map, grey[index, 0].numpy())
                known = memory[key][index]
                cells = in_cells(cam.evidence)
                steady, agreed = None, []
                if key in self.shown:
                    steady = self._stable(grey[index : index + 1], key, cam.evidence, target)
                    compared = ((name, self._layer(name, key[1])) for name in others(key[0]))
                    agreed = [
                        rank_correlation(cells, in_cells(cams[other][index].evidence))
                        for other in compared
                    ]
                figures = {
                    **figures_of(found, known, steady, agreed, where),
                    "deletion": found.deletion,
                    "insertion": found.insertion,
                    "beats": found.beaten,
                    "head": known.head,
                    "stage": known.stage,
                    "cells": cells,
                }
                for name, value in figures.items():
                    self.found[key][name].append(value)

    def _layer(self, method: str, layer: str) -> str:
        """The stage at which another method is read beside one that is read at `layer`."""
        from pneumo_core.architectures import cam_stage
        from pneumo_core.explain import INPUT, METHODS

        if METHODS[method].on_input:
            return INPUT
        return cam_stage(self.run.model) if layer == INPUT else layer

    def _drawn(
        self, films: "Tensor", target: str, seed: int
    ) -> tuple[dict[Reading, Any], dict[Reading, Any]]:
        """Maps by every method at every stage, and their likeness to forgetful networks'."""
        from pneumo_core.explain import INPUT, explain_by
        from pneumo_core.trust_learned import draws_for, forgetful, learned

        # Drawn anew for each chunk, or the luck of a few draws would be that of the whole split.
        copies = list(forgetful(self.model, self.run.model, seed=seed))
        cams, memory = {}, {}
        for stage in (*self.stages, INPUT):
            methods = [method for method, layer in self.found if layer == stage]
            layer = None if stage == INPUT else stage
            spec = self.run.model
            drawn = explain_by(self.model, spec, films, methods, target=target, layer=layer)
            maps = {method: [each.evidence for each in drawn[method]] for method in methods}
            # Heads and stages take turns, so the first copies are whole draws.
            part = copies[: 2 * draws_for(methods[0])]
            known = learned(part, spec, films, maps, target=target, layer=layer)
            cams |= {(method, stage): drawn[method] for method in methods}
            memory |= {(method, stage): known[method] for method in methods}
        return cams, memory

    def _stable(self, grey: "Tensor", key: Reading, evidence: np.ndarray, target: str) -> Any:
        import torch

        from pneumo_core.cells import scores_of
        from pneumo_core.explain import INPUT, LogitTarget, explain_by
        from pneumo_core.trust_stable import stable, views

        method, stage = key
        films = self.run.preprocess.normalised(torch.cat([grey, views(grey)]))
        layer = None if stage == INPUT else stage
        spec = self.run.model
        moved = explain_by(self.model, spec, films[1:], [method], target=target, layer=layer)
        scores = scores_of(self.model, films, LogitTarget(target)).tolist()
        return stable(evidence, [each.evidence for each in moved[method]], scores[0], scores[1:])


def conclude(
    found: Mapping[Reading, Figures],
    above: np.ndarray,
    clusters: np.ndarray,
    shown: Sequence[Reading],
    split: str,
) -> tuple[tuple[Row, ...], tuple[Reference, ...]]:
    """Draw means, intervals and percentile tables from the figures of every film.

    Args:
        found: figures by method and stage: "gain", "deletion", "insertion", "beats", "likeness",
            "head", "stage", "density" and "cells" for each film, those of `trust.figures_of` also
            for the readings in `shown`.
        above: bool (N,), films that were called pneumonia.
        clusters: int (N,), the patient of each film.
        shown: readings that get percentile tables.
        split: "val" or "test".
    """
    rows, references = [], []
    for key, figures in found.items():
        limit = _unrelated(np.stack(figures["cells"]), above)
        control = found[CONTROL, _control_stage(found, key)]
        better = _numbers(figures["gain"]) - _numbers(control["gain"])
        likeness = _numbers(figures["likeness"])
        known = ~np.isnan(likeness)
        below = likeness[known] < limit
        rows.append(
            Row(
                method=key[0],
                layer=key[1],
                **{
                    name: mean_interval(_numbers(figures[name]), clusters)
                    for name in ("deletion", "insertion", "gain", "head", "stage", "density")
                },
                fewer=mean_interval(
                    _numbers(control["deletion"]) - _numbers(figures["deletion"]), clusters
                ),
                more=mean_interval(
                    _numbers(figures["insertion"]) - _numbers(control["insertion"]), clusters
                ),
                better=mean_interval(better, clusters),
                better_normal=mean_interval(better[~above], clusters[~above]),
                better_pneumonia=mean_interval(better[above], clusters[above]),
                beats=wilson_clustered(_numbers(figures["beats"]) >= 0.95, clusters),
                unrelated=limit,
                forgets=wilson_clustered(below, clusters[known]) if known.any() else UNDEFINED,
            )
        )
        if key in shown:
            names = ("gain", "likeness", "stability", "score_change", "agreement", "density")
            tables = {name: quantiles_of(figures[name]) for name in names}
            references.append(Reference(*key, split, len(above), limit, tables))
    return tuple(rows), tuple(references)


def _control_stage(found: Mapping[Reading, Figures], key: Reading) -> str:
    """The stage of the control: the method's own, or for one that reads none the control's best."""
    if (CONTROL, key[1]) in found:
        return key[1]
    stages = [stage for method, stage in found if method == CONTROL]
    return max(stages, key=lambda stage: float(np.mean(found[CONTROL, stage]["gain"])))


def _unrelated(cells: np.ndarray, above: np.ndarray) -> float:
    """95th percentile of the likeness of maps of films that are called the same; 1 for no pair."""
    from pneumo_core.trust_learned import unrelated

    parts = [unrelated(cells[side]) for side in (above, ~above) if side.sum() > 1]
    likeness = np.concatenate(parts) if parts else np.empty(0)
    return float(np.quantile(likeness, 0.95)) if likeness.size else 1.0


def mean_interval(values: np.ndarray, clusters: np.ndarray) -> Estimate:
    """Return the mean with its 95 % t interval, by clusters (patients); NaN values are left out.

    The variance is that of a ratio of cluster sums, with clusters - 1 degrees of freedom (Cochran,
    Sampling Techniques, 1977, section 9A).
    """
    from scipy.stats import t

    known = ~np.isnan(values)
    values, clusters = values[known], clusters[known]
    if not values.size:
        return UNDEFINED
    mean = float(values.mean())
    codes = np.unique(clusters, return_inverse=True)[1]
    count = int(codes.max()) + 1
    if count < 2:
        return Estimate(mean, None, None)
    sums = np.bincount(codes, values - mean)
    error = float(np.sqrt(count / (count - 1) * np.sum(sums**2))) / values.size
    half = float(t.ppf(0.975, count - 1)) * error
    return Estimate(mean, mean - half, mean + half)


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)
