"""A training recipe: all choices of a run, read from YAML, checked before anything starts."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from pneumo_core.architectures import ARCHITECTURES, ModelSpec, check_input_size
from pneumo_core.augment import Augmentation
from pneumo_core.datasets import DATASET_NAMES, SplitRule
from pneumo_core.errors import RecipeError
from pneumo_core.fields import build
from pneumo_core.losses import Loss
from pneumo_core.preprocess import Preprocess

RECIPES_FOLDER = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "pneumolens-imagenet"
FROM_SCRATCH = ", from scratch"
"""Ends the title of a run that went without the ImageNet weights that its recipe would have."""

Schedule = Literal["constant", "cosine", "plateau"]
Sampler = Literal["shuffled", "balanced"]
Optimiser = Literal["adam", "adamw", "sgd"]
Selection = Literal["val_auc", "val_loss", "val_accuracy", "val_f1"]
Pretrained = Literal["none", "imagenet", "imagenet-or-scratch"]


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with its own learning rate, frozen stages and sampling.

    Attributes:
        epochs: Number of epochs at most.
        lr: Peak learning rate.
        schedule: "constant", "cosine" to zero over the phase, or "plateau" (times `factor` when
            the selection metric has not improved for more than `plateau` epochs).
        warmup: Epochs over which the learning rate rises linearly from zero.
        plateau: Epochs without improvement that the rate stands, as in torch's ReduceLROnPlateau:
            it falls after one more.
        factor: What the rate is multiplied with then.
        freeze: Stages whose weights and batch-norm statistics stay as they are.
        sampler: "shuffled" (each image once an epoch) or "balanced" (drawn with replacement so
            that all classes come equally often: two, or three kinds where there are three outputs).
        patience: Stop the phase after so many epochs without improvement; 0 for never. A phase
            that is to `keep_last` is not stopped.
        augmentation: In place of the recipe's, where given.
        loss: In place of the recipe's, where given.
        input_size: In place of the preprocessing's, where given: early phases on smaller inputs
            cost less and need not lose by it (progressive resizing, Howard 2018; Tan & Le,
            EfficientNetV2, 2021).
        keep_last: Whether the phase's last epoch is kept, whatever `select` says of it and of those
            before: for a phase that is to teach something else than what `select` measures.
        blend: How far the weights that are validated and kept lie on the way from the phase's start
            to those that it has trained, in (0, 1]: part of the way often has most of what the
            phase teaches and little of what it costs (Wortsman et al., Robust fine-tuning of
            zero-shot models, CVPR 2022).
    """

    epochs: int
    lr: float
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    plateau: int = 2
    factor: float = 0.5
    freeze: tuple[str, ...] = ()
    sampler: Sampler = "shuffled"
    patience: int = 0
    augmentation: Augmentation | None = None
    loss: Loss | None = None
    input_size: int | None = None
    keep_last: bool = False
    blend: float = 1.0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "phases: epochs must be at least 1")
        _require(self.lr > 0, "phases: lr must be above zero")
        _require(self.warmup >= 0, "phases: warmup must be at least 0")
        _require(0 < self.blend <= 1, "phases: blend must be above 0 and at most 1")
        _require(0 < self.factor < 1, "phases: factor must be above 0 and below 1")
        _require(
            self.plateau >= 0 and self.patience >= 0,
            "phases: plateau and patience must be at least 0",
        )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does, but for the seed and the machine.

    Attributes:
        name: Short name; runs, and so their folders, are named after it.
        title: Name for people.
        data: Data set, one of `datasets.DATASET_NAMES`.
        split: How train and val are made, see `datasets.load_dataset`.
        model: The network.
        preprocess: From a grey image to its input.
        augmentation: What training images go through.
        loss: What is minimised.
        phases: One after the other; each starts from the best weights of the run so far.
        pretrained: "none", "imagenet" (fails where there are no weights), or
            "imagenet-or-scratch" (says so and goes on).
        optimiser: "adam", "adamw" or "sgd" (momentum 0.9).
        weight_decay: Of the optimiser; not applied to biases and norms.
        batch_size: Images a step.
        ema: Decay of the moving average of the weights that is validated and kept; 0 for none.
        clip: Largest gradient norm; 0 for no clipping.
        flip_average: Average the logits of an image and its mirror image, in validation, test
            and serving alike.
        select: Metric on validation that the kept epoch is best in.
        published: Figures of the source system, as its authors give them, for comparison.
    """

    name: str
    title: str
    data: str
    model: ModelSpec
    preprocess: Preprocess
    phases: tuple[Phase, ...]
    split: SplitRule = "patient"
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: Loss = field(default_factory=Loss)
    pretrained: Pretrained = "none"
    optimiser: Optimiser = "adamw"
    weight_decay: float = 0.0
    batch_size: int = 64
    ema: float = 0.0
    clip: float = 0.0
    flip_average: bool = False
    select: Selection = "val_auc"
    published: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(
            self.name.isprintable() and re.fullmatch(r"[^\s./\\][^/\\]*", self.name) is not None,
            f"name must be that of a folder, without slashes or a leading dot, not {self.name!r}",
        )
        _require(self.data in DATASET_NAMES, f"data must be one of {', '.join(DATASET_NAMES)}")
        _require(len(self.phases) > 0, "phases must hold at least one phase")
        _require(self.batch_size >= 2, "batch_size must be at least 2")
        _require(0 <= self.ema < 1, "ema must be at least 0 and below 1")
        _require(self.clip >= 0 and self.weight_decay >= 0, "clip and weight_decay cannot be < 0")
        _require(
            self.model.channels == self.preprocess.channels,
            "model.channels and preprocess.channels must be the same",
        )
        _require(
            self.model.members == 1,
            "model.members must be 1: train the members of an ensemble apart, each with a seed of "
            "its own, and join them with python -m pneumo_core ensemble",
        )
        self._check_input_sizes()
        stages = ARCHITECTURES[self.model.architecture].stages
        for phase in self.phases:
            for stage in phase.freeze:
                _require(
                    stage in stages,
                    f"phases: {self.model.architecture} has no stage {stage!r} to freeze: "
                    f"choose from {', '.join(stages)}",
                )
            _require(
                not set(stages) <= set(phase.freeze),
                "phases: freeze leaves nothing to train: leave a stage out of it",
            )

    def _check_input_sizes(self) -> None:
        size = self.preprocess.input_size
        check_input_size(self.model, size)
        for phase in self.phases:
            if phase.input_size is not None:
                check_input_size(self.model, phase.input_size)
                _require(
                    phase.input_size <= size,
                    f"phases: input_size is for smaller inputs than preprocess.input_size, {size}; "
                    f"{phase.input_size} is larger",
                )
        _require(
            self.phases[-1].input_size in (None, size),
            f"phases: the last phase must train at preprocess.input_size, {size}: leave its "
            "input_size out",
        )

    def preprocess_in(self, number: int) -> Preprocess:
        """From the squares of `preprocess` to the network's input in phase `number`, from 0."""
        size = self.phases[number].input_size
        if size is None:
            return self.preprocess
        # source_size says what the squares are; they are the whole run's.
        return replace(self.preprocess, input_size=size, source_size=self.preprocess.square_size)

    @property
    def epochs(self) -> int:
        """Epochs of all phases together, at most."""
        return sum(phase.epochs for phase in self.phases)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Recipe":
        """Build from YAML's or `run.json`'s fields.

        Raises:
            RecipeError: For an unknown or missing key, or a value that makes no sense.
        """
        return build(cls, content)


def recipe_names() -> list[str]:
    """Names of the recipes that come with PneumoLens."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob("*.yaml"))


def load_recipe(
    name: str = DEFAULT_RECIPE, overrides: Iterable[str] = (), architecture: str | None = None
) -> Recipe:
    """Read a recipe and change single fields of it.

    Args:
        name: A name out of `recipe_names()`, or the path of a YAML file.
        architecture: In place of the recipe's; stem and input size follow where they must, name
            and title say so.
        overrides: "key=value" each, the key with dots for nesting and numbers for phases
            ("augmentation.rotate=10", "phases.0.epochs=3"), the value in YAML.

    Raises:
        RecipeError: If there is no such recipe or key, or a value makes no sense.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES_FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(recipe_names())
        raise RecipeError(f"There is no recipe {name!r}: choose one of {known}, or a YAML file.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f"{path} is not valid YAML: {_problem(error)}.") from None
    if not isinstance(content, dict):
        raise RecipeError(f"{path} must hold the fields of a recipe.")
    content = {"name": path.stem, **content}
    if architecture is not None:
        _put_architecture(content, architecture)
    for override in overrides:
        _override(content, override)
    return Recipe.from_json(content)


def _problem(error: Exception) -> str:
    """What is wrong with a YAML file and in which line, without the excerpt that PyYAML draws."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return str(error).splitlines()[0]  # a date that does not exist, or bytes that are no text


def _put_architecture(content: dict[str, Any], name: str) -> None:
    model, preprocess = content.setdefault("model", {}), content.setdefault("preprocess", {})
    if not isinstance(model, dict) or not isinstance(preprocess, dict):
        return  # Recipe.from_json says what is wrong.
    known = ARCHITECTURES.get(name)
    if name != model.get("architecture"):
        # What another network calls its stages, or was trained as, means nothing to this one.
        model.pop("cam_layer", None)
        model.pop("variant", None)
        # A run is named and shown after its recipe; it must not pass for the other network.
        content["name"] = f"{content['name']}-{name}"
        content["title"] = f"{known.title if known else name}, trained as {content.get('title')}"
    model["architecture"] = name
    if known is not None and not known.small_stem:
        model["stem"] = "standard"
        size = preprocess.get("input_size")
        if not isinstance(size, int) or size < known.minimum_size:
            preprocess["input_size"] = known.minimum_size
        phases = content.get("phases")
        for phase in phases if isinstance(phases, list) else ():
            size = phase.get("input_size") if isinstance(phase, dict) else None
            if isinstance(size, int) and size < known.minimum_size:
                phase["input_size"] = known.minimum_size


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set needs key=value, not {override!r}.")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RecipeError(f"The value of {override!r} is not valid YAML.") from None
    place: Any = content
    *parents, last = key.split(".")
    for part in parents:
        if isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, dict):
            place = place.setdefault(part, {})
        else:
            raise RecipeError(f"The recipe has no {key!r} to set.")
    if not isinstance(place, dict):
        raise RecipeError(f"The recipe has no {key!r} to set.")
    place[last] = value


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise RecipeError(f"{sentence}.")
