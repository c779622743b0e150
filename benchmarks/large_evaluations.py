"""What an evaluation of a million scores costs, against scikit-learn and a plain bootstrap.

    OMP_NUM_THREADS=1 python -m benchmarks.large_evaluations
    python -m benchmarks.large_evaluations --scores 100000

run in the project's folder. Every figure is exact; the plain bootstrap draws all scores anew for
each replicate and asks scikit-learn for the curve, ours draws on a thinned threshold table. Of the
plain one three replicates are timed and multiplied. `benchmarks.threshold_lab` has the steps of the
page one by one.
"""

import argparse

import numpy as np

from benchmarks.measure import Ratio, alternated, medians, record
from pneumo_core.confusion import threshold_table
from pneumo_core.intervals import auc_delong
from pneumo_core.metrics import summary
from pneumo_core.resampling import REPEATS, resample

DRAWN = 3
"""Replicates of the plain bootstrap that are timed."""


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(20)
    labels = (rng.random(options.scores) < 0.6).astype(int)
    p = 1 / (1 + np.exp(-(1.6 * rng.normal(size=options.scores) + 3.5 * labels - 1.5)))
    patients = np.arange(options.scores) // 3

    def plain_bootstrap() -> None:
        grid = np.linspace(0, 1, 101)
        for _ in range(DRAWN):
            rows = rng.integers(0, options.scores, options.scores)
            fpr, tpr, _ = roc_curve(labels[rows], p[rows])
            np.interp(grid, fpr, tpr)

    seconds = medians(
        alternated(
            {
                "curve": lambda: roc_curve(labels, p, drop_intermediate=False),
                "area": lambda: roc_auc_score(labels, p),
                "plain": plain_bootstrap,
                "table": lambda: threshold_table(labels, p),
                "delong": lambda: auc_delong(labels, p),
                "band": lambda: resample(labels, p).roc_band(),
                "summary": lambda: summary(labels, p, 0.5, patients),
            },
            rounds=options.rounds,
            warmup=1,
        )
    )
    area, ours = roc_auc_score(labels, p), auc_delong(labels, p).value
    if abs(area - ours) > 1e-12:
        raise SystemExit(f"the areas differ: {area} and {ours}")

    def held(what: str, mine: str, against: str, theirs: str, times: float = 1) -> Ratio:
        other = seconds[theirs] * times
        detail = f"{seconds[mine]:.2f} s and {other:.2f} s"
        return Ratio(what, against, seconds[mine] / other, "", detail)

    record(
        "large_evaluations",
        [
            held("threshold table, all four counts", "table", "scikit-learn's roc_curve", "curve"),
            held("AUC with DeLong's interval", "delong", "scikit-learn's roc_auc_score", "area"),
            held(
                f"ROC band of {REPEATS} replicates",
                "band",
                "a bootstrap of all scores",
                "plain",
                REPEATS / DRAWN,
            ),
        ],
        [
            f"{options.scores} scores. All figures at a threshold with their intervals, by "
            f"patient: {seconds['summary']:.2f} s."
        ],
    )


if __name__ == "__main__":
    main()
