"""Train a network for PneumoLens: from data to a run in weights/ that the dashboard offers."""

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_core.errors import DataError, PneumoError, RecipeError, TrainingError
from pneumo_core.progress_bar import ProgressBar
from pneumo_core.runs import Run, read_run, run_folder, weights_folder

# torch comes with the recipes; importing it where it is needed keeps Ctrl-C clean meanwhile.
if TYPE_CHECKING:
    import torch

    from pneumo_core.datasets import Dataset
    from pneumo_core.recipe import Recipe

EXAMPLES = """\
examples:
  python train_cli.py                             the default recipe, on MedMNIST's PneumoniaMNIST
  python train_cli.py --recipe resnet18 --seed 2  another recipe or seed
  python train_cli.py --set phases.0.lr=0.0005    any field of the recipe
  python train_cli.py --preview                   what the network would be shown, as a picture
  python train_cli.py --resume                    go on after a stop, to the same result
"""

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it."""


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
    """Train as the command line says; returns the exit status."""
    # A polite kill is answered as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target = None
    try:
        options = parse_arguments(arguments)
        if options.resume is None:
            if options.finish:
                raise TrainingError("--finish ends a stopped run: name it with --resume NAME.")
            recipe, seed = _recipe(options), _seed(options)
            if options.preview is not None:
                return _preview(options, recipe, seed)
            target = run_folder(options.out or f"{recipe.name}-seed{seed}")
            run = _start(options, recipe, seed, target)
        else:
            target = _stopped_run(options)
            run = _resume(options, target)
    except PneumoError as error:
        return _fail(str(error))
    except OSError as error:
        place = error.filename or "the disk"
        return _fail(f"{error.strerror or error}: {place}; {_way_on(target)}.")
    except KeyboardInterrupt:
        print(f"\nStopped; {_way_on(target)}.", file=sys.stderr)
        return STOPPED
    _print_figures(run)
    return 0


def _fail(sentence: str) -> int:
    print(f"train_cli: {sentence}", file=sys.stderr)
    return 1


def _way_on(target: Path | None) -> str:
    """What to do after a stop, as the rest of a sentence."""
    if target is None or not _checkpoint(target).exists():
        return "no epoch was over yet, so start again"
    name = target.name if target.parent == weights_folder() else str(target)
    return f"go on with: python train_cli.py --resume {shlex.quote(name)}"


def _preview(options: argparse.Namespace, recipe: "Recipe", seed: int) -> int:
    from pneumo_core.preview import has_augmentation, write_contact_sheet

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


def _checkpoint(target: Path) -> Path:
    return target.parent / ".checkpoints" / f"{target.name}.pt"


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
    found = (weights_folder() / ".checkpoints").glob("*.pt")
    latest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    if latest is None:
        raise TrainingError("There is no stopped run to go on with: start without --resume.")
    return weights_folder() / latest.stem


@contextmanager
def _held(target: Path) -> Iterator[None]:
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


def _start(options: argparse.Namespace, recipe: "Recipe", seed: int, target: Path) -> Run:
    from pneumo_core.devices import pick_device

    if target.exists():
        raise TrainingError(f"{target} exists already: choose another name with --out.")
    device = pick_device(options.device)
    dataset = _dataset(recipe, options)
    with _held(target):
        if _checkpoint(target).exists():
            raise TrainingError(
                f"A stopped run waits under this name; {_way_on(target)}, "
                f"or delete {_checkpoint(target)}."
            )
        recipe, weights, origin = _initial_weights(recipe, seed, options.pretrained)
        return _train(target, recipe, dataset, device, seed, origin, initial_weights=weights)


def _resume(options: argparse.Namespace, target: Path) -> Run:
    from pneumo_core.checkpoint import load_checkpoint
    from pneumo_core.devices import pick_device
    from pneumo_core.recipe import Recipe

    checkpoint = _checkpoint(target)
    if not checkpoint.exists():
        if target.exists():
            raise TrainingError(f"{target} is complete: there is nothing to go on with.")
        raise TrainingError(f"There is no stopped run {target}: start without --resume.")
    with _held(target):
        identity = load_checkpoint(checkpoint).identity
        if target.exists():
            return _completed(target, identity)
        recipe = Recipe.from_json(identity["recipe"])
        device = pick_device(options.device)
        dataset = _dataset(recipe, options)
        seed, origin = identity["seed"], identity["origin"]
        return _train(
            target, recipe, dataset, device, seed, origin, resume=True, finish=options.finish
        )


def _completed(target: Path, identity: Mapping[str, Any]) -> Run:
    """The run of a process that was killed after it was whole, but before it was done."""
    run = read_run(target)
    found = (run.recipe, run.training["seed"], run.data["fingerprint"])
    if found != (identity["recipe"], identity["seed"], identity["fingerprint"]):
        raise TrainingError(f"{target} is there already, and another run: rename it first.")
    _checkpoint(target).unlink()
    print(f"{target.name} was complete already.")
    return run


def _initial_weights(
    recipe: "Recipe", seed: int, pretrained: str | None
) -> tuple["Recipe", dict[str, Any] | None, str]:
    """The recipe with the network as the weights need it, the weights, and where they come from."""
    if recipe.pretrained == "none" and not pretrained:
        return recipe, None, "random"
    import torch

    from pneumo_core.architectures import create_model
    from pneumo_core.pretrained import load_pretrained

    torch.manual_seed(seed)
    model = create_model(recipe.model)
    try:
        report = load_pretrained(model, recipe.model, pretrained)
    except RecipeError as error:
        if recipe.pretrained != "imagenet-or-scratch" or pretrained:
            raise
        print(f"{error} Training from scratch.", file=sys.stderr)
        return recipe, None, "random: no ImageNet weights were to be had"
    print(f"ImageNet weights: {report.origin}; not in it: {', '.join(report.missing)}")
    return replace(recipe, model=report.spec), model.state_dict(), report.origin


def _train(
    target: Path,
    recipe: "Recipe",
    dataset: "Dataset",
    device: "torch.device",
    seed: int,
    origin: str,
    *,
    initial_weights: Mapping[str, Any] | None = None,
    resume: bool = False,
    finish: bool = False,
) -> Run:
    from pneumo_core.audit import audit
    from pneumo_core.audit_report import audit_summary
    from pneumo_core.publishing import publish
    from pneumo_core.training import train

    for name, split in dataset.splits.items():
        counts = split.counts()
        print(f"{name:>5}: {counts['normal']} normal, {counts['pneumonia']} pneumonia")
    for sentence in audit_summary(audit(dataset, decode=False)):
        print(f"- {sentence}")
    print(f"Training {recipe.title} on {dataset.title} ({device.type}), seed {seed}.", flush=True)
    checkpoint = _checkpoint(target)
    with ProgressBar() as bar:
        trained = train(
            recipe,
            dataset,
            seed=seed,
            checkpoint=checkpoint,
            device=device,
            resume=resume,
            finish=finish,
            initial_weights=initial_weights,
            origin=origin,
            report=bar.show,
        )
    run = publish(target, recipe, dataset, trained, step=lambda words: print(f"{words} ..."))
    checkpoint.unlink()
    return run


def _dataset(recipe: "Recipe", options: argparse.Namespace) -> "Dataset":
    from pneumo_core.datasets import data_folders, find_dataset, load_dataset

    data = options.data
    try:
        find_dataset(recipe.data, data)
    except DataError:
        if recipe.data == "chest_xray" and options.download:
            from pneumo_core.kaggle import download_chest_xray

            folder = Path(data).expanduser() if data else data_folders()[0]
            print(f"Downloading chest_xray from Kaggle into {folder}, 1.2 GB.", flush=True)
            download_chest_xray(folder)
        elif data or recipe.data == "chest_xray":
            raise
        else:
            _download_from_medmnist(recipe.data)
    return load_dataset(recipe.data, data, recipe.split)


def _download_from_medmnist(name: str) -> None:
    from tqdm import tqdm

    from pneumo_core.datasets import download_dataset

    print(f"{name} is not on this machine: downloading it from MedMNIST.")
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {remaining} left") as bar:
        download_dataset(name, lambda share: bar.update(round(100 * share) - bar.n))


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
