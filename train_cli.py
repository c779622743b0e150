"""Train a network for PneumoLens: from data to a run in weights/ that the dashboard offers."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_core.errors import (
    STOPPED,
    DataError,
    LostProcessError,
    PneumoError,
    RecipeError,
    TrainingError,
)
from pneumo_core.progress_bar import ProgressBar
from pneumo_core.runs import Run, read_run, run_folder, weights_folder
from pneumo_core.stopped_runs import checkpoint_of, held, latest_stopped

# torch comes with the recipes; importing it where it is needed keeps Ctrl-C clean meanwhile.
if TYPE_CHECKING:
    import torch

    from pneumo_core.datasets import Dataset
    from pneumo_core.distributed import Team
    from pneumo_core.recipe import Recipe

EXAMPLES = """\
examples:
  python train_cli.py                             the default recipe, on MedMNIST's PneumoniaMNIST
  python train_cli.py --recipe resnet18 --seed 2  another recipe or seed
  python train_cli.py --set phases.0.lr=0.0005    any field of the recipe
  python train_cli.py --preview                   what the network would be shown, as a picture
  python train_cli.py --resume                    go on after a stop, to the same result
  torchrun --nproc-per-node 2 train_cli.py        by two processes: docs/training.md
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from pneumo_core.recipe import DEFAULT_RECIPE, recipe_names

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--recipe",
        help=f"a recipe's name or YAML file (default {DEFAULT_RECIPE}; "
        f"there are: {', '.join(recipe_names())})",
    )
    parser.add_argument("--arch", help="another network than the recipe's, e.g. densenet121")
    parser.add_argument("--data", help="the data set, or a folder that holds it")
    parser.add_argument(
        "--download",
        action="store_true",
        help="get the chest_xray data from Kaggle if they are not there (needs kagglehub)",
    )
    parser.add_argument("--split", choices=("patient", "official"), help="how to split train/val")
    parser.add_argument("--epochs", type=int, help="epochs of each phase, at most")
    parser.add_argument("--seed", type=int, help="of all that is random (default 1)")
    parser.add_argument("--out", help="name or folder of the run (default: in weights/)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="NAME",
        help="go on with a stopped run, by name or folder; without one, the latest",
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="with --resume: train no more, and keep the best epoch so far",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default auto)")
    parser.add_argument("--pretrained", help="file or folder of ImageNet weights (safetensors)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a field of the recipe; may be repeated",
    )
    parser.add_argument(
        "--preview",
        nargs="?",
        const="",
        metavar="FILE.png",
        help="draw what the network is shown, augmentation and all, and do not train",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; returns the exit status.

    Of the processes that torchrun starts, the first does what a single one does, and the others
    train with it.
    """
    if _by_torchrun() and os.environ["RANK"] != "0":
        return _assist(arguments)
    # A polite kill is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target = None
    try:
        options = parse_arguments(arguments)
        if options.preview is not None and options.resume is None:
            return _preview(options)
        with _joined(options) as (team, device):
            if options.resume is None:
                if options.finish:
                    raise TrainingError("--finish ends a stopped run: name it with --resume NAME.")
                recipe, seed = _recipe(options), _seed(options)
                target = run_folder(options.out or f"{recipe.name}-seed{seed}")
                run = _start(options, recipe, seed, target, team, device)
            else:
                target = _stopped_run(options)
                run = _resume(options, target, team, device)
    except LostProcessError as error:
        _end_in_peace()
        return _fail(f"{error}; {_way_on(target)}.")
    except PneumoError as error:
        return _fail(str(error))
    except OSError as error:
        place = error.filename or "the disk"
        return _fail(f"{error.strerror or error}: {place}; {_way_on(target)}.")
    except KeyboardInterrupt:
        _end_in_peace()
        print(f"\nStopped; {_way_on(target)}.", file=sys.stderr)
        return STOPPED
    _print_figures(run)
    return 0


def _by_torchrun() -> bool:
    """Whether torchrun started this process; other launchers set RANK for ends of their own."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _end_in_peace() -> None:
    """Ignore further signals: torchrun ends the rest of its processes when one has ended."""
    if _by_torchrun():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _joined(options: argparse.Namespace) -> Iterator[tuple["Team", "torch.device"]]:
    """This process among those that torchrun started, and its device."""
    from pneumo_core.distributed import Team, joined

    team = Team.called(os.environ)
    device = team.device(options.device)
    with joined(team, device):
        yield team, device


def _assist(arguments: Sequence[str] | None) -> int:
    """Train with the process that speaks to the user, as that one says."""
    # There is nothing to put in order, so that a signal may end it at once.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        options = parse_arguments(arguments)
        if options.preview is not None:
            return 0
        together = False
        try:
            with _joined(options) as (team, device):
                together = True
                job = team.told(None)
                if job is not None:
                    _train_along(job, options, team, device)
        except (LostProcessError, OSError):
            return 1
        except PneumoError as error:
            # A device or data that are missing here alone: what all have to say, the first says.
            if not together or isinstance(error, DataError):
                print(f"train_cli, process {os.environ['RANK']}: {error}", file=sys.__stderr__)
            return 1
    return 0


def _train_along(
    job: Mapping[str, Any], options: argparse.Namespace, team: "Team", device: "torch.device"
) -> None:
    from pneumo_core.datasets import load_dataset
    from pneumo_core.training import train

    recipe = job["recipe"]
    dataset = load_dataset(recipe.data, options.data, recipe.split)
    train(dataset=dataset, team=team, device=device, **job)


def _fail(sentence: str) -> int:
    print(f"train_cli: {sentence}", file=sys.stderr)
    return 1


def _way_on(target: Path | None) -> str:
    """What to do after a stop, as the rest of a sentence."""
    if target is None or not checkpoint_of(target).exists():
        return "no epoch was over yet, so start again"
    name = target.name if target.parent == weights_folder() else str(target)
    return f"go on with: python train_cli.py --resume {shlex.quote(name)}"


def _preview(options: argparse.Namespace) -> int:
    from pneumo_core.preview import has_augmentation, write_contact_sheet

    recipe, seed = _recipe(options), _seed(options)
    path = Path(options.preview or f"{recipe.name}-preview.png").expanduser()
    write_contact_sheet(path, recipe, _dataset(recipe, options), seed=seed)
    if not has_augmentation(recipe):
        print(f"{recipe.title} has no augmentation: these are the plain films.")
    print(path)
    return 0


def _recipe(options: argparse.Namespace) -> "Recipe":
    from pneumo_core.recipe import DEFAULT_RECIPE, load_recipe

    overrides = list(options.overrides)
    if options.split:
        overrides.append(f"split={options.split}")
    recipe = load_recipe(options.recipe or DEFAULT_RECIPE, overrides, options.arch)
    if options.epochs is not None:
        phases = tuple(replace(phase, epochs=options.epochs) for phase in recipe.phases)
        recipe = replace(recipe, phases=phases)
    return recipe


def _seed(options: argparse.Namespace) -> int:
    seed = 1 if options.seed is None else options.seed
    if not 0 <= seed < 2**32:
        raise RecipeError(f"The seed must lie between 0 and {2**32 - 1}, not at {seed}.")
    return seed


def _stopped_run(options: argparse.Namespace) -> Path:
    """Folder of the run that --resume means."""
    fixed = ("recipe", "arch", "split", "epochs", "seed", "pretrained", "overrides", "preview")
    given = [f"--{name}" for name in fixed if getattr(options, name) not in (None, [])]
    if given:
        named = ", ".join(given).replace("overrides", "set")
        raise TrainingError(
            f"--resume goes on with the recipe and seed that the run began with: leave out {named}."
        )
    if options.resume and options.out:
        raise TrainingError("--resume names the run already: leave out --out.")
    if options.resume or options.out:
        return run_folder(options.resume or options.out)
    latest = latest_stopped(weights_folder())
    if latest is None:
        raise TrainingError("There is no stopped run to go on with: start without --resume.")
    return latest


def _start(
    options: argparse.Namespace,
    recipe: "Recipe",
    seed: int,
    target: Path,
    team: "Team",
    device: "torch.device",
) -> Run:
    from pneumo_core.pretrained import initial_weights

    if target.exists():
        raise TrainingError(f"{target} exists already: choose another name with --out.")
    dataset = _dataset(recipe, options)
    with held(target):
        if checkpoint_of(target).exists():
            raise TrainingError(
                f"A stopped run waits under this name; {_way_on(target)}, "
                f"or delete {checkpoint_of(target)}."
            )
        recipe, weights, origin = initial_weights(recipe, seed, options.pretrained)
        job = {"recipe": recipe, "seed": seed, "origin": origin, "initial_weights": weights}
        return _train(target, job, dataset, team, device)


def _resume(options: argparse.Namespace, target: Path, team: "Team", device: "torch.device") -> Run:
    from pneumo_core.checkpoint import load_checkpoint
    from pneumo_core.recipe import Recipe

    checkpoint = checkpoint_of(target)
    if not checkpoint.exists():
        if target.exists():
            raise TrainingError(f"{target} is complete: there is nothing to go on with.")
        raise TrainingError(f"There is no stopped run {target}: start without --resume.")
    with held(target):
        found = load_checkpoint(checkpoint)
        identity = found.identity
        if target.exists():
            team.told(None)
            return _completed(target, identity)
        recipe = Recipe.from_json(identity["recipe"])
        dataset = _dataset(recipe, options)
        if found.processes != team.size:
            print(
                f"{found.processes} processes trained it before, {team.size} will now: "
                "batch norm and dropout go another way than they would have."
            )
        job = {"recipe": recipe, "seed": identity["seed"], "origin": identity["origin"]}
        job |= {"resume": True, "finish": options.finish}
        return _train(target, job, dataset, team, device)


def _completed(target: Path, identity: Mapping[str, Any]) -> Run:
    """The run of a process that was killed after it was whole, but before it was done."""
    run = read_run(target)
    found = (run.recipe, run.training["seed"], run.data["fingerprint"])
    if found != (identity["recipe"], identity["seed"], identity["fingerprint"]):
        raise TrainingError(f"{target} is there already, and another run: rename it first.")
    checkpoint_of(target).unlink()
    print(f"{target.name} was complete already.")
    return run


def _train(
    target: Path,
    job: Mapping[str, Any],
    dataset: "Dataset",
    team: "Team",
    device: "torch.device",
) -> Run:
    """Train and publish; `job` is what all processes give to `training.train` alike."""
    from pneumo_core.audit import audit
    from pneumo_core.audit_report import audit_summary
    from pneumo_core.publishing import publish
    from pneumo_core.training import train

    for name, split in dataset.splits.items():
        counts = split.counts()
        print(f"{name:>5}: {counts['normal']} normal, {counts['pneumonia']} pneumonia")
    found = audit(dataset, decode=False)
    for sentence in audit_summary(found):
        print(f"- {sentence}")
    recipe, checkpoint = job["recipe"], checkpoint_of(target)
    where = device.type if team.size == 1 else f"{device.type}, {team.size} processes"
    print(f"Training {recipe.title} on {dataset.title} ({where}), seed {job['seed']}.", flush=True)
    job = team.told({**job, "checkpoint": checkpoint})
    with ProgressBar() as bar:
        trained = train(dataset=dataset, team=team, device=device, report=bar.show, **job)
    run = publish(target, recipe, dataset, trained, lambda words: print(f"{words} ..."), found)
    checkpoint.unlink()
    return run


def _dataset(recipe: "Recipe", options: argparse.Namespace) -> "Dataset":
    from pneumo_core.data_source import found_or_downloaded

    return found_or_downloaded(recipe, options.data, options.download)


def _print_figures(run: Run) -> None:
    from pneumo_core.class_report import report_text

    point = run.operating_point
    print(f"\nThreshold {point.threshold:.3f} ({point.name}: {point.rule}, on validation)")
    print(f"{'':24}{'validation':>24}{'test':>24}")
    for key in ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1"):
        cells = (_with_interval(run.metrics[split][key]) for split in ("val", "test"))
        print(f"{key:24}" + "".join(f"{cell:>24}" for cell in cells))
    for key in ("accuracy_at_half", "ece", "brier"):
        cells = (f"{run.metrics[split][key]:.4f}" for split in ("val", "test"))
        print(f"{key:24}" + "".join(f"{cell:>24}" for cell in cells))
    for split, title in (("val", "validation"), ("test", "test")):
        print(f"\n{report_text(title, run.metrics[split])}")
    print(f"\nRun:   {run.path}\nPlots: {run.path / 'plots'}")


def _with_interval(estimate: Sequence[float | None]) -> str:
    value, low, high = estimate
    if value is None:
        return "undefined"
    return f"{value:.4f}" if None in (low, high) else f"{value:.4f} ({low:.4f}-{high:.4f})"


if __name__ == "__main__":
    sys.exit(main())
