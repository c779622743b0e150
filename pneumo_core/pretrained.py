"""ImageNet weights: from a local safetensors file, or from torchvision's hub."""

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor, nn

from pneumo_core.architectures import ARCHITECTURES, ModelSpec, create_model
from pneumo_core.errors import NoPretrainedError, RecipeError
from pneumo_core.files import PROJECT_FOLDER, sha256_of
from pneumo_core.networks import set_variant
from pneumo_core.recipe import FROM_SCRATCH, Recipe

PRETRAINED_VARIABLE = "PNEUMO_PRETRAINED"
"""Environment variable with the folder of `<name>.safetensors` files."""

SHARED_FOLDER = PROJECT_FOLDER.parent / "shared" / "data" / "pretrained"
"""Looked into next: one folder beside several checkouts."""

# Public copies whose network departs from torchvision's, known by content, since their names and
# shapes do not tell: keras.applications' first ResNet-50, and Google's Inception of 2015-12-05.
_VARIANT_OF_FILE = {
    "7c351decdc6b417728bbb225330f0c7b3abb8ddb93f711a6743d5339b53f0f34": "keras",
    "29eddfbb19c70c2b48e993ec9cebf053526d6476aa88f5a65c5af82298d64257": "google",
}


@dataclass(frozen=True)
class PretrainedReport:
    """What became of the request for ImageNet weights.

    Attributes:
        origin: the file's name with its SHA-256, or torchvision's name of the weights.
        loaded: number of tensors taken over.
        missing: modules that kept their random weights, the largest that did so as a whole; the
            head is always among them.
        spec: the spec to save with the run. It differs from the one that was given when the
            weights ask for another `variant`.
    """

    origin: str
    loaded: int
    missing: tuple[str, ...]
    spec: ModelSpec


def initial_weights(
    recipe: Recipe, seed: int, source: str | None
) -> tuple[Recipe, dict[str, Tensor] | None, str]:
    """What a run of the recipe starts from, which is said on standard output.

    Args:
        recipe: It says whether ImageNet weights are wanted, or must be.
        seed: Of what is random in them.
        source: As for `load_pretrained`; where given, they are wanted.

    Returns:
        The recipe with the network as the weights need it, and a title that says so where it goes
        without weights that it would have; the weights (None for random ones, as the seed makes
        them); and where they come from.

    Raises:
        RecipeError: If there are none, and the recipe does not do without; or if those at hand are
            damaged or of another network, or none are where the user said.
    """
    if recipe.pretrained == "none" and not source:
        return recipe, None, "random"
    torch.manual_seed(seed)
    model = create_model(recipe.model)
    try:
        report = load_pretrained(model, recipe.model, source)
    except NoPretrainedError as error:
        if recipe.pretrained != "imagenet-or-scratch" or source:
            raise
        print(f"{error} Training from scratch.", file=sys.stderr)
        scratch = replace(recipe, title=f"{recipe.title}{FROM_SCRATCH}")
        return scratch, None, "random: no ImageNet weights were to be had"
    print(f"ImageNet weights: {report.origin}; not in it: {', '.join(report.missing)}")
    return replace(recipe, model=report.spec), model.state_dict(), report.origin


def load_pretrained(
    model: nn.Module, spec: ModelSpec, source: str | Path | None = None
) -> PretrainedReport:
    """Replace the model's weights by ImageNet's as far as there are any, the head excepted.

    Looks for `<name>.safetensors` in the folder that `PNEUMO_PRETRAINED` names, then in
    `../shared/data/pretrained`, then asks torchvision's hub. `source`, a file or a folder, goes
    before all of them. The model is changed in place, also to the variant that the weights were
    trained as (see `PretrainedReport.spec`). A first convolution of one channel gets the sum over
    the three: the same as handing the three-channel network one normalised channel three times.

    Raises:
        NoPretrainedError: there are no weights for this architecture, or none could be had.
        RecipeError: those at hand do not fit, or none are where the user said. The model is then
            as it was.
    """
    name = ARCHITECTURES[spec.architecture].pretrained
    if not name:
        raise NoPretrainedError(
            f"There are no ImageNet weights for {spec.architecture}: train it from scratch."
        )
    file = _find(name, source)
    if file is None:
        state, origin, variant = *_from_hub(name), "torchvision"
        if spec.variant != variant:
            raise RecipeError(
                f"torchvision's weights of {name} were not trained as the variant "
                f"{spec.variant!r}: leave the variant out."
            )
    else:
        digest = sha256_of(file)
        state, origin = _read(file), f"{file.name} (SHA-256 {digest})"
        variant = _VARIANT_OF_FILE.get(digest, spec.variant)
    fitting = _fit(model, spec, state, origin)
    missing = _unloaded(model, fitting)
    model.load_state_dict(fitting, strict=False)
    if spec.variant != variant:
        spec = replace(spec, variant=variant)
        set_variant(model, spec)
    return PretrainedReport(origin, len(fitting), missing, spec)


def _find(name: str, source: str | Path | None) -> Path | None:
    """Return the local file to read, or None when the hub has to be asked."""
    if source is not None:
        given = Path(source).expanduser()
        file = given / f"{name}.safetensors" if given.is_dir() else given
        if not file.is_file():
            raise RecipeError(f"There is no file of pretrained weights at {file}.")
        return file
    folders = [SHARED_FOLDER]
    if named := os.environ.get(PRETRAINED_VARIABLE):
        if not Path(named).is_dir():
            raise RecipeError(f"{PRETRAINED_VARIABLE} names {named}, which is not a folder.")
        folders.insert(0, Path(named))
    files = (folder / f"{name}.safetensors" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _read(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise RecipeError(
            f"{file} cannot be read as safetensors ({error}): only that format is accepted."
        ) from error


def _from_hub(name: str) -> tuple[dict[str, Tensor], str]:
    """Return torchvision's first ImageNet weights of a network, and what they are called."""
    from pneumo_core.vision import torchvision

    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (OSError, HTTPException, RuntimeError) as error:  # the last: a wrong checksum
        raise NoPretrainedError(
            f"The ImageNet weights of {name} could not be downloaded ({error}): put "
            f"{name}.safetensors into a folder and name the folder in {PRETRAINED_VARIABLE}, "
            "or train from scratch."
        ) from error
    # DenseNet's files are older than the rule that module names hold no dots.
    renamed = {re.sub(r"(denselayer\d+\.\w+)\.(\d\.)", r"\1\2", key): state[key] for key in state}
    return renamed, f"torchvision {name} IMAGENET1K_V1"


def _fit(
    model: nn.Module, spec: ModelSpec, state: dict[str, Tensor], origin: str
) -> dict[str, Tensor]:
    """Return the tensors that go into the model; raise RecipeError for any that should not be."""
    expected = model.state_dict()
    architecture = ARCHITECTURES[spec.architecture]
    unused = tuple(
        f"{module}."
        for module in (architecture.stages["head"], "AuxLogits", *architecture.left_out)
    )
    first = next(name for name, module in model.named_modules() if isinstance(module, nn.Conv2d))
    fitting = {}
    for name, given in state.items():
        if name.startswith(unused):
            continue
        if name not in expected:
            raise RecipeError(f"{origin} does not fit {spec.architecture}: it has {name}.")
        wanted = expected[name].shape
        tensor = given
        if name == f"{first}.weight":
            if wanted[1] == 1 and given.ndim == 4:
                tensor = given.float().sum(1, keepdim=True)
            if tensor.shape != wanted and spec.stem == "small":
                continue  # a smaller kernel: the small stem learns its own
        if tensor.shape != wanted:
            raise RecipeError(
                f"{origin} does not fit {spec.architecture}: {name} has shape "
                f"{tuple(given.shape)} instead of {tuple(wanted)}."
            )
        if not torch.isfinite(tensor).all():
            raise RecipeError(f"{origin} is damaged: {name} is not finite.")
        fitting[name] = tensor
    if not fitting:
        raise RecipeError(f"{origin} does not fit {spec.architecture}: it has none of its weights.")
    return fitting


def _unloaded(model: nn.Module, loaded: Iterable[str]) -> tuple[str, ...]:
    """Name the largest modules of which no tensor is among the loaded ones."""
    counters = "num_batches_tracked"  # old files lack these; they do not matter
    loaded = {name for name in loaded if not name.endswith(counters)}
    kept = [n for n in model.state_dict() if n not in loaded and not n.endswith(counters)]
    missing = dict.fromkeys(_largest_unloaded(name, loaded) for name in kept)
    return tuple(missing)


def _largest_unloaded(tensor: str, loaded: set[str]) -> str:
    """Return the shortest prefix of a tensor's name that no loaded tensor shares."""
    parts = tensor.split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length])
        if not any(name.startswith(prefix + ".") for name in loaded):
            return prefix
    return tensor
