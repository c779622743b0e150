"""Several processes train what one would: to the same weights, from torchrun to the last signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import functional_call

from pneumo_core.architectures import create_model
from pneumo_core.checkpoint import load_checkpoint
from pneumo_core.distributed import ALONE, Share, Team, joined
from pneumo_core.errors import LostProcessError, TrainingError
from pneumo_core.evaluation import predict_logits
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.recipe import Recipe
from pneumo_core.runs import read_run
from pneumo_core.training import train
from tests.team_member import CASES, tiny_dataset
from train_cli import main

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
RECIPE = """\
title: Tiny CNN
data: chest_xray
model: {architecture: cnn, channels: 1, stem: small, dropout: 0.1}
preprocess: {input_size: 16, mean: [0.38], std: [0.12]}
batch_size: 16
phases:
  - {epochs: 400, lr: 0.003}
"""

# What a team does alone and who has which share


def _teams(size: int) -> list[Team]:
    return [Team(rank, size, rank, size) for rank in range(size)]


@pytest.mark.parametrize(("count", "size"), [(64, 2), (25, 2), (7, 3), (4, 2), (9, 4)])
def test_shares_are_all_in_order_and_as_even_as_can_be(count, size):
    shares = [team.share(count, 2) for team in _teams(size)]
    assert all(share.counts for share in shares)
    places = [place for share in shares for place in range(count)[share.part]]
    assert places == list(range(count))
    lengths = [share.stop - share.start for share in shares]
    assert min(lengths) >= 2
    assert max(lengths) - min(lengths) <= 1


def test_too_few_for_all_are_shared_by_the_first():
    assert [team.share(5, 2) for team in _teams(3)] == [
        Share(0, 2),
        Share(2, 5),
        Share(0, 2, counts=False),
    ]
    assert [team.share(1, 2) for team in _teams(2)] == [Share(0, 1), Share(0, 1, counts=False)]


def test_blocks_stay_whole():
    # 524 images are 8 blocks of 64 and one of 12.
    assert [team.blocks(524, 64) for team in _teams(2)] == [Share(0, 256), Share(256, 524)]
    assert [team.blocks(70, 64) for team in _teams(3)] == [
        Share(0, 64),
        Share(64, 70),
        Share(0, 64, counts=False),
    ]
    assert ALONE.blocks(70, 64) == Share(0, 70)


def test_a_lone_process_gets_what_it_gave():
    values, module = torch.ones(3), torch.nn.Linear(2, 2)
    assert ALONE.total(values) is values
    assert ALONE.told(module) is ALONE.sharing(module) is module
    assert ALONE.normed(module, torch.device("cuda")) is module
    assert ALONE.agreed(object())
    assert ALONE.seed(12345) == 12345
    with joined(ALONE, torch.device("cpu")):
        assert not torch.distributed.is_initialized()


def test_each_process_drops_out_otherwise_in_every_epoch():
    seeds = {team.seed(run * 100_003 + epoch) for team in _teams(4) for run, epoch in SEEDED}
    assert len(seeds) == 4 * len(SEEDED)
    assert all(0 <= seed < 2**63 for seed in seeds)


SEEDED = [(run, epoch) for run in (0, 1, 2, 2**32 - 1) for epoch in (1, 2, 3)]


def test_torchruns_surroundings_are_understood():
    called = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert Team.called(called | {"TORCHELASTIC_RUN_ID": "x"}) == Team(5, 8, 1, 4)
    # Other launchers set such variables, too, and mean other things by them.
    assert Team.called(called) == ALONE == Team.called({})


def test_each_process_has_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    first, second, third = (Team(rank, 3, rank, 3) for rank in range(3))
    assert (first.device("auto"), second.device("cuda")) == (
        torch.device("cuda:0"),
        torch.device("cuda:1"),
    )
    assert second.device("cpu") == torch.device("cpu")
    with pytest.raises(TrainingError, match=r"The device 'cuda:2' is not there"):
        third.device("auto")


def test_what_processes_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    team = Team(0, 2, 0, 2)
    assert team.device("auto") == torch.device("cpu")
    with pytest.raises(TrainingError, match=r"not on mps: add --device cpu\.$"):
        team.device("mps")
    assert ALONE.device("auto") == torch.device("mps")


def test_a_batch_must_do_for_all(tiny_dataset, tmp_path):
    recipe = Recipe.from_json(CASES["normed"] | {"batch_size": 5})
    with pytest.raises(TrainingError, match=r"start fewer, or --set batch_size=6\.$"):
        train(recipe, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt", team=Team(0, 3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("[/gloo/transport/tcp/pair.cc:537] reset by peer"), LostProcessError),
        (torch.distributed.DistNetworkError("timed out"), LostProcessError),
        (RuntimeError("shapes differ"), RuntimeError),
    ],
)
def test_only_a_broken_connection_is_called_one(error, kind, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    monkeypatch.setattr(torch.distributed, "init_process_group", fail)
    with pytest.raises(kind) as caught, joined(Team(0, 2), torch.device("cpu")):
        pass
    assert type(caught.value) is kind


def test_on_cuda_batch_norm_is_common_and_keeps_its_names():
    recipe = Recipe.from_json(CASES["normed"])
    model = create_model(recipe.model)
    names = list(model.state_dict())
    before = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert Team(0, 2).normed(model, torch.device("cpu")) is model
    normed = Team(0, 2).normed(model, torch.device("cuda"))
    kinds = [type(module) for module in normed.modules()]
    assert kinds.count(torch.nn.SyncBatchNorm) == before > 0
    assert torch.nn.BatchNorm2d not in kinds
    assert list(normed.state_dict()) == names


# Two processes against one


def _surroundings(data: Path) -> dict[str, str]:
    changes = {"PYTHONPATH": str(PROJECT_FOLDER), "PNEUMO_DATA": str(data), "PYTHONUNBUFFERED": ""}
    return {**os.environ, **changes, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def by_two(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, trained by two processes."""
    folder = tmp_path_factory.mktemp("two")
    member = PROJECT_FOLDER / "tests" / "team_member.py"
    command = [*TORCHRUN, "--nproc-per-node", "2", member, ",".join(CASES), tiny_data, folder]
    subprocess.run(command, check=True, timeout=200, env=_surroundings(tiny_data))
    return folder


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32, as in `team_member`."""
    for has in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, has, lambda: False)


def _found(folder: Path, case: str, rank: int = 0) -> dict[str, Any]:
    return torch.load(folder / f"{case}-{rank}.pt", weights_only=False)


def _furthest(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    assert found.keys() == expected.keys()
    return max(float((found[name] - value).abs().max()) for name, value in expected.items())


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("case", "tolerance"), [("frozen", 1e-6), ("kept", 1e-6), ("normless", 1e-5)]
)
def test_where_batch_norm_stands_still_two_do_what_one_does(
    case, tolerance, by_two, tiny_data, tmp_path
):
    found = _found(by_two, case)
    recipe, dataset = Recipe.from_json(CASES[case]), tiny_dataset(tiny_data)
    alone = train(recipe, dataset, seed=1, checkpoint=tmp_path / "x.pt")
    assert (found["processes"], alone.processes) == (2, 1)
    assert _furthest(found["weights"], alone.weights) < tolerance
    assert found["best_epoch"] == alone.best_epoch
    for record, expected in zip(found["history"], alone.history, strict=True):
        assert record.train_loss == pytest.approx(expected.train_loss, rel=1e-5)
        assert record.val_loss == pytest.approx(expected.val_loss, rel=1e-5)
        assert record.train_auc == pytest.approx(expected.train_auc, abs=2e-3)
        assert (record.lr, record.cached_stages) == (expected.lr, expected.cached_stages)
    assert (found["history"][0].cached_stages > 0) == (case == "kept")
    # And something had been learnt.
    last = load_checkpoint(tmp_path / "x.pt")
    torch.manual_seed(1)
    assert _furthest(last.model, create_model(recipe.model).state_dict()) > 100 * tolerance


def test_with_batch_norm_two_do_what_one_does_with_their_shares(by_two, tiny_data):
    """Against a loop of its own: one process, whose batch norm sees one share at a time."""
    recipe, dataset = Recipe.from_json(CASES["normed"]), tiny_dataset(tiny_data)
    split = dataset.splits["train"]
    squares = torch.from_numpy(split.squares(recipe.preprocess))
    targets = torch.from_numpy(split.labels)
    class_weights = recipe.loss.class_weights(targets, 2)
    torch.manual_seed(1)
    # In the layout of training: a sum rounded otherwise may put a ReLU on its other side.
    layout = {"memory_format": torch.channels_last}
    model = create_model(recipe.model).to(**layout)
    parameters = dict(model.named_parameters())
    statistics, averages = (
        [{name: value.clone() for name, value in of.items()} for _ in range(2)]
        for of in (dict(model.named_buffers()), model.state_dict())
    )
    optimiser = torch.optim.SGD(
        [
            {"params": [p for p in parameters.values() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in parameters.values() if p.ndim == 1]},
        ],
        lr=0.01,
        momentum=0.9,
    )
    steps, losses, val_losses = 0, [], []
    for epoch in (1, 2):
        order, drawn = (torch.Generator().manual_seed(100_003 + epoch + more) for more in (0, 1))
        total = 0.0
        for batch in torch.randperm(78, generator=order).split(25):
            images = recipe.augmentation(recipe.preprocess.resized(squares[batch]), drawn)
            inputs = recipe.preprocess.normalised(images).contiguous(**layout)
            # The last three images are too few for two, so that both take them; one counts.
            whole = len(batch) == 25
            shares = (inputs[:12], inputs[12:]) if whole else (inputs, inputs)
            outputs = [
                functional_call(model, (parameters, own), (share,))
                for own, share in zip(statistics, shares, strict=True)
            ]
            counting = torch.cat(outputs) if whole else outputs[0]
            loss = recipe.loss(counting, targets[batch], class_weights)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters.values(), 0.5)
            optimiser.step()
            total += loss.item() * len(batch)
            steps += 1
            decay = min(0.9, (1 + steps) / (10 + steps))
            for average, own in zip(averages, statistics, strict=True):
                for name, value in {**parameters, **own}.items():
                    if value.is_floating_point():
                        average[name].lerp_(value.detach(), 1 - decay)
        losses.append(total / 78)
        for both in (statistics, averages):
            for name, value in both[0].items():
                if value.is_floating_point():
                    mean = (value + both[1][name]) / 2
                    value.copy_(mean)
                    both[1][name].copy_(mean)
        validated = create_model(recipe.model).to(**layout)
        validated.load_state_dict(averages[0])
        logits = predict_logits(
            validated, recipe.preprocess, squares.numpy(), flip_average=recipe.flip_average
        )
        val_losses.append(np.logaddexp(0, np.where(split.labels == 1, -logits, logits)).mean())

    found = load_checkpoint(by_two / "rank0" / "normed.pt")
    assert (found.processes, found.step) == (2, 8) == (2, steps)
    ours = {name: found.model[name] for name in parameters}
    assert _furthest(ours, {name: value.detach() for name, value in parameters.items()}) < 1e-5
    floats = [name for name, value in found.average.items() if value.is_floating_point()]
    assert _furthest(*({n: of[n] for n in floats} for of in (found.average, averages[0]))) < 1e-5
    running = {name: value for name, value in statistics[0].items() if "running" in name}
    assert _furthest({name: found.model[name] for name in running}, running) < 1e-5
    assert [record.train_loss for record in found.history] == pytest.approx(losses, rel=1e-5)
    assert [record.val_loss for record in found.history] == pytest.approx(val_losses, rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_all_processes_end_with_the_same_and_the_first_alone_keeps_it(case, by_two):
    first, second = (_found(by_two, case, rank) for rank in range(2))
    for name, value in first["weights"].items():
        assert torch.equal(second["weights"][name], value), name
    figures = [[record.val_loss for record in one["history"]] for one in (first, second)]
    assert figures[0] == figures[1]
    assert not (by_two / "rank1").exists()


def test_two_that_were_stopped_go_on_to_the_same_bits(by_two):
    whole, resumed = (_found(by_two, case) for case in ("whole", "resumed"))
    assert len(whole["history"]) == 3
    for name, value in whole["weights"].items():
        assert torch.equal(resumed["weights"][name], value), name


@pytest.mark.usefixtures("plain")
def test_validation_in_shares_is_bit_for_bit_that_of_one(by_two, tiny_data):
    """The kept weights, scored by one process."""
    trained, recipe = _found(by_two, "normless"), Recipe.from_json(CASES["normless"])
    best = trained["history"][trained["best_epoch"] - 1]
    split = tiny_dataset(tiny_data).splits["val"]
    model = create_model(recipe.model).to(memory_format=torch.channels_last)
    model.load_state_dict(trained["weights"])
    squares = split.squares(recipe.preprocess)
    logits = predict_logits(model, recipe.preprocess, squares, flip_average=True)
    losses = np.logaddexp(0, np.where(split.labels == 1, -logits, logits))
    assert best.val_loss == losses.mean()


# The command, from start to kill


@pytest.fixture
def weights(no_weights: Path) -> Path:
    """An empty weights folder; the recipe `tiny.yaml` lies in the working folder."""
    Path("tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return no_weights


def _started(data: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [*TORCHRUN, "--nproc-per-node", "2", PROJECT_FOLDER / "train_cli.py", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_surroundings(data),
    )


def _worker(torchrun: subprocess.Popen[str], rank: int) -> int:
    """Process id of a rank."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            surroundings = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(parent) == torchrun.pid and f"RANK={rank}".encode() in surroundings:
            return int(process.name)
    raise AssertionError(f"no rank {rank}")


def _kill_the_first(torchrun: subprocess.Popen[str]) -> None:
    os.kill(_worker(torchrun, 0), signal.SIGKILL)


def _kill_the_second(torchrun: subprocess.Popen[str]) -> None:
    """And let the first miss it, before torchrun notices and ends the first as well."""
    first, second = (_worker(torchrun, rank) for rank in range(2))
    torchrun.send_signal(signal.SIGSTOP)
    os.kill(second, signal.SIGKILL)
    assert not _alive(first)
    torchrun.send_signal(signal.SIGCONT)


def _interrupt(torchrun: subprocess.Popen[str]) -> None:
    torchrun.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (
            _kill_the_second,
            "train_cli: Another process of this training has ended or cannot be reached; ",
        ),
        (_interrupt, "Stopped; "),
        (_kill_the_first, ""),
    ],
    ids=["the second killed", "interrupted", "the first killed"],
)
def test_after_any_end_the_run_can_go_on(act, sentence, weights, tiny_data, monkeypatch, capsys):
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])
    with _started(tiny_data, "--recipe", "tiny.yaml") as torchrun:
        seen = _until(torchrun, "epoch 3/400")
        assert sum(line.startswith("Training Tiny CNN") for line in seen) == 1
        workers = [_worker(torchrun, rank) for rank in range(2)]
        act(torchrun)
        _, err = torchrun.communicate(timeout=100)
    assert torchrun.returncode != 0
    assert not any(_alive(worker) for worker in workers)
    way_on = "go on with: python train_cli.py --resume tiny-seed1.\n"
    assert err.count("go on with") == (1 if sentence else 0)
    assert f"{sentence}{way_on}" in err or not sentence
    checkpoint = weights / ".checkpoints" / "tiny-seed1.pt"
    files = {path for path in weights.rglob("*") if path.is_file() and path.suffix != ".lock"}
    if sentence:
        assert files == {checkpoint}
    kept = load_checkpoint(checkpoint)
    assert len(kept.history) >= 3
    assert kept.processes == 2
    assert main(["--resume", "--finish"]) == 0
    out = capsys.readouterr().out
    assert "2 processes trained it before, 1 will now: batch norm and dropout go another way" in out
    run = read_run(weights / "tiny-seed1")
    assert run.training["epochs"] == len(kept.history)
    assert not checkpoint.exists()


def _until(process: subprocess.Popen[str], start: str) -> list[str]:
    """The process's lines up to one that begins so."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith(start):
            return lines
    raise AssertionError(f"no line {start!r}")


def _alive(process: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.1)
    return True


def test_what_only_the_first_can_know_ends_all_with_one_sentence(weights, tiny_data):
    (weights / "taken").mkdir(parents=True)
    with _started(tiny_data, "--recipe", "tiny.yaml", "--out", "taken") as torchrun:
        out, err = torchrun.communicate(timeout=100)
    assert torchrun.returncode != 0
    said = [line for line in err.splitlines() if line.startswith("train_cli")]
    assert said == [
        f"train_cli: {weights / 'taken'} exists already: choose another name with --out."
    ]
    assert out == ""
    assert [path.name for path in weights.iterdir()] == ["taken"]


@pytest.mark.usefixtures("plain")
def test_one_goes_on_where_two_stopped(by_two, tiny_data):
    """To the same, but for rounding, where batch norm stands still."""
    recipe, path = Recipe.from_json(CASES["frozen"]), by_two / "rank0" / "frozen.pt"
    found = train(recipe, tiny_dataset(tiny_data), seed=1, checkpoint=path, resume=True)
    assert found.processes == 1
    assert _furthest(found.weights, _found(by_two, "frozen")["weights"]) == 0
