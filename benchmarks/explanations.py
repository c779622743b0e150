"""What an upload costs until its verdict, map and neighbours stand, and what the checks then cost.

    OMP_NUM_THREADS=1 python -m benchmarks.explanations
    OMP_NUM_THREADS=1 python -m benchmarks.explanations --run resnet18 --json explanations.json

run in the project's folder. The bars, with the default run on two cores: verdict, default map,
novelty and neighbours within 1 s after an upload, all checks of the map within 6 s. The film is
made up, as large as a digital radiograph, and goes through the detector as the Predict page sends
it. Every step is timed in every round, so that other work on the machine weighs on all alike;
besides the median seconds, the table has the processor's own, which are nearly those of a quiet
machine, and their ratio to one verdict of the same round, which other machines can be held against.
Nothing passes or fails here.
"""

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import machine
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.explain import METHODS
from pneumo_core.explain_audit import best_reading
from pneumo_core.images import read_image
from pneumo_core.similar import ASKED, nearest

VERDICT = "verdict"
UPLOAD = ("file read", VERDICT, "its members", "novelty", "neighbours", "default map")
"""What stands before the page waits for nothing more; the bar is 1 s."""
CHECKS = "all checks of the default map"
"""The bar is 6 s."""


def main() -> None:
    """Measure, print, and write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", help="name or folder; by default the default run")
    parser.add_argument("--rounds", type=int, default=7, help="how many rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures and the machine")
    options = parser.parse_args()

    torch.set_num_threads(1)  # as the dashboard does
    detector = PneumoniaDetector(options.run)
    steps = steps_of(detector, made_film())
    for step in steps.values():  # what is imported and kept at first
        step()
    rounds = [{name: timed(step) for name, step in steps.items()} for _ in range(options.rounds)]
    for one in rounds:
        one["* together: an upload"] = tuple(map(sum, zip(*map(one.get, UPLOAD), strict=True)))
    results = {name: result(name, rounds) for name in rounds[0]}
    method, layer = best_reading(detector.run)
    print(f"{detector.run.name}, {METHODS[method].title} at {layer or 'the film itself'}\n")
    print(f"{'':34}{'seconds':>12}{'processor':>12}{'x a verdict':>13}")
    for name, found in results.items():
        wall, busy, ratio = found.values()
        print(f"{name:34}{wall:12.3f}{busy:12.3f}{ratio:13.2f}")
    if options.json:
        report = {"run": detector.run.name, "method": method, "layer": layer, "results": results}
        report |= {"rounds": rounds, "threads": torch.get_num_threads(), **machine()}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def made_film() -> bytes:
    """A PNG of a bright frame round two dark fields, 1500 x 1800, with noise."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[-1:1:1500j, -1:1:1800j]
    chest = 150 - 60 * np.exp(-((abs(columns) - 0.45) ** 2 + rows**2) / 0.12)
    file = io.BytesIO()
    film = (chest + rng.normal(0, 6, chest.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(film).save(file, "PNG")
    return file.getvalue()


def steps_of(detector: PneumoniaDetector, file: bytes) -> dict[str, Callable[[], Any]]:
    """What the Predict page asks of the detector, by name, in its order."""
    film = read_image(file)
    target = detector.predict(film).prediction
    novelty, reference = detector.novelty(film), detector.reference
    method, layer = best_reading(detector.run)
    fast = [each.name for each in METHODS.values() if not each.slow]

    return {
        "file read": lambda: read_image(file),
        VERDICT: lambda: detector.predict(film),
        "its members": lambda: detector.member_probabilities(film),
        "novelty": lambda: detector.novelty(film),
        "neighbours": lambda: novelty and reference and nearest(reference, novelty.codes, ASKED),
        "default map": lambda: detector.explain(film, method, target, layer),
        CHECKS: lambda: detector.trust(film, method, target, layer),
        "slightly changed views": lambda: detector.view_probabilities(film),
        "all fast methods side by side": lambda: detector.explain_with(film, fast, target, layer),
    }


def timed(step: Callable[[], Any]) -> tuple[float, float]:
    """Seconds that a step takes, and seconds of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - start, time.process_time() - busy


def result(name: str, rounds: list[dict[str, tuple[float, float]]]) -> dict[str, float]:
    """Medians of a step over the rounds."""
    wall, busy = np.median([one[name] for one in rounds], axis=0)
    ratio = np.median([one[name][1] / one[VERDICT][1] for one in rounds])
    return {
        "seconds": float(wall),
        "processor_seconds": float(busy),
        "to_a_verdict": float(ratio),
    }


if __name__ == "__main__":
    main()
