"""Train a network for PneumoLens: from data to a run in weights/ that the dashboard offers."""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pneumo_core.errors import DataError, PneumoError, RecipeError, TrainingError
from pneumo_core.recipe import DEFAULT_RECIPE, Recipe, load_recipe, recipe_names
from pneumo_core.runs import Run, weights_folder

EXAMPLES = """\
examples:
  python train_cli.py                             the default recipe, on MedMNIST's PneumoniaMNIST
  python train_cli.py --recipe resnet18 --seed 2  another recipe or seed
  python train_cli.py --set phases.0.lr=0.0005    any field of the recipe
  python train_cli.py --resume                    go on after a stop, to the same result
"""

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        help=f"a recipe's name or YAML file (default {DEFAULT_RECIPE}; "
        f"there are: {', '.join(recipe_names())})",
    )
    parser.add_argument("--arch", help="another network than the recipe's, e.g. densenet121")
    parser.add_argument("--data", help="the data set, or a folder that holds it")
    parser.add_argument("--split", choices=("patient", "official"), help="how to split train/val")
    parser.add_argument("--epochs", type=int, help="epochs of each phase, at most")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (default 1)")
    parser.add_argument("--out", type=Path, help="name or folder of the run (default: in weights/)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="NAME",
        help="go on with a stopped run; without a name, the latest",
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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; returns the exit status."""
    options = parse_arguments(arguments)
    # A polite kill is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run = _resume(options) if options.resume is not None else _start(options)
    except PneumoError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(
            f"{error.strerror or error}: {error.filename or 'the disk'}. Nothing was lost."
        )
    except KeyboardInterrupt:
        print("\nStopped. Go on with: python train_cli.py --resume", file=sys.stderr)
        return STOPPED
    _print_figures(run)
    return 0


def _fail(sentence: str) -> int:
    print(f"train_cli: {sentence}", file=sys.stderr)
    return 1


def _start(options: argparse.Namespace) -> Run:
    overrides = list(options.overrides)
    if options.split:
        overrides.append(f"split={options.split}")
    recipe = load_recipe(options.recipe, overrides, options.arch)
    if options.epochs is not None:
        phases = tuple(replace(phase, epochs=options.epochs) for phase in recipe.phases)
        recipe = replace(recipe, phases=phases)
    target = _target(options, f"{recipe.name}-seed{options.seed}")
    with _held(target):
        checkpoint = _checkpoint(target)
        if target.exists():
            raise TrainingError(f"{target} exists already: choose another name with --out.")
        if checkpoint.exists():
            raise TrainingError(
                f"A stopped run waits under this name: go on with --resume {target.name}, "
                f"or delete {checkpoint}."
            )
        recipe, weights, origin = _initial_weights(recipe, options)
        return _train(recipe, options, target, options.seed, weights, origin, resume=False)


def _resume(options: argparse.Namespace) -> Run:
    from pneumo_core.checkpoint import load_checkpoint

    target = _target(options, options.resume or _latest_stopped())
    with _held(target):
        identity = load_checkpoint(_checkpoint(target)).identity
        recipe = Recipe.from_json(identity["recipe"])
        seed, origin = identity["seed"], identity["origin"]
        return _train(recipe, options, target, seed, None, origin, resume=True)


def _target(options: argparse.Namespace, name: str) -> Path:
    """Folder of the run; a plain name lies in the weights folder, a path where it says."""
    if options.out is None:
        return weights_folder() / name
    return options.out if len(options.out.parts) > 1 else weights_folder() / options.out


def _checkpoint(target: Path) -> Path:
    return target.parent / ".checkpoints" / f"{target.name}.pt"


def _latest_stopped() -> str:
    found = (weights_folder() / ".checkpoints").glob("*.pt")
    latest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    if latest is None:
        raise TrainingError("There is no stopped run to go on with: start without --resume.")
    return latest.stem


@contextmanager
def _held(target: Path) -> Any:
    """Hold the run's name against a second process for as long as the block lasts."""
    from filelock import FileLock, Timeout

    folder = target.parent / ".checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{target.name}.lock", timeout=0):
            yield
    except Timeout:
        raise TrainingError(
            f"Another process is training {target.name}: wait for it, or choose a name with --out."
        ) from None


def _initial_weights(
    recipe: Recipe, options: argparse.Namespace
) -> tuple[Recipe, dict[str, Any] | None, str]:
    """The recipe with the network as the weights need it, the weights, and where they come from."""
    if recipe.pretrained == "none" and not options.pretrained:
        return recipe, None, "random"
    import torch

    from pneumo_core.architectures import create_model
    from pneumo_core.pretrained import load_pretrained

    torch.manual_seed(options.seed)
    model = create_model(recipe.model)
    try:
        report = load_pretrained(model, recipe.model, options.pretrained)
    except RecipeError as error:
        if recipe.pretrained != "imagenet-or-scratch" or options.pretrained:
            raise
        print(f"{error} Training from scratch.", file=sys.stderr)
        return recipe, None, "random: no ImageNet weights were to be had"
    print(f"ImageNet weights: {report.origin}; not in it: {', '.join(report.missing)}")
    return replace(recipe, model=report.spec), model.state_dict(), report.origin


def _train(
    recipe: Recipe,
    options: argparse.Namespace,
    target: Path,
    seed: int,
    weights: dict[str, Any] | None,
    origin: str,
    *,
    resume: bool,
) -> Run:
    from pneumo_core.publishing import publish
    from pneumo_core.training import pick_device, train

    device = pick_device(options.device)
    dataset = _dataset(recipe, options)
    for name, split in dataset.splits.items():
        counts = split.counts()
        print(f"{name:>5}: {counts['normal']} normal, {counts['pneumonia']} pneumonia")
    print(f"Training {recipe.title} on {dataset.title} ({device.type}), seed {seed}.")
    checkpoint = _checkpoint(target)
    with ProgressBar() as bar:
        trained = train(
            recipe,
            dataset,
            seed=seed,
            checkpoint=checkpoint,
            device=device,
            resume=resume,
            initial_weights=weights,
            origin=origin,
            report=bar.show,
        )
    run = publish(target, recipe, dataset, trained, step=lambda words: print(f"{words} ..."))
    checkpoint.unlink()
    return run


def _dataset(recipe: Recipe, options: argparse.Namespace) -> Any:
    from pneumo_core.datasets import download_dataset, find_dataset, load_dataset

    try:
        find_dataset(recipe.data, options.data)
    except DataError:
        if options.data or recipe.data == "chest_xray":
            raise
        from tqdm import tqdm

        print(f"{recipe.data} is not on this machine: downloading it from MedMNIST.")
        with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {remaining} left") as bar:
            download_dataset(recipe.data, lambda share: bar.update(round(100 * share) - bar.n))
    return load_dataset(recipe.data, options.data, recipe.split)


class ProgressBar:
    """One bar over all epochs, and a line for each that is done."""

    def __enter__(self) -> "ProgressBar":
        self._bar: Any = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Any) -> None:
        """Take up a `training.Progress`."""
        from tqdm import tqdm

        if self._bar is None:
            done = (progress.epoch - 1) * progress.batches
            total = progress.epochs * progress.batches
            # disable=None: no bar where the output is a file; the lines are enough there.
            self._bar = tqdm(total=total, initial=done, unit="batch", disable=None)
        if progress.record is None:
            self._bar.update(1)
            self._bar.set_postfix_str(f"epoch {progress.epoch}, loss {progress.loss:.3f}")
            return
        row = progress.record
        self._bar.write(
            f"epoch {row.epoch}/{progress.epochs}: train loss {row.train_loss:.4f}, "
            f"val loss {row.val_loss:.4f}, val AUC {row.val_auc:.4f}, "
            f"val accuracy {row.val_accuracy:.4f}, {row.seconds:.0f} s, "
            f"about {row.seconds * (progress.epochs - row.epoch) / 60:.0f} min left"
        )


def _print_figures(run: Run) -> None:
    point = run.operating_point
    print(f"\nThreshold {point.threshold:.3f} ({point.name}: {point.rule}, on validation)")
    print(f"{'':24}{'validation':>24}{'test':>24}")
    for key in ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1"):
        cells = (_with_interval(run.metrics[split][key]) for split in ("val", "test"))
        print(f"{key:24}" + "".join(f"{cell:>24}" for cell in cells))
    for key in ("accuracy_at_half", "ece", "brier"):
        cells = (f"{run.metrics[split][key]:.4f}" for split in ("val", "test"))
        print(f"{key:24}" + "".join(f"{cell:>24}" for cell in cells))
    print(f"\nRun:   {run.path}\nPlots: {run.path / 'plots'}")


def _with_interval(estimate: Sequence[float | None]) -> str:
    value, low, high = estimate
    return "undefined" if value is None else f"{value:.4f} ({low:.4f}-{high:.4f})"


if __name__ == "__main__":
    sys.exit(main())
