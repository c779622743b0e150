"""What the threshold lab costs for a million scores, from a file to a release of the slider.

    python -m benchmarks.threshold_lab
    python -m benchmarks.threshold_lab --repeats 9 --json threshold_lab.json

run in the project's folder. The bars of the lab, on two cores: the page first drawn in under 3 s, a
release settled in under 0.3 s, under 2 MB for the live control. Every step is timed in every round,
so that other work on the machine weighs on all alike; besides the median seconds, the table has
their ratio to sorting the scores and to scikit-learn's `roc_curve` of the same round, which other
machines can be held against. Nothing passes or fails here.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import processor
from pneumo_core.confusion import figures_at, threshold_table
from pneumo_core.intervals import auc_delong
from pneumo_core.metrics import summary
from pneumo_core.operating_point import SensitivityAtLeast, ask_table, threshold_interval
from pneumo_core.own_scores import OwnScores, read_own_scores
from pneumo_core.resampling import RocBand, resample
from pneumo_core.threshold_report import Sample, report_html

SORT, ROC_CURVE = "np.sort of the scores", "scikit-learn's roc_curve"
PARTS_DRAWN = (
    "threshold table",
    "AUC with interval",
    "average precision",
    "ROC band",
    "live control: drawing",
)
"""What the page computes before it is first drawn."""


def main() -> None:
    """Measure, print, and write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=int, default=1_000_000, help="how many")
    parser.add_argument("--repeats", type=int, default=5, help="how many rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures and the machine")
    options = parser.parse_args()

    content = made_csv(options.scores)
    own = read_own_scores(content)
    control, steps = steps_of(content, own)
    rounds = [{name: timed(step) for name, step in steps.items()} for _ in range(options.repeats)]
    results = {name: result([one[name] for one in rounds], rounds) for name in steps}
    drawn = [sum(one[name] for name in PARTS_DRAWN) for one in rounds]
    results["all * together: first drawn"] = result(drawn, rounds)

    print_table(results, list(PARTS_DRAWN))
    print(f"\nlive control: {len(control) / 1e6:.3f} MB; the file: {len(content) / 1e6:.1f} MB")
    if options.json:
        report = {
            "scores": options.scores,
            "repeats": options.repeats,
            "live_control_bytes": len(control),
            "file_bytes": len(content),
            "steps": results,
            "machine": machine(),
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def made_csv(n: int) -> bytes:
    """A file of n rows with id, patient (three images each), site, label and probability."""
    import pandas as pd

    rng = np.random.default_rng(20)
    labels = rng.random(n) < 0.6
    logits = 1.6 * rng.normal(size=n) + 3.5 * labels - 1.5
    frame = pd.DataFrame(
        {
            "id": [f"image-{i:07d}" for i in range(n)],
            "patient": [f"patient-{i // 3}" for i in range(n)],
            "site": rng.choice(["north", "south", "east"], n),
            "label": labels.astype(int),
            "probability": 1 / (1 + np.exp(-logits)),
        }
    )
    return frame.to_csv(index=False).encode()


def steps_of(content: bytes, own: OwnScores) -> tuple[bytes, dict[str, Callable[[], Any]]]:
    """The live control's payload as it is sent, and what to time, by name."""
    from sklearn.metrics import roc_curve

    from ui.threshold_control import drawing, payload

    labels, p, patients = own.labels, own.probabilities, own.patients
    table = threshold_table(labels, p)
    band: RocBand = resample(labels, p, patients).roc_band()
    control = json.dumps(payload(drawing(table, band), threshold=0.5, file="own-scores")).encode()
    rule = SensitivityAtLeast(0.97)
    point = ask_table(table, rule, "val").point
    sample = Sample("your own scores", labels, p, patients)
    # A new threshold every time, as a hand would give.
    thresholds = iter(np.random.default_rng(21).uniform(0.1, 0.9, 10_000).tolist())
    steps = {
        SORT: lambda: np.sort(p),
        ROC_CURVE: lambda: roc_curve(labels, p, drop_intermediate=False),
        "read the file": lambda: read_own_scores(content),
        "threshold table": lambda: threshold_table(labels, p),
        "AUC with interval": lambda: auc_delong(labels, p, patients),
        "average precision": table.average_precision,
        "ROC band": lambda: resample(labels, p, patients).roc_band(),
        "live control: drawing": lambda: drawing(table, band),
        "summary, all with intervals": lambda: summary(labels, p, 0.5, patients),
        "one-page report": lambda: report_html(point, [sample], "your own scores", prevalence=0.1),
        "a rule asked": lambda: ask_table(table, rule, "val"),
        "its threshold's interval": lambda: threshold_interval(labels, p, rule, patients),
        "release, images alone": lambda: table.at(next(thresholds)).estimates(),
        "release, by patient": lambda: figures_at(labels, p, next(thresholds), patients),
    }
    return control, steps


def timed(step: Callable[[], Any]) -> float:
    """Seconds that a step takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def result(seconds: list[float], rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median and least seconds of a step, and the median of its ratio to each baseline."""
    return {
        "median_s": float(np.median(seconds)),
        "least_s": min(seconds),
        "to_sort": float(
            np.median([s / one[SORT] for s, one in zip(seconds, rounds, strict=True)])
        ),
        "to_roc_curve": float(
            np.median([s / one[ROC_CURVE] for s, one in zip(seconds, rounds, strict=True)])
        ),
    }


def print_table(results: dict[str, dict[str, float]], drawn: list[str]) -> None:
    """Print a line for each step; those of the first drawing are marked."""
    print(f"{'':34}{'median s':>10}{'least s':>10}{'x sort':>9}{'x roc_curve':>13}")
    for name, figures in results.items():
        mark = "*" if name in drawn else " "
        print(
            f"{mark} {name:32}{figures['median_s']:10.4f}{figures['least_s']:10.4f}"
            f"{figures['to_sort']:9.2f}{figures['to_roc_curve']:13.2f}"
        )


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "pandas", "scikit-learn")},
        "date": datetime.now(UTC).date().isoformat(),
    }


if __name__ == "__main__":
    main()
