"""Command line of the core: `python -m pneumo_core evaluate | predict | operating-point`."""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pneumo_core import NOTICE
from pneumo_core.errors import PneumoError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pneumo_core.datasets import Split
    from pneumo_core.runs import Run

TOLERANCE = 1e-4
"""By how much a figure or score may differ from the stated one and still be reproduced."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m pneumo_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    evaluate = commands.add_parser(
        "evaluate", help="score val and test with a run's weights; compare with what it states"
    )
    evaluate.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    evaluate.add_argument("--data", help="the data set, or a folder that holds it")
    evaluate.set_defaults(command=_evaluate)

    predict = commands.add_parser("predict", help="judge images; one line of JSON for each")
    predict.add_argument("images", nargs="+", help="image files")
    predict.add_argument("--run", help="name or folder of a run (default: the default)")
    predict.set_defaults(command=_predict)

    point = commands.add_parser(
        "operating-point", help="choose a threshold by a rule, see whether it holds, save it"
    )
    point.add_argument("run", help="name or folder of a run")
    point.add_argument(
        "--rule",
        required=True,
        help="what is wanted: 'sensitivity>=0.97', 'specificity>=0.9', 'ppv>=0.9@0.1' (at a "
        "prevalence of 0.1), 'npv>=0.99', youden, cost=10 (a miss costs 10 false alarms), "
        "fbeta=2 or 'alerts<=30' (of 100 images)",
    )
    point.add_argument("--name", default="", help="what pages call it (default: the rule)")
    point.add_argument("--split", choices=("val", "test"), default="val", help="where to choose it")
    point.add_argument("--save", action="store_true", help="keep it with the run, for everybody")
    point.set_defaults(command=_operating_point)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as the command line says; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        return options.command(options)
    except PneumoError as error:
        print(f"pneumo_core: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _evaluate(options: argparse.Namespace) -> int:
    from pneumo_core.datasets import load_dataset
    from pneumo_core.publishing import concluded, dataset_logits
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    dataset = load_dataset(run.data["name"], options.data, run.data["split_rule"])
    if dataset.fingerprint != run.data["fingerprint"]:
        print("The data on this machine is not the data the run was trained on.", file=sys.stderr)
    logits = dataset_logits(run, dataset)
    again = concluded(run, dataset, logits)
    stated, found = (
        dict(_numbers(_figures(each, len(again.operating_points)))) for each in (run, again)
    )
    # A figure that only one of the two has is infinitely far off.
    differences = {
        key: abs(stated.get(key, math.inf) - found.get(key, math.inf))
        for key in sorted({**stated, **found})
    }
    for key, difference in differences.items():
        if difference > TOLERANCE:
            print(f"{key}: run.json says {_shown(stated, key)}, now it is {_shown(found, key)}")
    for split, values in logits.items():
        difference = _distance(run.scores(split), dataset.splits[split], values)
        if difference > TOLERANCE:
            print(f"scores.csv: the scores of {split} differ by up to {difference:.2g}")
        differences[f"scores.csv {split}"] = difference
    for split in ("val", "test"):
        figures = again.metrics[split]
        print(
            f"{split:>5}: AUC {figures['auc'][0]:.4f}, sensitivity "
            f"{figures['sensitivity'][0]:.4f}, specificity {figures['specificity'][0]:.4f}, "
            f"accuracy {figures['accuracy'][0]:.4f} at threshold {figures['threshold']:.4f}"
        )
    largest = max(differences.values())
    reproduced = largest <= TOLERANCE
    verdict = "reproduced" if reproduced else "NOT reproduced"
    print(f"{run.name}: {verdict}; the largest difference from what it states is {largest:.2g}.")
    return 0 if reproduced else 1


def _figures(run: "Run", chosen: int) -> dict[str, Any]:
    """What a run concludes from its scores; `chosen` points, because more may be saved later."""
    return {
        "temperature": run.temperature,
        "operating_points": {p.name: p.threshold for p in run.operating_points[:chosen]},
        "zones": run.zones.to_json(),
        **run.metrics,
    }


def _shown(figures: Mapping[str, float], key: str) -> str:
    return f"{figures[key]:.6g}" if key in figures else "absent"


def _distance(scores: "pd.DataFrame", split: "Split", logits: "np.ndarray") -> float:
    """Largest difference between saved scores and logits; infinite if they are of other images."""
    same = tuple(scores["id"]) == split.ids and scores["label"].tolist() == split.labels.tolist()
    return float(abs(scores["logit"] - logits).max()) if same else math.inf


def _numbers(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number in nested mappings and lists, with its path."""
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{path}.")
        elif isinstance(value, list | tuple):
            yield from _numbers({str(i): item for i, item in enumerate(value)}, f"{path}.")
        elif isinstance(value, int | float):
            yield path, float(value)


def _predict(options: argparse.Namespace) -> int:
    from pneumo_core.detector import PneumoniaDetector

    detector = PneumoniaDetector(options.run)
    failed = False
    for name in options.images:
        try:
            verdict = {"image": name, **detector.predict(name)}
        except PneumoError as error:
            verdict, failed = {"image": name, "error": str(error)}, True
        # ASCII only: a file name need not be text that the terminal, or UTF-8, can carry.
        print(json.dumps(verdict))
    print(NOTICE, file=sys.stderr)
    return 1 if failed else 0


def _operating_point(options: argparse.Namespace) -> int:
    from pneumo_core.operating_point_cli import operating_point

    return operating_point(options)


if __name__ == "__main__":
    sys.exit(main())
