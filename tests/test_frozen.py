"""Frozen stages: where a network is cut, that the parts are the whole, and what is kept of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from pneumo_core import evaluation, frozen
from pneumo_core.architectures import (
    ARCHITECTURES,
    ModelSpec,
    create_model,
    freeze_stages,
    stage_module,
)
from pneumo_core.augment import Augmentation
from pneumo_core.devices import Autocast
from pneumo_core.frozen import Features, Images, cut_network, feed
from pneumo_core.preprocess import Preprocess

CNN = ModelSpec("cnn", channels=1, stem="small", dropout=0.5)
BODY = ("block1", "block2", "block3", "block4")


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same precision on every machine; bfloat16 has a test of its own."""
    for module in (frozen, evaluation):
        monkeypatch.setattr(module, "autocast", lambda device: Autocast(device, None))


def images(spec: ModelSpec = CNN, size: int = 16, **changes: object) -> Images:
    """70 training and 66 validation images, so that both take two blocks of 64."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (136, size, size), dtype=np.uint8)
    made = Images(
        model=create_model(spec).to(memory_format=torch.channels_last),
        preprocess=Preprocess(size),
        augmentation=Augmentation(),
        squares=torch.from_numpy(squares[:70]),
        val_squares=squares[70:],
        flip_average=True,
        device=torch.device("cpu"),
    )
    return replace(made, **changes)


def nothing() -> None:
    """Take up a report of progress."""


# Where a network is cut


def _cuts() -> list[tuple[ModelSpec, int]]:
    cuts = []
    for name, architecture in ARCHITECTURES.items():
        count = len(architecture.stages)
        # DenseNet-169 is DenseNet-121 with more layers in the same stages.
        places = {1, count // 2, count - 1} if name != "densenet169" else {count - 1}
        stem = "small" if architecture.small_stem else "standard"
        cuts += [(ModelSpec(name, channels=1, stem=stem), place) for place in sorted(places)]
    return cuts


@pytest.mark.parametrize(
    ("spec", "count"), _cuts(), ids=lambda value: getattr(value, "architecture", value)
)
def test_both_parts_together_are_the_network(spec, count):
    torch.manual_seed(0)
    # In training mode: batch statistics tell images apart where random weights alone do not.
    model = create_model(spec)
    architecture = ARCHITECTURES[spec.architecture]
    stages = architecture.stages
    below = tuple(stages)[:count]
    cut = cut_network(model, stages, below)
    assert cut.stages == below
    size = max(32, architecture.minimum_size)
    inputs = torch.randn(3, 1, size, size)
    with torch.no_grad():
        torch.manual_seed(1)  # stochastic depth
        whole = model(inputs)
        torch.manual_seed(1)
        # As in use: a ReLU that works in place gets a copy.
        assert torch.equal(cut.upper(cut.lower(inputs).clone()), whole)
    assert whole.std() > 1e-3

    # Each parameter is in one part, and it is the very same object.
    parts = [list(map(id, part.parameters())) for part in (cut.lower, cut.upper)]
    assert sorted(parts[0] + parts[1]) == sorted(map(id, model.parameters()))
    frozen_ones = [id(p) for stage in below for p in stage_module(model, spec, stage).parameters()]
    assert sorted(parts[0]) == sorted(frozen_ones)


@pytest.mark.parametrize(
    ("freeze", "below"),
    [
        (("block2", "block1"), ("block1", "block2")),
        (("block1", "block3"), ("block1",)),
        (BODY, BODY),
        (("block2", "block3"), None),
        ((), None),
        ((*BODY, "head"), None),
    ],
    ids=["any order", "a gap", "body", "not the first", "none", "all"],
)
def test_the_longest_run_of_frozen_stages_from_the_input_is_cut_off(freeze, below):
    cut = cut_network(create_model(CNN), ARCHITECTURES["cnn"].stages, freeze)
    assert (cut and cut.stages) == below


class _Bypassed(nn.Module):
    """Its input reaches the output past the second stage, too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + x


class _Twice(_Bypassed):
    """Its second stage runs twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.second(self.first(x)))


class _Dependent(_Bypassed):
    """What runs depends on the values."""

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) if x.sum() > 0 else self.first(x)


class _Plain(_Bypassed):
    """One stage after the other."""

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.mark.parametrize("kind", [_Bypassed, _Twice, _Dependent])
def test_a_network_without_one_place_to_cut_stays_whole(kind):
    stages = {"below": "first", "above": "second"}
    assert cut_network(_Plain(), stages, ["below"]).stages == ("below",)
    assert cut_network(kind(), stages, ["below"]) is None


# When features are kept


def test_features_are_fed_where_frozen_stages_see_the_same_images():
    assert feed(images(), CNN, BODY).cached_stages == BODY
    whole = images()
    assert feed(whole, CNN, ()) is whole
    augmented = images(augmentation=Augmentation(flip=0.5))
    assert feed(augmented, CNN, BODY) is augmented


@pytest.mark.parametrize(("flip_average", "views"), [(False, 1), (True, 2)])
def test_no_more_than_the_limit_is_kept(flip_average, views, monkeypatch):
    fed = images(flip_average=flip_average)
    # 256 float32 an image: 70 for training, 66 for validation, each view of it.
    needed = (70 + views * 66) * 256 * 4
    assert feed(fed, CNN, BODY).nbytes() == needed
    monkeypatch.setattr(frozen, "LIMIT", needed)
    assert isinstance(feed(fed, CNN, BODY), Features)
    monkeypatch.setattr(frozen, "LIMIT", needed - 1)
    assert feed(fed, CNN, BODY) is fed


def test_the_kept_features_take_what_was_reckoned():
    features = feed(images(), CNN, ("block1", "block2"))
    features.prepare(nothing)
    kept = [features.train, *features.val_views]
    assert [len(part) for part in kept] == [70, 66, 66]
    assert features.nbytes() == sum(part.nbytes for part in kept)
    assert features.train.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_is_kept_as_such(monkeypatch):
    fast = Autocast(torch.device("cpu"), torch.bfloat16)
    for module in (frozen, evaluation):
        monkeypatch.setattr(module, "autocast", lambda _: fast)
    fed = images()
    features = feed(fed, CNN, BODY)
    assert features.nbytes() == (70 + 2 * 66) * 256 * 2
    features.prepare(nothing)
    assert features.train.dtype == torch.bfloat16
    # Three digits, whichever way they are rounded on the way.
    assert features.val_logits() == pytest.approx(fed.val_logits(), rel=0.02, abs=0.02)


# What they are worth


def _trained(fed: Images | Features, spec: ModelSpec, freeze: tuple[str, ...]) -> list[Tensor]:
    """Outputs and gradients of a batch, as a step of training has them."""
    model = (fed.images if isinstance(fed, Features) else fed).model
    model.train()
    for stage in freeze:
        stage_module(model, spec, stage).eval()
    freeze_stages(model, spec, freeze)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)  # dropout
    outputs = fed.train_outputs(torch.tensor([69, 0, 5, 5, 33]), Generator().manual_seed(1))
    outputs.square().sum().backward()
    grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    statistics = [value.clone() for value in model.buffers()]
    model.zero_grad()
    model.load_state_dict(before)
    return [outputs.detach(), *grads, *statistics]


@pytest.mark.parametrize(
    ("spec", "freeze"),
    [
        (CNN, BODY),
        (CNN, BODY[:2]),
        (CNN, ("block1", "block3")),
        (ModelSpec("resnet18", channels=1, stem="small"), ("conv1", "bn1", "layer1")),
        # What follows is a ReLU in place, on the features themselves.
        (ModelSpec("squeezenet1_1", channels=1, stem="small"), ("stem",)),
    ],
    ids=["head alone", "two blocks", "a gap", "resnet18", "in place"],
)
def test_features_give_what_the_whole_network_gives(spec, freeze):
    fed = images(spec)
    features = feed(fed, spec, freeze)
    assert isinstance(features, Features)
    features.prepare(nothing)
    for _ in range(2):  # the first time must leave what is kept as it was
        assert np.array_equal(features.val_logits(), fed.val_logits())
        found, expected = (_trained(one, spec, freeze) for one in (features, fed))
        assert len(found) == len(expected) > 2
        for one, other in zip(found, expected, strict=True):
            # To float32's rounding: sums over a block of 64 may be taken in another order.
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_frozen_stages_do_not_run_any_more():
    fed = images()
    features = feed(fed, CNN, BODY[:2])
    features.prepare(nothing)
    before = features.val_logits()
    for stage in BODY[:2]:
        for parameter in stage_module(fed.model, CNN, stage).parameters():
            parameter.data.fill_(torch.nan)
    assert np.isnan(fed.val_logits()).all()
    assert np.array_equal(features.val_logits(), before)
    assert torch.isfinite(features.train_outputs(torch.tensor([1, 2]), Generator())).all()


def test_what_is_trained_later_is_in_the_upper_part():
    fed = images()
    features = feed(fed, CNN, BODY[:3])
    features.prepare(nothing)
    before = fed.val_logits()
    averaged = {name: value.clone() for name, value in fed.model.state_dict().items()}
    for name in averaged:
        if name.startswith(("features.3.", "classifier.")):
            averaged[name] = averaged[name] + 1
    fed.model.load_state_dict(averaged)
    assert np.array_equal(features.val_logits(), fed.val_logits())
    assert not np.allclose(features.val_logits(), before)


def test_computing_features_leaves_batch_statistics_alone():
    fed = images()
    fed.model.train()
    before = {name: value.clone() for name, value in fed.model.state_dict().items()}
    features = feed(fed, CNN, BODY[:2])
    fed.model.train()
    features.prepare(nothing)
    for name, value in fed.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_features_are_computed_once_and_save_the_time_that_took(monkeypatch):
    reports: list[int] = []
    report: Callable[[], None] = lambda: reports.append(1)  # noqa: E731
    clock = iter([100.0, 107.5])
    monkeypatch.setattr(frozen.time, "monotonic", lambda: next(clock))
    features = feed(images(), CNN, BODY)
    assert features.prepare(report) == 0
    assert len(reports) == 6  # two blocks each of training, validation and its mirror images
    assert [features.prepare(report) for _ in range(2)] == [7.5, 7.5]
    assert len(reports) == 6
    assert images().prepare(report) == 0
