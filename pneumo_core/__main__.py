"""Command line of the core: `python -m pneumo_core COMMAND`.

Commands: evaluate, predict, operating-point, audit, robustness, compare, transfer, local,
ensemble, export, card, suggest, reference, novelty-report, explain-audit, audit-log.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pneumo_core.errors import STOPPED, PneumoError
from pneumo_core.predict_cli import add_arguments as add_predict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pneumo_core.datasets import Dataset, Split
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

    add_predict(commands.add_parser("predict", help="judge images, or an archive of any size"))

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

    audit = commands.add_parser(
        "audit", help="shared patients, copies, shifts and shortcuts in a data set"
    )
    audit.add_argument(
        "--data", help="a data set's name, file or folder (default: pneumoniamnist, where found)"
    )
    audit.add_argument(
        "--split",
        choices=("official", "patient"),
        default="official",
        help="how to split train/val",
    )
    audit.add_argument("--json", metavar="FILE", help="also write everything found as JSON")
    audit.set_defaults(command=_audit)

    robust = commands.add_parser(
        "robustness", help="what a run makes of noisy, blurred, compressed and regraded films"
    )
    robust.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    robust.add_argument("--split", choices=("val", "test"), default="test", help="which images")
    robust.add_argument("--data", help="the data set, or a folder that holds it")
    robust.add_argument("--markdown", metavar="FILE", help="also write the table into this page")
    robust.set_defaults(command=_robustness)

    compare = commands.add_parser(
        "compare", help="every run's figures on test beside those its source published"
    )
    compare.add_argument(
        "--at",
        metavar="NAME",
        help='operating point of the figures, e.g. "sensitivity 95 %%"; without, each run\'s own',
    )
    compare.add_argument("--markdown", metavar="FILE", help="renew the tables in this page, too")
    compare.set_defaults(command=_compare)

    transfer = commands.add_parser(
        "transfer", help="a run on the test films of another data set, as uploads would come"
    )
    transfer.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    transfer.add_argument("--to", default="chest_xray", help="which data set (default chest_xray)")
    transfer.add_argument("--data", help="the folder that holds it")
    transfer.add_argument("--ids", metavar="FILE", help="only the films named there, one a line")
    transfer.set_defaults(command=_transfer)

    local = commands.add_parser(
        "local", help="does a run hold on your own labelled films, a folder or a ZIP"
    )
    local.add_argument(
        "--input", required=True, metavar="PLACE", help="a folder or a ZIP of class folders"
    )
    local.add_argument(
        "--labels", metavar="CSV", help="columns file, label and perhaps patient and group"
    )
    local.add_argument("--model", metavar="RUN", help="name or folder of a run")
    local.add_argument(
        "--margin", type=float, default=5, metavar="POINTS", help="loss that would do (default 5)"
    )
    local.add_argument(
        "--count",
        choices=("all", "films", "familiar"),
        default="all",
        help="which films count: all, those that may be chest X-rays, those that look familiar",
    )
    local.add_argument("--json", metavar="FILE", help="also write the answer as JSON")
    local.set_defaults(command=_local)

    ensemble = commands.add_parser(
        "ensemble", help="join runs of one recipe and several seeds into one that averages them"
    )
    ensemble.add_argument("runs", nargs="+", metavar="run", help="names or folders of runs")
    ensemble.add_argument("--out", required=True, help="name or folder of the ensemble")
    ensemble.add_argument("--data", help="the data set, or a folder that holds it")
    ensemble.set_defaults(command=_ensemble)

    export = commands.add_parser("export", help="write a run as one ONNX file and check it")
    export.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    export.add_argument("--onnx", metavar="FILE", required=True, help="the file to write")
    export.add_argument("--data", help="the data set for the check, or a folder that holds it")
    export.set_defaults(command=_export)

    card = commands.add_parser("card", help="write a run's model card")
    card.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    card.add_argument(
        "--out", metavar="FILE", default="MODEL_CARD.md", help="default MODEL_CARD.md"
    )
    card.set_defaults(command=_card)

    suggest = commands.add_parser(
        "suggest", help="rank unlabelled images by what labelling them would teach, as CSV"
    )
    suggest.add_argument("--input", required=True, metavar="FOLDER", help="searched with all in it")
    suggest.add_argument("--run", help="name or folder of a run (default: the default)")
    suggest.add_argument("--count", type=int, metavar="N", help="how many to rank (default: all)")
    suggest.add_argument("--out", metavar="FILE", help="the table (default: standard output)")
    suggest.set_defaults(command=_suggest)

    reference = commands.add_parser(
        "reference", help="keep what a run's network saw in its training images: features.npz"
    )
    reference.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    reference.add_argument("--data", help="the data set, or a folder that holds it")
    reference.set_defaults(command=_reference)

    novelty = commands.add_parser(
        "novelty-report", help="how well a run tells chest X-rays from other pictures"
    )
    novelty.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    novelty.add_argument("--data", help="the folder that holds the data sets")
    novelty.add_argument("--markdown", metavar="FILE", help="also write the table into this page")
    novelty.set_defaults(command=_novelty_report)

    maps = commands.add_parser(
        "explain-audit", help="check a run's heatmaps over a split: are they faithful, and of what"
    )
    maps.add_argument("run", nargs="?", help="name or folder of a run (default: the default)")
    maps.add_argument("--split", choices=("val", "test"), default="test", help="which images")
    maps.add_argument("--limit", type=int, metavar="N", help="check N of them (default: all)")
    maps.add_argument("--data", help="the data set, or a folder that holds it")
    maps.add_argument("--markdown", metavar="FILE", help="also write the table into this page")
    maps.set_defaults(command=_explain_audit)

    log = commands.add_parser("audit-log", help="the log of verdicts, PNEUMO_AUDIT_DB, as a table")
    log.add_argument("file", metavar="FILE", help="the log")
    log.add_argument("--csv", metavar="OUT", help="the table (default: standard output)")
    log.set_defaults(command=_audit_log)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as the command line says; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        status = options.command(options)
        sys.stdout.flush()
        return status
    except PneumoError as error:
        print(f"pneumo_core: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output, such as head, has enough; Python must not flush it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = error.filename or "the disk"
        print(f"pneumo_core: {error.strerror or error}: {place}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return STOPPED


def _evaluate(options: argparse.Namespace) -> int:
    from pneumo_core.class_report import report_text
    from pneumo_core.datasets import load_dataset
    from pneumo_core.publishing import concluded, dataset_kind_logits, dataset_logits
    from pneumo_core.runs import KIND_COLUMN, default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    dataset = load_dataset(run.data["name"], options.data, run.data["split_rule"])
    if dataset.fingerprint != run.data["fingerprint"]:
        print("The data on this machine is not the data the run was trained on.", file=sys.stderr)
    dataset = _named(run, dataset)
    logits, kinds = dataset_logits(run, dataset), dataset_kind_logits(run, dataset)
    again = concluded(run, dataset, logits, kinds)
    stated, found = (
        dict(_numbers(_figures(each, len(again.operating_points)))) for each in (run, again)
    )
    if not any(".kinds." in key for key in stated):
        # Runs did not always state kinds of pneumonia: there is nothing to compare with then.
        found = {key: value for key, value in found.items() if ".kinds." not in key}
        kinds = {}
    # A figure that only one of the two has is infinitely far off.
    differences = {
        key: abs(stated.get(key, math.inf) - found.get(key, math.inf))
        for key in sorted({**stated, **found})
    }
    for key, difference in differences.items():
        if difference > TOLERANCE:
            print(f"{key}: run.json says {_shown(stated, key)}, now it is {_shown(found, key)}")
    for column, values in (("logit", logits), (KIND_COLUMN, kinds)):
        for split in values:
            scores, images = run.scores(split), dataset.splits[split]
            difference = _distance(scores, images, column, values[split])
            if difference > TOLERANCE:
                print(f"scores.csv: the scores of {split} differ by up to {difference:.2g}")
            differences[f"scores.csv {split} {column}"] = difference
    for split in ("val", "test"):
        figures = again.metrics[split]
        print(
            f"{split:>5}: AUC {figures['auc'][0]:.4f}, sensitivity "
            f"{figures['sensitivity'][0]:.4f}, specificity {figures['specificity'][0]:.4f}, "
            f"accuracy {figures['accuracy'][0]:.4f} at threshold {figures['threshold']:.4f}"
        )
        print(f"{report_text(split, figures)}\n")
    largest = max(differences.values())
    reproduced = largest <= TOLERANCE
    verdict = "reproduced" if reproduced else "NOT reproduced"
    print(f"{run.name}: {verdict}; the largest difference from what it states is {largest:.2g}.")
    return 0 if reproduced else 1


def _named(run: "Run", dataset: "Dataset") -> "Dataset":
    """The data set with the patients and kinds that the run's scores name, if it knows no patient.

    MedMNIST's files come without them, and the run's intervals count patients.
    """

    def named(name: str, split: "Split") -> "Split":
        if name not in ("val", "test") or any(split.patients):
            return split
        scores = run.scores(name)
        if tuple(scores["id"]) != split.ids:
            return split
        return replace(split, patients=tuple(scores["patient"]), groups=tuple(scores["group"]))

    splits = {name: named(name, split) for name, split in dataset.splits.items()}
    return replace(dataset, splits=splits)


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


def _distance(scores: "pd.DataFrame", split: "Split", column: str, logits: "np.ndarray") -> float:
    """Largest difference between saved scores and logits; infinite if they are of other images."""
    same = tuple(scores["id"]) == split.ids and scores["label"].tolist() == split.labels.tolist()
    return float(abs(scores[column] - logits).max()) if same and column in scores else math.inf


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


def _operating_point(options: argparse.Namespace) -> int:
    from pneumo_core.operating_point_cli import operating_point

    return operating_point(options)


def _audit(options: argparse.Namespace) -> int:
    from pneumo_core.audit_cli import audit_data

    return audit_data(options)


def _robustness(options: argparse.Namespace) -> int:
    from pneumo_core.robustness_cli import robustness

    return robustness(options)


def _compare(options: argparse.Namespace) -> int:
    from pneumo_core.compare_cli import compare

    return compare(options)


def _transfer(options: argparse.Namespace) -> int:
    from pneumo_core.transfer_cli import print_transfer

    return print_transfer(options)


def _local(options: argparse.Namespace) -> int:
    from pneumo_core.local_cli import local

    return local(options)


def _ensemble(options: argparse.Namespace) -> int:
    from pneumo_core.datasets import load_dataset
    from pneumo_core.ensemble import join
    from pneumo_core.runs import read_run, run_folder

    runs = [read_run(name) for name in options.runs]
    dataset = load_dataset(runs[0].data["name"], options.data, runs[0].data["split_rule"])
    run = join(runs, run_folder(options.out), dataset, lambda words: print(f"{words} ..."))
    auc = run.metrics["test"]["auc"]
    print(f"{run.path}: test AUC {auc[0]:.4f} ({auc[1]:.4f}-{auc[2]:.4f})")
    return 0


def _export(options: argparse.Namespace) -> int:
    from pneumo_core.export import export

    return export(options)


def _card(options: argparse.Namespace) -> int:
    from pneumo_core.model_card import card

    return card(options)


def _suggest(options: argparse.Namespace) -> int:
    from pneumo_core.suggest import suggest

    return suggest(options)


def _reference(options: argparse.Namespace) -> int:
    from pneumo_core.reference import reference_of

    print(f"Kept in {reference_of(options.run, options.data)}.")
    return 0


def _novelty_report(options: argparse.Namespace) -> int:
    from pneumo_core.novelty_report import novelty_report

    return novelty_report(options)


def _explain_audit(options: argparse.Namespace) -> int:
    from pneumo_core.explain_audit_cli import explain_audit

    return explain_audit(options)


def _audit_log(options: argparse.Namespace) -> int:
    from pneumo_core.audit_log_cli import audit_log

    return audit_log(options)


if __name__ == "__main__":
    sys.exit(main())
