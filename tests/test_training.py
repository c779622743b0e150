"""The training loop: what it learns, keeps, leaves alone, and how it goes on after a stop."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pneumo_core import evaluation, frozen
from pneumo_core.architectures import create_model
from pneumo_core.augment import Augmentation
from pneumo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pneumo_core.datasets import Dataset
from pneumo_core.devices import Autocast
from pneumo_core.errors import TrainingError
from pneumo_core.losses import Loss
from pneumo_core.preprocess import Preprocess
from pneumo_core.recipe import Recipe
from pneumo_core.schedule import EpochRecord
from pneumo_core.training import Progress, Trained, _Trainer, train

Change = dict[str, Any]


class Stopped(Exception):  # noqa: N818
    """Stands for a signal in the middle of an epoch."""


def recipe(*phases: Change, **changes: Any) -> Recipe:
    content = {
        "name": "tiny",
        "title": "Tiny",
        "data": "chest_xray",
        "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
        "preprocess": {"input_size": 16, "mean": [0.38], "std": [0.12]},
        "batch_size": 16,
        "phases": list(phases) or [{"epochs": 2, "lr": 0.003}],
    }
    return Recipe.from_json(content | changes)


def one_step(**changes: Any) -> Recipe:
    """One batch an epoch holds every training image, at a constant rate."""
    epochs, lr = changes.pop("epochs", 1), changes.pop("lr", 1.0)
    phase = {"epochs": epochs, "lr": lr, "schedule": "constant"}
    return recipe(phase, batch_size=100, optimiser="sgd", **changes)


FULL = recipe(
    {
        "epochs": 2,
        "lr": 0.01,
        "freeze": ["block1", "block2"],
        "sampler": "balanced",
        "augmentation": {"invert": 0.5, "mixup": 1.0},
        "loss": {"name": "focal", "balanced": True},
    },
    {"epochs": 3, "lr": 0.02, "schedule": "plateau", "plateau": 0, "warmup": 0.5, "patience": 3},
    model={"architecture": "cnn", "channels": 1, "stem": "small", "dropout": 0.3, "hidden": 8},
    augmentation={
        "rotate": 10,
        "shift": 0.1,
        "flip": 0.5,
        "noise": 0.02,
        "erase": 0.3,
        "mixup": 0.4,
    },
    loss={"label_smoothing": 0.05},
    ema=0.9,
    clip=0.5,
    weight_decay=0.05,
    flip_average=True,
    select="val_loss",
)
KEPT = recipe(
    {"epochs": 2, "lr": 0.01, "freeze": ["block1", "block2"], "input_size": 12},
    {"epochs": 2, "lr": 0.01, "freeze": ["block1"], "sampler": "balanced"},
    model={"architecture": "cnn", "channels": 1, "stem": "small", "dropout": 0.3},
    ema=0.9,
    flip_average=True,
)
PLAIN = recipe({"epochs": 3, "lr": 0.003, "warmup": 1}, optimiser="adam", batch_size=11)
BLENDED = recipe(
    {"epochs": 1, "lr": 0.01},
    {"epochs": 2, "lr": 0.01, "keep_last": True, "blend": 0.6, "augmentation": {"invert": 0.5}},
    ema=0.9,
)
MOMENTUM = recipe({"epochs": 3, "lr": 0.01}, optimiser="sgd", select="val_accuracy")


def _untimed(record: EpochRecord) -> EpochRecord:
    return replace(record, seconds=0, saved_seconds=0)


def assert_same(found: Trained, expected: Trained) -> None:
    assert found.weights.keys() == expected.weights.keys()
    for name, value in expected.weights.items():
        assert torch.equal(found.weights[name], value), name
    assert [_untimed(record) for record in found.history] == [
        _untimed(record) for record in expected.history
    ]
    assert found.best_epoch == expected.best_epoch


def stop_at(epoch: int, batch: int = 2) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.record is None and (progress.epoch, progress.batch) == (epoch, batch):
            raise Stopped

    return report


def checkpoints(
    recipe: Recipe, dataset: Dataset, path: Path, **options: Any
) -> tuple[list[Checkpoint], Trained]:
    """The state after each epoch, and what is left at the end."""
    states = []

    def report(progress: Progress) -> None:
        if progress.record is None and progress.batch == 1 and progress.epoch > 1:
            states.append(load_checkpoint(path))

    trained = train(recipe, dataset, seed=1, checkpoint=path, report=report, **options)
    return [*states, load_checkpoint(path)], trained


def initial_state(recipe: Recipe, seed: int = 1) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return create_model(recipe.model).state_dict()


@pytest.mark.parametrize(
    "chosen",
    [FULL, KEPT, PLAIN, BLENDED, MOMENTUM],
    ids=["full", "kept", "plain", "blended", "momentum"],
)
def test_a_run_stopped_in_any_epoch_and_resumed_is_bit_equal(chosen, tiny_dataset, tmp_path):
    unbroken = train(chosen, tiny_dataset, seed=5, checkpoint=tmp_path / "whole.pt")
    assert len(unbroken.history) > chosen.phases[0].epochs or len(chosen.phases) == 1
    for epoch in range(2, len(unbroken.history) + 1):
        path = tmp_path / f"{epoch}.pt"
        with pytest.raises(Stopped):
            train(chosen, tiny_dataset, seed=5, checkpoint=path, report=stop_at(epoch))
        torch.manual_seed(epoch)  # what else goes on in the process must not matter
        resumed = train(chosen, tiny_dataset, seed=5, checkpoint=path, resume=True)
        assert_same(resumed, unbroken)


def test_stopped_time_and_again(tiny_dataset, tmp_path):
    unbroken = train(PLAIN, tiny_dataset, seed=2, checkpoint=tmp_path / "whole.pt")
    path = tmp_path / "broken.pt"
    for epoch, resume in ((2, False), (2, True), (3, True), (3, True)):
        with pytest.raises(Stopped):
            train(
                PLAIN,
                tiny_dataset,
                seed=2,
                checkpoint=path,
                resume=resume,
                report=stop_at(epoch, batch=1),
            )
    assert_same(train(PLAIN, tiny_dataset, seed=2, checkpoint=path, resume=True), unbroken)
    # Nothing is left to do; the result is still there.
    assert_same(train(PLAIN, tiny_dataset, seed=2, checkpoint=path, resume=True), unbroken)


def test_a_checkpoint_from_before_a_field_was_there_is_gone_on_with(tiny_dataset, tmp_path):
    unbroken = train(PLAIN, tiny_dataset, seed=2, checkpoint=tmp_path / "whole.pt")
    path = tmp_path / "old.pt"
    with pytest.raises(Stopped):
        train(PLAIN, tiny_dataset, seed=2, checkpoint=path, report=stop_at(3))
    content = torch.load(path, weights_only=True)
    identity, history = json.loads(content["identity"]), json.loads(content["history"])
    del identity["validation"]
    for phase in identity["recipe"]["phases"]:
        del phase["input_size"]
    for row in history:
        del row["cached_stages"], row["saved_seconds"]
    content |= {"identity": json.dumps(identity), "history": json.dumps(history)}
    torch.save(content, path)
    assert_same(train(PLAIN, tiny_dataset, seed=2, checkpoint=path, resume=True), unbroken)


def test_a_checkpoint_with_a_field_that_is_not_known_is_refused(tiny_dataset, tmp_path):
    path = tmp_path / "new.pt"
    with pytest.raises(Stopped):
        train(PLAIN, tiny_dataset, seed=2, checkpoint=path, report=stop_at(3))
    checkpoint = load_checkpoint(path)
    checkpoint.identity["recipe"]["phases"][0]["mood"] = 1
    save_checkpoint(path, checkpoint)
    with pytest.raises(TrainingError, match="another recipe, seed or data set: start anew"):
        train(PLAIN, tiny_dataset, seed=2, checkpoint=path, resume=True)


def test_the_same_data_split_otherwise_is_not_gone_on_with(tiny_dataset, tmp_path):
    path = tmp_path / "split.pt"
    with pytest.raises(Stopped):
        train(PLAIN, tiny_dataset, seed=2, checkpoint=path, report=stop_at(3))
    train_split, val = tiny_dataset.splits["train"], tiny_dataset.splits["val"]
    # One film changes places with another: as many, and the same fingerprint.
    swapped = {
        "train": replace(train_split, ids=(val.ids[0], *train_split.ids[1:])),
        "val": replace(val, ids=(train_split.ids[0], *val.ids[1:])),
    }
    other = replace(tiny_dataset, splits={**tiny_dataset.splits, **swapped})
    assert other.fingerprint == tiny_dataset.fingerprint
    with pytest.raises(TrainingError, match="another recipe, seed or data set: start anew"):
        train(PLAIN, other, seed=2, checkpoint=path, resume=True)


def test_the_seed_decides_everything_random(tiny_dataset, tmp_path):
    first, again, other = (
        train(FULL, tiny_dataset, seed=seed, checkpoint=tmp_path / "x.pt") for seed in (1, 1, 2)
    )
    assert_same(again, first)
    assert any(not torch.equal(other.weights[name], value) for name, value in first.weights.items())


def test_the_sign_is_learnt(tiny_run):
    assert tiny_run.metrics["test"]["auc"][0] > 0.8


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"recipe": replace(PLAIN, clip=1.0)},
        {"origin": "elsewhere"},
        {"dataset": {"fingerprint": "files:other"}},
    ],
    ids=["seed", "recipe", "origin", "data"],
)
def test_a_checkpoint_of_something_else_is_refused(change, tiny_dataset, tmp_path):
    path = tmp_path / "x.pt"
    with pytest.raises(Stopped):
        train(PLAIN, tiny_dataset, seed=1, checkpoint=path, report=stop_at(2))
    before = path.read_bytes()
    options = {"recipe": PLAIN, "dataset": {}, "seed": 1} | change
    options["dataset"] = replace(tiny_dataset, **options["dataset"])
    with pytest.raises(TrainingError, match=r"another recipe, seed or data set: start anew"):
        train(**options, checkpoint=path, resume=True)
    assert path.read_bytes() == before


def test_a_resumed_run_uses_the_threads_it_began_with(tiny_dataset, tmp_path):
    path, before, short = tmp_path / "x.pt", torch.get_num_threads(), one_step(epochs=2, lr=0.01)
    try:
        torch.set_num_threads(1)
        with pytest.raises(Stopped):
            train(short, tiny_dataset, seed=1, checkpoint=path, report=stop_at(2, batch=1))
        torch.set_num_threads(2)
        seen = []
        resumed = train(
            short,
            tiny_dataset,
            seed=1,
            checkpoint=path,
            resume=True,
            report=lambda _: seen.append(torch.get_num_threads()),
        )
        assert (resumed.threads, set(seen), torch.get_num_threads()) == (1, {1}, 2)
        assert train(short, tiny_dataset, seed=1, checkpoint=path).threads == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("before", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("fails", [False, True])
def test_determinism_is_on_while_it_trains_and_as_before_afterwards(
    before, fails, tiny_dataset, tmp_path
):
    def flags() -> tuple[bool, bool]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )

    seen = set()

    def report(_: Progress) -> None:
        seen.add(flags())
        if fails:
            raise Stopped

    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    try:
        path = tmp_path / "x.pt"
        if fails:
            with pytest.raises(Stopped):
                train(one_step(), tiny_dataset, seed=1, checkpoint=path, report=report)
        else:
            train(one_step(lr=0.01), tiny_dataset, seed=1, checkpoint=path, report=report)
        assert (seen, flags()) == ({(True, False)}, before)
    finally:
        torch.use_deterministic_algorithms(False)


def test_frozen_stages_keep_weights_and_statistics(tiny_dataset, tmp_path):
    frozen = recipe(
        {"epochs": 2, "lr": 0.01, "freeze": ["block1", "block3"]},
        {"epochs": 1, "lr": 0.01},
        ema=0.5,
        weight_decay=0.1,
    )
    states, _ = checkpoints(frozen, tiny_dataset, tmp_path / "x.pt")
    start = initial_state(frozen)
    assert any("running_mean" in name for name in start)
    for name, value in start.items():
        still = name.startswith(("features.0.", "features.2."))
        for kind in ("model", "average", "best"):
            assert torch.equal(getattr(states[1], kind)[name], value) == still, (kind, name)
        # The second phase thaws them.
        assert not torch.equal(states[2].model[name], value), name


def test_kept_features_give_what_the_whole_network_gives(tiny_dataset, tmp_path, monkeypatch):
    for module in (frozen, evaluation):
        monkeypatch.setattr(module, "autocast", lambda device: Autocast(device, None))
    path = tmp_path / "x.pt"
    kept = train(KEPT, tiny_dataset, seed=3, checkpoint=path)
    monkeypatch.setattr(frozen, "LIMIT", 0)
    whole = train(KEPT, tiny_dataset, seed=3, checkpoint=path)
    assert [record.cached_stages for record in kept.history] == [2, 2, 1, 1]
    assert [record.cached_stages for record in whole.history] == [0] * 4
    assert kept.best_epoch == whole.best_epoch
    for name, value in whole.weights.items():
        # Bit-equal on the CPUs tried. Others may sum a block of 64 in another order than a batch
        # of 16; four epochs carry that rounding of float32 on.
        assert torch.allclose(kept.weights[name], value, rtol=1e-3, atol=1e-4), name
    for one, other in zip(kept.history, whole.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-3)


def test_what_kept_features_save_is_on_record(tiny_dataset, tmp_path):
    chosen = recipe(
        {"epochs": 3, "lr": 0.01, "freeze": ["block1", "block2"]},
        {"epochs": 2, "lr": 0.01, "freeze": ["block1"], "augmentation": {"flip": 0.5}},
        {"epochs": 2, "lr": 0.01},
    )
    seen: list[Progress] = []
    trained = train(chosen, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt", report=seen.append)
    assert [record.cached_stages for record in trained.history] == [2, 2, 2, 0, 0, 0, 0]
    first, *later = [record.saved_seconds for record in trained.history[:3]]
    assert first == 0 < later[0] == later[1] < trained.history[0].seconds
    assert {record.saved_seconds for record in trained.history[3:]} == {0}
    # 64 at a time of the training and of the validation images.
    blocks = sum(-(-len(tiny_dataset.splits[name]) // 64) for name in ("train", "val"))
    preparing = [one for one in seen if one.batch == 0]
    assert seen[: len(preparing)] == preparing
    assert [(one.epoch, np.isnan(one.loss)) for one in preparing] == [(1, True)] * blocks


def test_a_phase_may_train_on_smaller_inputs(tiny_dataset, tmp_path, monkeypatch):
    sizes: list[int] = []
    normalise = Preprocess.normalised

    def spy(self: Preprocess, grey: torch.Tensor) -> torch.Tensor:
        sizes.append(grey.shape[-1])
        return normalise(self, grey)

    monkeypatch.setattr(Preprocess, "normalised", spy)
    phases = [{"epochs": 1, "lr": 0.01} | size for size in ({"input_size": 8}, {})]
    chosen = recipe(*phases, batch_size=100, augmentation={"flip": 0.5})
    states, trained = checkpoints(chosen, tiny_dataset, tmp_path / "x.pt")
    assert sizes == [8, 8, 16, 16]  # training, validation

    model, val = create_model(chosen.model), tiny_dataset.splits["val"]
    for number, state in enumerate(states):
        model.load_state_dict(state.average)
        logits = evaluation.predict_logits(
            model, chosen.preprocess_in(number), val.squares(chosen.preprocess), fast=True
        )
        losses = np.logaddexp(0, np.where(val.labels == 1, -logits, logits))
        assert trained.history[number].val_loss == pytest.approx(losses.mean(), rel=1e-6)


def test_the_kept_epoch_is_of_the_full_input_size(tiny_dataset, tmp_path):
    # With one class on validation every epoch is as good as the first.
    val = tiny_dataset.splits["val"]
    same = val.subset(np.flatnonzero(val.labels == 1))
    dataset = replace(tiny_dataset, splits={**tiny_dataset.splits, "val": same})
    phases = {"epochs": 2, "lr": 0.01, "input_size": 8}, {"epochs": 2, "lr": 0.01}
    states, trained = checkpoints(recipe(*phases), dataset, tmp_path / "x.pt")
    assert trained.best_epoch == 3
    for name, value in states[2].average.items():
        assert torch.equal(trained.weights[name], value), name
        # Until then the first epoch's were the best, and the second phase started from them.
        assert torch.equal(states[1].best[name], states[0].average[name]), name


def test_a_phase_starts_from_the_best_weights_of_the_one_before(tiny_dataset, tmp_path):
    # With one class on validation every epoch is as good as the first.
    val = tiny_dataset.splits["val"]
    same = val.subset(np.flatnonzero(val.labels == 1))
    dataset = replace(tiny_dataset, splits={**tiny_dataset.splits, "val": same})
    body = ["block1", "block2", "block3", "block4"]
    phases = {"epochs": 3, "lr": 0.01}, {"epochs": 1, "lr": 1e-9, "freeze": body}
    states, trained = checkpoints(recipe(*phases, ema=0.9), dataset, tmp_path / "x.pt")
    best, last, after = states[0].average, states[2], states[3]
    assert trained.best_epoch == 1
    for name in best:
        if name.startswith("features."):
            assert torch.equal(after.model[name], best[name]), name
            assert torch.equal(after.average[name], best[name]), name
    name = "features.0.1.weight"
    assert not torch.equal(best[name], last.model[name])
    assert not torch.equal(best[name], last.average[name])
    assert torch.allclose(
        after.model["classifier.0.weight"], best["classifier.0.weight"], atol=1e-6
    )
    assert [record.phase for record in after.history] == [0, 0, 0, 1]


def test_a_phase_may_keep_weights_on_the_way_from_its_start(tiny_dataset, tmp_path):
    first, second = BLENDED.phases
    whole = replace(BLENDED, phases=(first, replace(second, blend=1.0)))
    start = train(
        replace(BLENDED, phases=(first,)), tiny_dataset, seed=1, checkpoint=tmp_path / "a.pt"
    ).weights
    _, ended = checkpoints(whole, tiny_dataset, tmp_path / "b.pt")
    part = train(BLENDED, tiny_dataset, seed=1, checkpoint=tmp_path / "c.pt")
    assert part.best_epoch == ended.best_epoch == 3
    for name, end in ended.weights.items():
        expected = 0.4 * start[name] + 0.6 * end if end.is_floating_point() else end
        assert torch.allclose(part.weights[name], expected, atol=1e-6), name
    # It trains on from where it is, not from what is kept, and what is kept is validated.
    train_losses = [
        (a.train_loss, b.train_loss) for a, b in zip(part.history, ended.history, strict=True)
    ]
    assert all(a == b for a, b in train_losses)
    assert part.history[0].val_loss == ended.history[0].val_loss
    assert part.history[2].val_loss != ended.history[2].val_loss


def test_the_average_by_hand(tiny_dataset, tmp_path):
    chosen = one_step(epochs=4, lr=0.05, ema=0.3)
    states, trained = checkpoints(chosen, tiny_dataset, tmp_path / "x.pt")
    average = initial_state(chosen)
    # The decay warms up: 2/11, 3/12, 4/13 = 0.308 are (1 + n) / (10 + n), 0.3 is the recipe's.
    for state, decay in zip(states, (2 / 11, 3 / 12, 0.3, 0.3), strict=True):
        for name, value in state.model.items():
            if value.is_floating_point():
                average[name] = decay * average[name] + (1 - decay) * value
                assert torch.allclose(state.average[name], average[name], atol=1e-6), name
            else:
                assert torch.equal(state.average[name], value), name
    for name, value in states[trained.best_epoch - 1].average.items():
        assert torch.equal(trained.weights[name], value), name


def test_without_an_average_the_trained_weights_are_kept(tiny_dataset, tmp_path):
    states, trained = checkpoints(one_step(epochs=3, lr=0.05), tiny_dataset, tmp_path / "x.pt")
    for state in states:
        for name, value in state.model.items():
            assert torch.equal(state.average[name], value), name
    for name, value in states[trained.best_epoch - 1].model.items():
        assert torch.equal(trained.weights[name], value), name


def _moved(chosen: Recipe, dataset: Dataset, path: Path) -> dict[str, torch.Tensor]:
    """How far one step moves each parameter."""
    (state,), _ = checkpoints(chosen, dataset, path)
    start = initial_state(chosen)
    names = dict(create_model(chosen.model).named_parameters())
    return {name: state.model[name] - start[name] for name in names}


def test_a_step_is_no_longer_than_the_clip_allows(tiny_dataset, tmp_path):
    lengths = []
    for clip in (0.0, 0.02, 100.0):
        steps = _moved(one_step(clip=clip), tiny_dataset, tmp_path / "x.pt").values()
        lengths.append(float(torch.cat([step.flatten() for step in steps]).double().norm()))
    assert lengths[0] > 0.05
    # At rate 1 the first step of gradient descent is the gradient.
    assert lengths == pytest.approx([lengths[0], 0.02, lengths[0]], rel=1e-3)


def test_only_matrices_and_filters_decay(tiny_dataset, tmp_path):
    chosen = one_step(lr=0.1, clip=1e-12, weight_decay=0.2)
    steps, start = _moved(chosen, tiny_dataset, tmp_path / "x.pt"), initial_state(chosen)
    for name, step in steps.items():
        expected = -0.02 * start[name] if step.ndim > 1 else torch.zeros_like(step)
        assert torch.allclose(step, expected, atol=1e-7), name


def test_training_starts_from_the_weights_it_is_given(tiny_dataset, tmp_path):
    chosen = one_step(lr=1e-9)
    given = initial_state(chosen, seed=77)
    (state,), _ = checkpoints(
        chosen, tiny_dataset, tmp_path / "x.pt", initial_weights=given, origin="a file"
    )
    assert torch.allclose(state.model["classifier.0.weight"], given["classifier.0.weight"])
    assert state.identity["origin"] == "a file"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Targets that the loss was asked about, in order."""
    targets: list[int] = []
    compute = Loss.__call__

    def spy(self: Loss, outputs: Any, labels: Any, weights: Any) -> Any:
        targets.extend(labels.tolist())
        return compute(self, outputs, labels, weights)

    monkeypatch.setattr(Loss, "__call__", spy)
    return targets


def test_a_phase_may_have_its_own_loss_and_augmentation(tiny_dataset, tmp_path, monkeypatch):
    used = []
    for kind in (Loss, Augmentation):

        def spy(self: Any, *arguments: Any, compute: Any = kind.__call__) -> Any:
            used.append(self)
            return compute(self, *arguments)

        monkeypatch.setattr(kind, "__call__", spy)
    phases = (
        {"epochs": 1, "lr": 1e-3, "loss": {"name": "focal"}},
        {"epochs": 1, "lr": 1e-3, "augmentation": {"flip": 0.5}},
    )
    chosen = recipe(*phases, batch_size=100, loss={"balanced": True}, augmentation={"noise": 0.01})
    train(chosen, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt")
    assert used == [
        Augmentation(noise=0.01),
        Loss("focal"),
        Augmentation(flip=0.5),
        Loss(balanced=True),
    ]


def _lopsided(dataset: Dataset) -> Dataset:
    """Four normal training images, and all with pneumonia."""
    train_split = dataset.splits["train"]
    positive = np.flatnonzero(train_split.labels == 1)
    kept = np.r_[np.flatnonzero(train_split.labels == 0)[:4], positive]
    return replace(dataset, splits={**dataset.splits, "train": train_split.subset(kept)})


def test_shuffled_takes_each_image_once_an_epoch(tiny_dataset, tmp_path, drawn):
    dataset = _lopsided(tiny_dataset)
    count = len(dataset.splits["train"])
    train(recipe({"epochs": 3, "lr": 1e-4}), dataset, seed=1, checkpoint=tmp_path / "x.pt")
    epochs = [drawn[start : start + count] for start in range(0, 3 * count, count)]
    assert [epoch.count(0) for epoch in epochs] == [4, 4, 4]
    assert len(drawn) == 3 * count
    assert epochs[0] != epochs[1] != epochs[2]


def test_balanced_draws_both_classes_equally_often(tiny_dataset, tmp_path, drawn):
    chosen = recipe({"epochs": 12, "lr": 1e-4, "sampler": "balanced"})
    dataset = _lopsided(tiny_dataset)
    train(chosen, dataset, seed=1, checkpoint=tmp_path / "x.pt")
    assert len(drawn) == 12 * len(dataset.splits["train"])
    # Four standard deviations of 500 fair draws.
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.09)


def test_a_batch_of_one_is_left_out(tiny_dataset, tmp_path, drawn):
    count = len(tiny_dataset.splits["train"])
    odd = recipe({"epochs": 1, "lr": 1e-4}, batch_size=(count - 1) // 7)
    assert count % odd.batch_size == 1
    train(odd, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt")
    assert len(drawn) == count - 1


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_three_outputs_learn_the_kind_of_film(outputs, tiny_dataset, tmp_path, drawn):
    model = {"architecture": "cnn", "channels": 1, "stem": "small", "outputs": outputs}
    chosen = recipe({"epochs": 1, "lr": 1e-3}, model=model)
    trained = train(chosen, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt")
    split = tiny_dataset.splits["train"]
    by_label = [int((split.labels == label).sum()) for label in (0, 1)]
    by_group = [split.groups.count(group) for group in ("normal", "bacteria", "virus")]
    assert np.bincount(drawn).tolist() == (by_group if outputs == 3 else by_label)
    assert trained.weights["classifier.0.weight"].shape[0] == outputs
    assert 0 <= trained.history[0].val_auc <= 1


def test_three_outputs_need_the_kind_of_film(tiny_dataset, tmp_path):
    split = tiny_dataset.splits["train"]
    unknown = replace(split, groups=("",) * len(split))
    dataset = replace(tiny_dataset, splits={**tiny_dataset.splits, "train": unknown})
    model = {"architecture": "cnn", "channels": 1, "stem": "small", "outputs": 3}
    with pytest.raises(TrainingError, match="know bacteria from virus"):
        train(recipe(model=model), dataset, seed=1, checkpoint=tmp_path / "x.pt")


@pytest.mark.parametrize("batch_size", [16, 100], ids=["in an epoch", "in an epoch's last step"])
def test_a_loss_that_is_not_finite_ends_the_run(batch_size, tiny_dataset, tmp_path):
    path = tmp_path / "x.pt"
    phases = (
        {"epochs": 1, "lr": 0.001, "schedule": "constant"},
        {"epochs": 1, "lr": 1e30, "schedule": "constant"},
    )
    wild = recipe(*phases, optimiser="sgd", batch_size=batch_size)
    with pytest.raises(TrainingError) as caught:
        train(wild, tiny_dataset, seed=1, checkpoint=path)
    assert str(caught.value) == (
        "The loss is no longer finite in epoch 2: lower the learning rate, "
        "e.g. --set phases.1.lr=1e+29."
    )
    assert len(load_checkpoint(path).history) == 1


def test_infinite_inputs_end_the_run_before_anything_is_kept(tiny_dataset, tmp_path):
    path = tmp_path / "x.pt"
    chosen = recipe(preprocess={"input_size": 32, "mean": [0.0], "std": [1e-45]})
    with pytest.raises(TrainingError, match="no longer finite in epoch 1"):
        train(chosen, tiny_dataset, seed=1, checkpoint=path)
    assert not path.exists()


def test_too_little_memory_is_a_sentence(tiny_dataset, tmp_path, monkeypatch):
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(_Trainer, "run_epoch", exhausted)
    with pytest.raises(TrainingError, match=r"too little memory: try --set batch_size=8\.$"):
        train(recipe(), tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt")


def test_progress_tells_each_batch_and_each_epoch(tiny_dataset, tmp_path):
    seen: list[Progress] = []
    path = tmp_path / "deep" / "x.pt"

    def report(progress: Progress) -> None:
        seen.append(progress)
        if progress.record:  # an epoch is told of when nothing can lose it any more
            assert len(load_checkpoint(path).history) == progress.epoch

    trained = train(recipe(), tiny_dataset, seed=1, checkpoint=path, report=report)
    batches = -(-len(tiny_dataset.splits["train"]) // 16)
    expected = [(epoch, batch) for epoch in (1, 2) for batch in (*range(1, batches + 1), batches)]
    assert [(one.epoch, one.batch) for one in seen] == expected
    assert {(one.epochs, one.batches) for one in seen} == {(2, batches)}
    assert [one.record for one in seen if one.record] == list(trained.history)


def test_the_history_is_of_the_averaged_weights_on_validation(tiny_dataset, tmp_path):
    from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

    from pneumo_core.evaluation import predict_logits

    chosen = recipe({"epochs": 2, "lr": 0.01}, ema=0.8, flip_average=True)
    states, trained = checkpoints(chosen, tiny_dataset, tmp_path / "x.pt")
    model, val = create_model(chosen.model), tiny_dataset.splits["val"]
    for state, record in zip(states, trained.history, strict=True):
        model.load_state_dict(state.average)
        logits = predict_logits(
            model, chosen.preprocess, val.squares(chosen.preprocess), flip_average=True
        )
        # Watched in the cheap precision, which some CPUs have: bfloat16 keeps three digits.
        chances = 1 / (1 + np.exp(-logits))
        assert record.val_loss == pytest.approx(log_loss(val.labels, chances), abs=0.02)
        assert record.val_auc == pytest.approx(roc_auc_score(val.labels, logits), abs=0.05)
        positive = logits >= 0
        if np.abs(logits).min() > 0.05:
            assert record.val_accuracy == accuracy_score(val.labels, positive)
            assert record.val_f1 == f1_score(val.labels, positive)


def test_a_full_disk_leaves_the_last_checkpoint(tiny_dataset, tmp_path, monkeypatch):
    unbroken = train(PLAIN, tiny_dataset, seed=1, checkpoint=tmp_path / "whole.pt")
    path, save = tmp_path / "x.pt", torch.save

    def full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file")

    def report(progress: Progress) -> None:
        if progress.epoch == 2:
            monkeypatch.setattr(torch, "save", full)

    with pytest.raises(OSError, match="disk is full"):
        train(PLAIN, tiny_dataset, seed=1, checkpoint=path, report=report)
    monkeypatch.setattr(torch, "save", save)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["whole.pt", "x.pt"]
    shutil.copy(path, tmp_path / "y.pt")
    assert_same(
        train(PLAIN, tiny_dataset, seed=1, checkpoint=tmp_path / "y.pt", resume=True), unbroken
    )
