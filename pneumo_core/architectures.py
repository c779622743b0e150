"""Registry of networks: how each is built, its stages, and where CAM reads it.

Every page reads it in the description of a run, and most of them need no network: torch is
imported when one is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pneumo_core.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

STEMS = ("standard", "small")


@dataclass(frozen=True)
class ModelSpec:
    """What it takes to build a network again; a run keeps it as JSON (`dataclasses.asdict`).

    Attributes:
        architecture: a name in `ARCHITECTURES`.
        channels: input channels, 1 or 3.
        outputs: 1: one logit of pneumonia; 2: Normal, Pneumonia; 3: normal, bacterial, viral.
        stem: "standard", or "small" for inputs of 28 to 64 px: the first two halvings of the
            image are left out.
        hidden: width of a dense ReLU layer in the head, 0 for none.
        dropout: share of the pooled features dropped in training, before the head's first
            dense layer.
        cam_layer: the stage to explain by default, "" for the architecture's own choice.
        variant: "torchvision", or how the network departs from torchvision's because the
            weights it started from were trained so: "keras" (resnet50: a block's stride sits on
            its first 1x1 convolution instead of its 3x3) or "google" (inception_v3: Mixed_7c
            pools by maximum instead of by mean).
        members: how many such networks there are, trained apart, whose outputs are averaged.
    """

    architecture: str
    channels: int = 3
    outputs: int = 1
    stem: str = "standard"
    hidden: int = 0
    dropout: float = 0.0
    cam_layer: str = ""
    variant: str = "torchvision"
    members: int = 1


@dataclass(frozen=True)
class Architecture:
    """One kind of network.

    Attributes:
        name: the registry's name for it.
        title: the name people use.
        build: makes the network, with random weights, for a valid spec.
        stages: stage name -> module path, from input to output; the last is "head".
        cam_stages: the stages whose output a CAM method can read.
        cam_layer: the stage explained when nobody asks for another.
        small_stem: whether there is a small stem.
        minimum_size: smallest input, in pixels, that reaches the head, with the standard stem.
        variants: the values of `ModelSpec.variant` it knows.
        pretrained: name of the ImageNet weights that fit it, as torchvision calls them; "" for
            none.
        left_out: modules of the network that those weights are of, and this one does without.
        mean, std: the normalisation, on pixels in [0, 1], that these weights expect.
    """

    name: str
    title: str
    build: Callable[[ModelSpec], nn.Module]
    stages: dict[str, str]
    cam_stages: tuple[str, ...]
    cam_layer: str
    small_stem: bool = True
    minimum_size: int = 32
    variants: tuple[str, ...] = ("torchvision",)
    pretrained: str = ""
    left_out: tuple[str, ...] = ()
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


def create_model(spec: ModelSpec) -> nn.Module:
    """Build the network with random weights from torch's current random state.

    It maps (N, channels, S, S) float to (N, outputs) raw outputs, in training mode too.

    Raises:
        RecipeError: unknown architecture, or a combination that does not exist.
    """
    from pneumo_core.networks import Ensemble

    _check(spec)
    build = ARCHITECTURES[spec.architecture].build
    if spec.members == 1:
        return build(spec)
    return Ensemble(build(spec) for _ in range(spec.members))


def members_of(model: nn.Module) -> Sequence[nn.Module]:
    """Return the single networks a model is made of: itself, unless it is an ensemble.

    What a stage is, is a matter of the single network.
    """
    from pneumo_core.networks import Ensemble

    return list(model.members) if isinstance(model, Ensemble) else [model]


def pneumonia_logit(outputs: Tensor) -> Tensor:
    """Turn raw outputs (N, K) into the log-odds of pneumonia (N,).

    K = 1: the output itself. K >= 2: with class 0 normal and all others kinds of pneumonia under
    a softmax, log(p(pneumonia) / p(normal)) = logsumexp(z[1:]) - z[0].
    """
    if outputs.shape[1] == 1:
        return outputs[:, 0]
    return outputs[:, 1:].logsumexp(dim=1) - outputs[:, 0]


def stage_module(model: nn.Module, spec: ModelSpec, stage: str) -> nn.Module:
    """Return the module of a stage.

    Raises:
        RecipeError: the architecture has no stage of that name.
    """
    stages = _architecture(spec).stages
    if stage not in stages:
        raise RecipeError(
            f"{spec.architecture} has no stage {stage!r}: choose from {_listed(stages)}."
        )
    return model.get_submodule(stages[stage])


def head_module(model: nn.Module, spec: ModelSpec) -> nn.Module:
    """Return the classifier: what follows the global pooling."""
    return stage_module(model, spec, "head")


def freeze_stages(model: nn.Module, spec: ModelSpec, stages: Sequence[str]) -> None:
    """Set `requires_grad` to False for the parameters of these stages, and to True elsewhere.

    So a later phase of training thaws what it does not name. Batch-norm statistics still follow
    the train/eval mode of the modules.

    Raises:
        RecipeError: the architecture has no stage of that name.
    """
    frozen = [stage_module(model, spec, stage) for stage in stages]
    model.requires_grad_(True)
    for module in frozen:
        module.requires_grad_(False)


def cam_stage(spec: ModelSpec, stage: str | None = None) -> str:
    """Return the stage that CAM reads: `stage`, or the spec's, or the architecture's default.

    Raises:
        RecipeError: CAM cannot read that stage.
    """
    architecture = _architecture(spec)
    chosen = stage or spec.cam_layer or architecture.cam_layer
    if chosen not in architecture.cam_stages:
        raise RecipeError(
            f"CAM cannot read the stage {chosen!r} of {spec.architecture}: "
            f"choose from {_listed(architecture.cam_stages)}."
        )
    return chosen


def check_input_size(spec: ModelSpec, size: int) -> None:
    """Raise RecipeError when inputs of `size` x `size` pixels are too small for the network."""
    architecture = _architecture(spec)
    # The small stem leaves out two halvings.
    minimum = architecture.minimum_size // (4 if spec.stem == "small" else 1)
    if size < minimum:
        hint = ' or stem "small"' if spec.stem != "small" and architecture.small_stem else ""
        raise RecipeError(
            f"{spec.architecture} needs inputs of at least {minimum} px, not {size}: "
            f"set a larger input_size{hint}."
        )


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    return ", ".join(names)


def _architecture(spec: ModelSpec) -> Architecture:
    if not isinstance(spec.architecture, str) or spec.architecture not in ARCHITECTURES:
        raise RecipeError(
            f"There is no architecture {spec.architecture!r}: choose from {_listed(ARCHITECTURES)}."
        )
    return ARCHITECTURES[spec.architecture]


def _check(spec: ModelSpec) -> None:
    """Raise RecipeError unless the spec can be built."""
    architecture = _architecture(spec)
    name = spec.architecture
    stems = STEMS if architecture.small_stem else STEMS[:1]
    for field, value, allowed in (
        ("channels", spec.channels, (1, 3)),
        ("outputs", spec.outputs, (1, 2, 3)),
        ("stem", spec.stem, stems),
        ("variant", spec.variant, architecture.variants),
    ):
        if type(value) is not type(allowed[0]) or value not in allowed:
            raise RecipeError(
                f"{name} cannot have {field} {value!r}: "
                f"choose from {_listed([str(choice) for choice in allowed])}."
            )
    if isinstance(spec.hidden, bool) or not isinstance(spec.hidden, int) or spec.hidden < 0:
        raise RecipeError(f"hidden must be a whole number, 0 for none, not {spec.hidden!r}.")
    if not isinstance(spec.dropout, int | float) or not 0 <= spec.dropout < 1:
        raise RecipeError(f"dropout must be at least 0 and below 1, not {spec.dropout!r}.")
    if isinstance(spec.members, bool) or not isinstance(spec.members, int) or spec.members < 1:
        raise RecipeError(f"members must be a whole number of at least 1, not {spec.members!r}.")
    cam_stage(spec)


def _built_by(name: str, *options: int) -> Callable[[ModelSpec], nn.Module]:
    """The builder of that name in `networks`, which is imported when it is called."""

    def build(spec: ModelSpec) -> nn.Module:
        from pneumo_core import networks

        builder = getattr(networks, name)
        return (builder(*options) if options else builder)(spec)

    return build


def _named(names: str, prefix: str, head: str) -> dict[str, str]:
    """Stages that are called like their modules, and the head."""
    return {name: prefix + name for name in names.split()} | {"head": head}


def _numbered(names: str) -> dict[str, str]:
    """Stages that are the members of `features`, in order, and the head."""
    paths = {name: f"features.{index}" for index, name in enumerate(names.split())}
    return paths | {"head": "classifier"}


# The last stage is the default everywhere, coarse as it is with the small stem (4x4 at 32 px).
# There the evidence adds up to the logit, so that map and verdict speak of the same thing. One
# stage earlier, over 150 test films of the run `resnet18`, Grad-CAM's evidence had the sign of the
# verdict in 35 % and its map was blank in 21 %; blurring the fifth of the film where the map is
# highest moved the logit no further than at the last stage (0.60 and 0.54, standard errors 0.1).
_RESNET = {
    "stages": _named("conv1 bn1 layer1 layer2 layer3 layer4", prefix="", head="fc"),
    "cam_stages": ("layer1", "layer2", "layer3", "layer4"),
    "cam_layer": "layer4",
}
_RESNET_C4 = {
    "stages": _named("conv1 bn1 layer1 layer2 layer3", prefix="", head="fc"),
    "cam_stages": ("layer1", "layer2", "layer3"),
    "cam_layer": "layer3",
    "left_out": ("layer4",),
    "minimum_size": 16,
}
_DENSENET = {
    "stages": _named(
        "conv0 norm0 denseblock1 transition1 denseblock2 transition2 denseblock3 transition3 "
        "denseblock4 norm5 relu5",
        prefix="features.",
        head="classifier",
    ),
    "cam_stages": ("denseblock1", "denseblock2", "denseblock3", "denseblock4", "relu5"),
    "cam_layer": "relu5",
}

_REGISTERED = (
    Architecture(
        name="cnn",
        title="Small CNN",
        build=_built_by("cnn"),
        stages=_numbered("block1 block2 block3 block4"),
        cam_stages=("block1", "block2", "block3", "block4"),
        cam_layer="block4",
    ),
    Architecture("resnet18", "ResNet-18", _built_by("resnet18"), **_RESNET, pretrained="resnet18"),
    Architecture(
        "resnet50",
        "ResNet-50",
        _built_by("resnet50"),
        **_RESNET,
        pretrained="resnet50",
        variants=("torchvision", "keras"),
    ),
    Architecture(
        "resnet18_c4",
        "Short ResNet-18",
        _built_by("resnet18_c4"),
        **_RESNET_C4,
        pretrained="resnet18",
    ),
    Architecture(
        "resnet18_cbam",
        "ResNet-18 with CBAM",
        _built_by("resnet18_cbam"),
        **_RESNET,
        pretrained="resnet18",
    ),
    Architecture(
        "resnet18_half", "ResNet-18 of half the width", _built_by("resnet18_half"), **_RESNET
    ),
    Architecture(
        name="mobilenet_v2",
        title="MobileNetV2",
        build=_built_by("mobilenet_v2"),
        stages=_numbered("stem " + " ".join(f"block{index}" for index in range(1, 18)) + " last"),
        cam_stages=("block3", "block6", "block13", "block17", "last"),
        cam_layer="last",
        pretrained="mobilenet_v2",
    ),
    Architecture(
        name="inception_v3",
        title="Inception v3",
        build=_built_by("inception_v3"),
        stages=_named(
            "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 Conv2d_3b_1x1 Conv2d_4a_3x3 Mixed_5b "
            "Mixed_5c Mixed_5d Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e Mixed_7a Mixed_7b "
            "Mixed_7c",
            prefix="",
            head="fc",
        ),
        cam_stages=("Mixed_5d", "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c"),
        cam_layer="Mixed_7c",
        small_stem=False,
        minimum_size=75,
        variants=("torchvision", "google"),
        pretrained="inception_v3",
        # Google's weights take pixels in [-1, 1]; torchvision's `transform_input` only undoes
        # ImageNet's normalisation to get there.
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    Architecture(
        "densenet121",
        "DenseNet-121",
        _built_by("densenet", 121),
        **_DENSENET,
        pretrained="densenet121",
    ),
    Architecture(
        "densenet169",
        "DenseNet-169",
        _built_by("densenet", 169),
        **_DENSENET,
        pretrained="densenet169",
    ),
    Architecture(
        name="efficientnet_b0",
        title="EfficientNet-B0",
        build=_built_by("efficientnet_b0"),
        stages=_numbered("stem stage1 stage2 stage3 stage4 stage5 stage6 stage7 last"),
        cam_stages=("stage2", "stage3", "stage5", "stage7", "last"),
        cam_layer="last",
        pretrained="efficientnet_b0",
    ),
    Architecture(
        name="squeezenet1_1",
        title="SqueezeNet 1.1",
        build=_built_by("squeezenet1_1"),
        stages=_numbered(
            "stem relu0 pool1 fire1 fire2 pool2 fire3 fire4 pool3 fire5 fire6 fire7 fire8"
        ),
        cam_stages=("fire2", "fire4", "fire6", "fire8"),
        cam_layer="fire8",
        pretrained="squeezenet1_1",
    ),
)

ARCHITECTURES: dict[str, Architecture] = {entry.name: entry for entry in _REGISTERED}
"""Every architecture by name."""
