"""`python train_cli.py`: a run or one sentence, and after any stop the way on."""

import errno
import hashlib
import io
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from PIL import Image

import train_cli
from pneumo_core.architectures import ModelSpec
from pneumo_core.checkpoint import load_checkpoint
from pneumo_core.class_report import report_text
from pneumo_core.errors import STOPPED, DataError, NoPretrainedError, RecipeError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.pretrained import PretrainedReport
from pneumo_core.progress_bar import ProgressBar
from pneumo_core.recipe import load_recipe
from pneumo_core.runs import read_run
from pneumo_core.training import Progress
from train_cli import main

RECIPE = """\
title: Tiny CNN
data: chest_xray
model: {architecture: cnn, channels: 1, stem: small, dropout: 0.1}
preprocess: {input_size: 16, mean: [0.38], std: [0.12]}
augmentation: {rotate: 5, flip: 0.5}
batch_size: 16
ema: 0.9
phases:
  - {epochs: 2, lr: 0.003, freeze: [block1], sampler: balanced}
  - {epochs: 2, lr: 0.002, warmup: 0.5}
"""


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module", autouse=True)
def _own_answer_to_sigterm() -> Iterator[None]:
    """Without the command's own, a signal is an error in a test and not the end of them all."""

    def unanswered(*_: object) -> None:
        raise AssertionError("SIGTERM was not answered")

    before = signal.signal(signal.SIGTERM, unanswered)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def weights(no_weights: Path) -> Path:
    """An empty weights folder; the recipe `tiny.yaml` lies in the working folder."""
    Path("tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return no_weights


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots have their own tests and take their time."""
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])


@pytest.fixture(scope="module")
def unbroken(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that was never stopped, and what it printed."""
    folder, out = tmp_path_factory.mktemp("unbroken"), io.StringIO()
    (folder / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_WEIGHTS", str(folder / "weights"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", out)
        assert main(["--recipe", str(folder / "tiny.yaml"), "--data", str(tiny_data)]) == 0
    return folder / "weights" / "tiny-seed1", out.getvalue()


def _started(folder: Path, data: Path, *arguments: str) -> subprocess.Popen[str]:
    surroundings = {
        "PNEUMO_WEIGHTS": str(folder / "weights"),
        "PNEUMO_DATA": str(data),
        "PYTHONUNBUFFERED": "",  # lines must come as they are written without it
    }
    return subprocess.Popen(
        [sys.executable, PROJECT_FOLDER / "train_cli.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **surroundings},
    )


def _wait_for(process: subprocess.Popen[str], start: str) -> None:
    """Read the process's lines until one begins so."""
    assert process.stdout is not None
    assert any(line.startswith(start) for line in process.stdout), f"no line {start!r}"


def _sha256(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def _files(folder: Path) -> set[str]:
    """Every file under a folder, without the locks, which are empty and stay."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.suffix != ".lock"}


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence that a command line is answered with."""
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert err.startswith("train_cli: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1, err
    return err.removeprefix("train_cli: ").strip()


# From nothing to a run


def test_a_run_and_its_figures(unbroken):
    path, out = unbroken
    run = read_run(path)
    assert _files(path.parent) == {str(p.relative_to(path.parent)) for p in path.rglob("*.*")}
    assert (path / "plots" / "roc_curve.png").is_file()
    assert (run.training["seed"], run.training["epochs"]) == (1, 4)
    for split in ("val", "test"):
        value, low, high = run.metrics[split]["auc"]
        assert f"{value:.4f} ({low:.4f}-{high:.4f})" in out
    assert f"Plots: {path / 'plots'}\n" in out
    point = run.operating_point
    assert f"Threshold {point.threshold:.3f} (balanced: " in out


def test_without_a_terminal_there_is_a_line_an_epoch_and_no_bar(unbroken):
    _, out = unbroken
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    pattern = (
        r"epoch (\d)/4: train loss \d\.\d{4}, val loss \d\.\d{4}, val AUC [01]\.\d{4}, "
        r"val accuracy [01]\.\d{4}, \d+ s, about \d+ min left"
    )
    assert [re.fullmatch(pattern, line)[1] for line in lines] == ["1", "2", "3", "4"]
    assert "\r" not in out
    assert "batch/s" not in out
    assert out.startswith("train: 40 normal, 38 pneumonia\n  val: ")


@pytest.mark.usefixtures("undrawn")
def test_options_have_their_effect(weights, capsys):
    arguments = ["--recipe", "tiny.yaml", "--epochs", "1", "--seed", "7", "--arch", "resnet18"]
    arguments += ["--set", "phases.0.lr=0.0005", "--set", "model.dropout=0.4", "--out", "mine"]
    arguments += ["--set", "phases.0.freeze=[conv1]"]
    assert main([*arguments, "--split", "official", "--device", "cpu"]) == 0
    run = read_run(weights / "mine")
    assert run.model.architecture == "resnet18"
    assert (run.training["seed"], run.training["epochs"], run.training["device"]) == (7, 2, "cpu")
    assert [phase["epochs"] for phase in run.recipe["phases"]] == [1, 1]
    assert [phase["lr"] for phase in run.recipe["phases"]] == [0.0005, 0.002]
    assert run.recipe["model"]["dropout"] == run.model.dropout == 0.4
    assert run.data["split_rule"] == "official"
    assert "seed 7." in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_the_data_are_audited_once(weights, monkeypatch):
    from pneumo_core import audit as core

    seen, real = [], core.audit
    for place in ("audit", "publishing"):
        monkeypatch.setattr(
            f"pneumo_core.{place}.audit", lambda *a, **k: seen.append(a) or real(*a, **k)
        )
    short = ["--recipe", "tiny.yaml", "--epochs", "1", "--set", "phases.0.freeze=[]"]
    assert main([*short, "--out", "mine"]) == 0
    assert len(seen) == 1
    assert read_run(weights / "mine").data["audit"]


@pytest.mark.usefixtures("undrawn")
def test_runs_of_one_name_in_two_folders_do_not_meet(weights):
    short = ["--recipe", "tiny.yaml", "--epochs", "1", "--set", "phases.0.freeze=[]"]
    assert main([*short, "--out", "a/run"]) == 0
    assert main([*short, "--out", "b/run", "--seed", "2"]) == 0
    assert [read_run(Path(folder) / "run").training["seed"] for folder in "ab"] == [1, 2]
    assert not weights.exists()


def test_help_is_for_people(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    options = "recipe arch data download split epochs seed out resume device pretrained set"
    options += " preview help"
    for option in options.split():
        assert re.search(rf"^  (-h, )?--{option}\b.*\n? +\S", out, re.MULTILINE), option
    assert "resnet18" in out
    assert "python train_cli.py --resume" in out


# Refused before anything is written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recipe", "nothing"], "There is no recipe 'nothing': choose one of "),
        (["--recipe", "nothing.yaml"], "There is no recipe 'nothing.yaml': choose one of "),
        (["--set", "phases.0.speed=3"], "speed"),
        (["--set", "colour=blue"], "colour"),
        (["--set", "phases.5.lr=3"], "phases.5.lr"),
        (["--set", "batch_size=many"], "batch_size"),
        (["--set", "batch_size"], "--set needs key=value"),
        (["--set", "phases.0.freeze=[attic]"], "attic"),
        (["--arch", "vgg"], "'vgg'"),
        (["--epochs", "-3"], "epochs must be at least 1"),
        (["--epochs", "0"], "epochs must be at least 1"),
        (["--seed", "-1"], "The seed must lie between 0 and 4294967295, not at -1."),
        (["--seed", "9" * 30], "The seed must lie between"),
        (["--device", "abacus"], "The device 'abacus' is not there; this machine has: "),
        (["--device", "cpu:7"], "The device 'cpu:7' is not there"),
        (["--data", "nowhere"], "nowhere is not chest_xray and holds no chest_xray: check --data."),
        (["--set", "data=cats"], "data"),
        (["--pretrained", "nowhere.safetensors"], "There are no ImageNet weights for cnn"),
        (["--resume"], "There is no stopped run to go on with: start without --resume."),
        (["--resume", "old"], "There is no stopped run "),
        (["--resume", "--preview"], "leave out --preview."),
        (["--preview", "sheet.jpg"], "a PNG picture"),
        (["--preview", "nowhere/sheet.png"], "No such file or directory"),
    ],
)
def test_nonsense_is_one_sentence_and_leaves_nothing(weights, capsys, arguments, sentence):
    recipe = [] if {"--recipe", "--resume"} & set(arguments) else ["--recipe", "tiny.yaml"]
    assert sentence in _refused(capsys, *recipe, *arguments)
    assert not weights.exists() or _files(weights) == set()
    assert _files(weights.parent) == {"tiny.yaml"}


@pytest.mark.parametrize("value", ["three", "1.5"])
def test_a_number_that_is_none_shows_the_usage(capsys, value):
    with pytest.raises(SystemExit) as caught:
        main(["--epochs", value])
    assert caught.value.code == 2
    assert f"invalid int value: '{value}'" in capsys.readouterr().err


@pytest.mark.parametrize("spelling", ["taken", "weights/taken", "{}/weights/taken"])
def test_a_run_that_is_there_is_left_alone(weights, capsys, spelling):
    (weights / "taken").mkdir(parents=True)
    out = spelling.format(weights.parent)
    sentence = _refused(capsys, "--recipe", "tiny.yaml", "--out", out)
    assert sentence.endswith("taken exists already: choose another name with --out.")
    assert _files(weights) == set()


def test_a_folder_that_cannot_be_written_is_a_sentence(weights, capsys):
    Path("file").write_text("", encoding="utf-8")
    sentence = _refused(capsys, "--recipe", "tiny.yaml", "--out", "file/run")
    assert sentence.endswith("no epoch was over yet, so start again.")
    assert "file" in sentence
    assert not weights.exists()


def test_a_lock_is_held_by_threads_too(weights, capsys):
    folder = weights / ".checkpoints"
    folder.mkdir(parents=True)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(folder / "mine.lock"):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        sentence = _refused(capsys, "--recipe", "tiny.yaml", "--out", "mine")
        assert sentence.startswith("Another process is training mine")
    finally:
        done.set()
        thread.join()


# Stopped and resumed


@pytest.mark.usefixtures("undrawn")
def test_a_killed_run_resumes_to_the_same_weights(unbroken, weights, tiny_data, capsys):
    """Nobody else may have the run while its process lives; a lock that is left is no lock."""
    with _started(weights.parent, tiny_data, "--recipe", "tiny.yaml") as process:
        _wait_for(process, "epoch 2/4")
        process.send_signal(signal.SIGSTOP)
        for arguments in (["--recipe", "tiny.yaml"], ["--resume"]):
            assert _refused(capsys, *arguments) == (
                "Another process is training tiny-seed1: wait for it, or choose a name with --out."
            )
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    assert _files(weights) == {".checkpoints/tiny-seed1.pt"}
    assert (weights / ".checkpoints" / "tiny-seed1.lock").exists()
    assert main(["--resume"]) == 0
    out = capsys.readouterr().out
    assert "epoch 1/4" not in out
    assert "epoch 4/4" in out
    assert _sha256(weights / "tiny-seed1") == _sha256(unbroken[0])
    assert _scores(weights / "tiny-seed1") == _scores(unbroken[0])
    assert _files(weights / ".checkpoints") == set()


def _scores(run: Path) -> str:
    return (run / "scores.csv").read_text(encoding="utf-8")


def test_ctrl_c_says_how_to_go_on(weights, tiny_data):
    arguments = ["--recipe", "tiny.yaml", "--epochs", "500", "--out", "my runs/a"]
    with _started(weights.parent, tiny_data, *arguments) as process:
        _wait_for(process, "epoch 1/1000")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == STOPPED == 130
    assert err == "\nStopped; go on with: python train_cli.py --resume 'my runs/a'.\n"
    folder = weights.parent / "my runs"
    assert _files(folder) == {".checkpoints/a.pt"}
    assert load_checkpoint(folder / ".checkpoints" / "a.pt").history


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_mid_epoch_is_answered_likewise(weights, monkeypatch, capsys, number):
    _do_in(3, monkeypatch, lambda: os.kill(os.getpid(), number))
    assert main(["--recipe", "tiny.yaml"]) == STOPPED
    out, err = capsys.readouterr()
    assert err == "\nStopped; go on with: python train_cli.py --resume tiny-seed1.\n"
    assert "epoch 2/4" in out
    assert "epoch 3/4" not in out
    assert _files(weights) == {".checkpoints/tiny-seed1.pt"}
    assert len(load_checkpoint(weights / ".checkpoints" / "tiny-seed1.pt").history) == 2


def _do_in(epoch: int, patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something after each batch of an epoch."""
    show = ProgressBar.show

    def shown(bar: ProgressBar, progress: Progress) -> None:
        if (progress.epoch, progress.record) == (epoch, None):
            act()
        show(bar, progress)

    patch.setattr(ProgressBar, "show", shown)


def _interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def stopped(weights: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    """The checkpoint of a run, `tiny-seed1`, that was stopped in its third epoch."""
    with monkeypatch.context() as patch:
        _do_in(3, patch, _interrupt)
        assert main(["--recipe", "tiny.yaml"]) == STOPPED
    _, err = capsys.readouterr()
    assert err == "\nStopped; go on with: python train_cli.py --resume tiny-seed1.\n"
    return weights / ".checkpoints" / "tiny-seed1.pt"


def test_stopped_before_anything_is_kept(weights, monkeypatch, capsys):
    _do_in(1, monkeypatch, _interrupt)
    assert main(["--recipe", "tiny.yaml"]) == STOPPED
    assert capsys.readouterr().err == "\nStopped; no epoch was over yet, so start again.\n"
    assert _files(weights) == set()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--resume"],
        ["--resume", "tiny-seed1"],
        ["--resume", "weights/tiny-seed1"],
        ["--resume", "--out", "tiny-seed1"],
    ],
)
def test_a_stopped_run_is_found_however_it_is_named(stopped, unbroken, arguments):
    assert main(arguments) == 0
    assert _sha256(stopped.parents[1] / "tiny-seed1") == _sha256(unbroken[0])
    assert not stopped.exists()


@pytest.mark.usefixtures("undrawn")
def test_a_stopped_run_can_be_ended_as_it_is(stopped, unbroken, capsys):
    kept = load_checkpoint(stopped)
    assert main(["--resume", "tiny-seed1", "--finish"]) == 0
    assert "epoch 3/" not in capsys.readouterr().out
    run = read_run(stopped.parents[1] / "tiny-seed1")
    assert (run.training["epochs"], run.training["cut_short"]) == (2, True)
    weights = run.load_model().state_dict()
    for name, value in kept.best.items():
        torch.testing.assert_close(weights[name].half(), value.half())
    assert not stopped.exists()
    assert read_run(unbroken[0]).training["cut_short"] is False


def test_there_is_nothing_to_end_without_a_stopped_run(weights, capsys):
    assert main(["--recipe", "tiny.yaml", "--finish"]) == 1
    assert "name it with --resume NAME" in capsys.readouterr().err
    assert _files(weights) == set()


@pytest.mark.usefixtures("undrawn")
def test_the_latest_of_several_goes_on(stopped, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        _do_in(2, patch, _interrupt)
        assert main(["--recipe", "tiny.yaml", "--seed", "2"]) == STOPPED
    latest = stopped.with_name("tiny-seed2.pt")
    os.utime(stopped, (1, 1))
    assert latest.exists()
    assert main(["--resume"]) == 0
    assert "seed 2." in capsys.readouterr().out
    assert stopped.exists()
    assert not latest.exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seed", "1"], "--seed"),
        (["--recipe", "tiny.yaml", "--epochs", "9"], "--recipe, --epochs"),
        (["--set", "ema=0", "--arch", "cnn"], "--arch, --set"),
        (["--split", "official", "--pretrained", "x"], "--split, --pretrained"),
    ],
)
def test_a_resumed_run_is_what_it_was(stopped, capsys, arguments, named):
    before = stopped.read_bytes()
    assert _refused(capsys, "--resume", *arguments) == (
        f"--resume goes on with the recipe and seed that the run began with: leave out {named}."
    )
    assert stopped.read_bytes() == before


def test_a_resumed_run_has_its_name(stopped, capsys):
    assert stopped.exists()
    sentence = _refused(capsys, "--resume", "tiny-seed1", "--out", "other")
    assert sentence == "--resume names the run already: leave out --out."


def test_other_data_than_it_began_with_is_refused(stopped, capsys, tiny_data):
    other = shutil.copytree(tiny_data / "chest_xray", Path("other"))
    next((other / "train" / "NORMAL").iterdir()).unlink()
    sentence = _refused(capsys, "--resume", "--data", "other")
    assert sentence.startswith("The checkpoint belongs to another recipe, seed or data set")
    assert stopped.exists()


def test_a_stopped_run_is_not_started_over(stopped, capsys):
    before = stopped.read_bytes()
    sentence = _refused(capsys, "--recipe", "tiny.yaml")
    assert sentence == (
        "A stopped run waits under this name; go on with: python train_cli.py --resume tiny-seed1, "
        f"or delete {stopped}."
    )
    assert stopped.read_bytes() == before


def test_a_damaged_checkpoint_is_a_sentence(stopped, capsys):
    stopped.write_bytes(stopped.read_bytes()[:1000])
    sentence = _refused(capsys, "--resume")
    assert sentence == f"The checkpoint {stopped} is damaged: delete it and start anew."
    assert _files(stopped.parents[1]) == {".checkpoints/tiny-seed1.pt"}


def test_a_run_that_is_complete_has_nothing_to_go_on_with(weights, unbroken, capsys):
    shutil.copytree(unbroken[0], weights / "done")
    sentence = _refused(capsys, "--resume", "done")
    assert sentence.endswith("done is complete: there is nothing to go on with.")


def test_killed_after_the_run_was_whole(stopped, unbroken, capsys):
    """Between the last rename and the deletion of the checkpoint."""
    target = shutil.copytree(unbroken[0], stopped.parents[1] / "tiny-seed1")
    assert main(["--resume"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tiny-seed1 was complete already.\n")
    assert f"Run:   {target}\n" in out
    assert not stopped.exists()
    assert _sha256(target) == _sha256(unbroken[0])


def test_another_run_has_taken_the_name_meanwhile(stopped, tiny_run, capsys):
    target = shutil.copytree(tiny_run.path, stopped.parents[1] / "tiny-seed1")
    sentence = _refused(capsys, "--resume")
    assert sentence == f"{target} is there already, and another run: rename it first."
    assert stopped.exists()


# Disks, rates and downloads


def _full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failure", [_full, _interrupt])
@pytest.mark.parametrize("step", ["publishing.write_json", "plots.write_plots"])
def test_a_failure_at_the_end_costs_no_training(
    stopped, unbroken, monkeypatch, capsys, step, failure
):
    def fail(*_: object, **__: object) -> None:
        failure()

    with monkeypatch.context() as patch:
        patch.setattr(f"pneumo_core.{step}", fail)
        status = main(["--resume"])
    way_on = "go on with: python train_cli.py --resume tiny-seed1.\n"
    out, err = capsys.readouterr()
    if failure is _interrupt:
        assert (status, err) == (STOPPED, f"\nStopped; {way_on}")
    else:
        assert (status, err) == (1, f"train_cli: No space left on device: the disk; {way_on}")
    assert "epoch 4/4" in out
    assert _files(stopped.parents[1]) == {".checkpoints/tiny-seed1.pt"}
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])
    assert main(["--resume"]) == 0
    assert "epoch" not in capsys.readouterr().out
    assert _sha256(stopped.parents[1] / "tiny-seed1") == _sha256(unbroken[0])


def test_a_full_disk_in_training_keeps_the_last_checkpoint(stopped, capsys):
    """A real limit on the size of files."""
    before = stopped.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        sentence = _refused(capsys, "--resume")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sentence == (
        "The checkpoint cannot be written, perhaps because the disk is full: "
        f"{stopped}; go on with: python train_cli.py --resume tiny-seed1."
    )
    assert stopped.read_bytes() == before
    assert _files(stopped.parents[1]) == {".checkpoints/tiny-seed1.pt"}


def test_a_rate_that_is_too_high_is_a_sentence(weights, capsys):
    rate = ["--set", "phases.0.lr=1e+30", "--set", "optimiser=sgd", "--set", "ema=0"]
    assert _refused(capsys, "--recipe", "tiny.yaml", *rate) == (
        "The loss is no longer finite in epoch 1: lower the learning rate, "
        "e.g. --set phases.0.lr=1e+29."
    )
    assert _files(weights) == set()


def _absent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No data anywhere, and a download that fails half-way."""
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)
    asked = []

    def download(name: str, progress: Callable[[float], None]) -> None:
        asked.append(name)
        progress(0.5)
        raise DataError("The download failed: get it in a browser.")

    monkeypatch.setattr("pneumo_core.datasets.download_dataset", download)
    return asked


def test_data_that_is_absent_is_downloaded(weights, capsys, monkeypatch):
    asked = _absent(monkeypatch)
    assert main([]) == 1
    out, err = capsys.readouterr()
    assert asked == ["pneumoniamnist"]
    assert "pneumoniamnist is not on this machine: downloading it from MedMNIST." in out
    assert err.endswith("train_cli: The download failed: get it in a browser.\n")
    assert not weights.exists()


@pytest.mark.parametrize(
    "arguments", [["--recipe", "tiny.yaml"], ["--data", "nowhere"]], ids=["Kaggle's", "named"]
)
def test_data_that_cannot_be_downloaded_is_not(weights, capsys, monkeypatch, arguments):
    asked = _absent(monkeypatch)
    assert main(arguments) == 1
    assert asked == []
    assert capsys.readouterr().err.startswith("train_cli: ")
    assert not weights.exists()


def _from_kaggle(monkeypatch: pytest.MonkeyPatch, found: Path) -> list[Path]:
    """A data folder of one's own that is empty, and a Kaggle that has a small data set."""
    monkeypatch.setattr("pneumo_core.datasets.data_folders", lambda: [Path("mine")])
    asked = []

    def download(folder: Path) -> Path:
        asked.append(folder)
        return Path(shutil.copytree(found / "chest_xray", folder / "chest_xray"))

    monkeypatch.setattr("pneumo_core.kaggle.download_chest_xray", download)
    return asked


@pytest.mark.usefixtures("undrawn", "weights")
@pytest.mark.parametrize(
    ("arguments", "folder"), [([], "mine"), (["--data", "theirs"], "theirs")], ids=["", "named"]
)
def test_kaggles_data_is_downloaded_if_asked_for(capsys, monkeypatch, tiny_data, arguments, folder):
    asked = _from_kaggle(monkeypatch, tiny_data)
    tiny = ["--recipe", "tiny.yaml", "--epochs", "1", *arguments]
    sentence = _refused(capsys, *tiny)
    assert arguments or "was not found: fetch it with train_cli.py --download, " in sentence
    assert asked == []
    assert main([*tiny, "--download"]) == 0
    assert f"Downloading chest_xray from Kaggle into {folder}, 1.2 GB.\n" in capsys.readouterr().out
    assert main([*tiny, "--download", "--seed", "2"]) == 0, "it is there by now"
    assert asked == [Path(folder)]


def test_a_download_from_kaggle_that_fails_is_a_sentence(weights, capsys, monkeypatch):
    monkeypatch.setattr("pneumo_core.datasets.data_folders", lambda: [Path("mine")])
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    sentence = _refused(capsys, "--recipe", "tiny.yaml", "--download")
    assert sentence.startswith(
        "The download needs kagglehub: pip install 'kagglehub>=0.4.3', or get "
    )
    assert _files(weights.parent) == {"tiny.yaml"}


# The preview


def test_a_preview_is_a_picture_and_trains_nothing(weights, capsys, tiny_dataset):
    from pneumo_core.preview import contact_sheet

    wide = ["--recipe", "tiny.yaml", "--set", "augmentation.rotate=40", "--seed", "3"]
    assert main([*wide, "--preview", "mine.png"]) == 0
    assert capsys.readouterr() == ("mine.png\n", "")
    recipe = load_recipe("tiny.yaml", ["augmentation.rotate=40"])
    with Image.open("mine.png") as picture:
        assert picture.tobytes() == contact_sheet(recipe, tiny_dataset, seed=3).tobytes()
    assert not weights.exists()


def test_a_preview_without_a_name_is_named_after_the_recipe(weights, capsys):
    plain = ["--set", "augmentation={}", "--set", "title=Unchanged"]
    assert main(["--recipe", "tiny.yaml", *plain, "--preview"]) == 0
    out = "Unchanged has no augmentation: these are the plain films.\ntiny-preview.png\n"
    assert capsys.readouterr() == (out, "")
    assert _files(weights.parent) == {"tiny.yaml", "tiny-preview.png"}


# Several processes


def test_a_rank_that_is_not_torchruns_is_no_reason_to_stand_by(weights, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert main(["--recipe", "tiny.yaml", "--preview", "mine.png"]) == 0
    assert capsys.readouterr().out == "mine.png\n"
    assert not weights.exists()


def test_a_process_that_lacks_a_device_says_so(weights, capfd, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(train_cli.signal, "signal", lambda *_: None)
    place = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    for name, value in (place | {"TORCHELASTIC_RUN_ID": "x"}).items():
        monkeypatch.setenv(name, value)
    assert main(["--recipe", "tiny.yaml", "--device", "cuda"]) == 1
    told = capfd.readouterr().err
    assert told.startswith("train_cli, process 1: The device 'cuda' is not there")
    assert told.count("\n") == 1
    assert not weights.exists()


# ImageNet weights


def test_without_imagenet_weights_it_starts_from_scratch_if_it_may(weights, capsys, monkeypatch):
    def absent(*_: object) -> None:
        raise NoPretrainedError("There are no ImageNet weights.")

    monkeypatch.setattr("pneumo_core.pretrained.load_pretrained", absent)
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])
    tiny = ["--recipe", "tiny.yaml", "--epochs", "1", "--set"]
    assert main([*tiny, "pretrained=imagenet"]) == 1
    assert capsys.readouterr().err == "train_cli: There are no ImageNet weights.\n"
    assert main([*tiny, "pretrained=imagenet-or-scratch"]) == 0
    assert capsys.readouterr().err.startswith(
        "There are no ImageNet weights. Training from scratch.\n"
    )
    run = read_run(weights / "tiny-seed1")
    assert run.training["pretrained"].startswith("random: no ImageNet")
    assert run.title == f"{load_recipe('tiny.yaml').title}, from scratch"


def test_weights_that_are_there_and_wrong_are_no_reason_to_go_without(weights, capsys, monkeypatch):
    def damaged(*_: object) -> None:
        raise RecipeError("resnet18.safetensors is damaged.")

    monkeypatch.setattr("pneumo_core.pretrained.load_pretrained", damaged)
    assert main(["--recipe", "tiny.yaml", "--set", "pretrained=imagenet-or-scratch"]) == 1
    assert capsys.readouterr().err == "train_cli: resnet18.safetensors is damaged.\n"
    assert not (weights / "tiny-seed1").exists()


def test_a_run_from_imagenet_weights_remembers_and_resumes(weights, capsys, monkeypatch):
    def load(model: torch.nn.Module, spec: ModelSpec, _: str | None) -> PretrainedReport:
        with torch.no_grad():
            model.get_parameter("classifier.1.bias").fill_(3.0)
        return PretrainedReport("a file", 5, ("classifier.1.bias",), replace(spec, dropout=0.25))

    monkeypatch.setattr("pneumo_core.pretrained.load_pretrained", load)
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])
    with monkeypatch.context() as patch:
        _do_in(2, patch, _interrupt)
        tiny = ["--recipe", "tiny.yaml", "--epochs", "1", "--pretrained", "x"]
        assert main(tiny) == STOPPED
    assert "ImageNet weights: a file; not in it: classifier.1.bias\n" in capsys.readouterr().out
    assert main(["--resume"]) == 0
    run = read_run(weights / "tiny-seed1")
    assert (run.training["pretrained"], run.model.dropout) == ("a file", 0.25)
    assert run.recipe["model"]["dropout"] == 0.25
    bias = run.load_model().get_parameter("classifier.1.bias")
    assert bias.item() == pytest.approx(3.0, abs=0.2)


# What is shown


@pytest.mark.usefixtures("undrawn")
def test_on_a_terminal_there_is_a_bar(stopped, monkeypatch, capsys):
    assert stopped.exists()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["--resume"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"\d+%\|.*epoch 3, loss \d\.\d{3}", err)
    assert "epoch 4/4: train loss" in out


def test_undefined_figures_are_printed_as_such(tiny_run, capsys):
    metrics = {split: dict(tiny_run.metrics[split]) for split in ("val", "test")}
    metrics["val"]["ppv"] = [None, None, None]
    metrics["test"]["auc"] = [1.0, None, None]
    train_cli._print_figures(replace(tiny_run, metrics=metrics))
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert rows["ppv"].split()[1] == "undefined"
    assert rows["auc"].split()[-1] == "1.0000"


def test_each_class_has_its_row(tiny_run, capsys):
    train_cli._print_figures(tiny_run)
    out = capsys.readouterr().out
    for split, title in (("val", "validation"), ("test", "test")):
        assert f"\n{report_text(title, tiny_run.metrics[split])}\n" in out
