"""What a fresh process need not load: told from the modules it has, never from the clock."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from pneumo_core import runs
from pneumo_core.architectures import ARCHITECTURES, ModelSpec, create_model
from pneumo_core.files import PROJECT_FOLDER, sha256_of
from pneumo_core.loading import load_network


def loaded(code: str, weights) -> set[str]:
    """Names of all modules that a fresh process has after running some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('modules', *sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_FOLDER,
        env={**os.environ, "PNEUMO_WEIGHTS": str(weights)},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules ")[2].split())


@pytest.fixture
def weights(tiny_run, tmp_path):
    """A weights folder of two runs; DEFAULT names the second."""
    for name in ("first", "second"):
        shutil.copytree(tiny_run.path, tmp_path / name)
    (tmp_path / "DEFAULT").write_text("second\n")
    return tmp_path


def test_runs_are_listed_and_described_without_torch(weights):
    code = (
        "from pneumo_core.runs import default_run, list_runs\n"
        "assert [run.name for run in list_runs()] == ['first', 'second']\n"
        "assert default_run().name == 'second'"
    )
    found = loaded(code, weights)
    assert "pneumo_core.architectures" in found
    assert not found & {"torch", "torchvision", "pandas", "plotly", "matplotlib"}


def test_the_default_run_is_had_without_hashing_the_others(weights, monkeypatch):
    hashed = []

    def spy(path):
        hashed.append(path.parent.name)
        return sha256_of(path)

    monkeypatch.setattr(runs, "sha256_of", spy)
    assert runs.default_run(weights).name == "second"
    assert hashed == ["second"]


@pytest.mark.parametrize("said", ["gone", "../second", "", "/", "first/../second"])
def test_a_default_that_is_no_runs_name_is_the_first_one(weights, said):
    (weights / "DEFAULT").write_text(said)
    assert runs.default_run(weights).name == "first"


def test_a_damaged_default_is_the_first_of_the_others(weights):
    with (weights / "second" / runs.WEIGHTS_FILE).open("ab") as file:
        file.write(b"more")
    assert runs.default_run(weights).name == "first"
    (weights / "second" / runs.WEIGHTS_FILE).unlink()  # figures only
    assert runs.default_run(weights).name == "first"


def test_weights_are_those_of_the_file_in_the_layout_of_use(tiny_run):
    model = tiny_run.load_model()
    expected = create_model(tiny_run.model)
    kept = load_file(tiny_run.path / runs.WEIGHTS_FILE)
    expected.load_state_dict(kept)
    expected = expected.to(memory_format=torch.channels_last)
    assert not model.training
    found = model.state_dict()
    assert kept.keys() == found.keys()
    assert {value.dtype for value in kept.values()} >= {torch.float16}
    for name, value in expected.state_dict().items():
        assert torch.equal(found[name], value)
        assert (found[name].dtype, found[name].stride()) == (value.dtype, value.stride())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_loaded_whole(name, tmp_path):
    spec = ModelSpec(name, outputs=2, hidden=8)
    torch.manual_seed(1)
    expected = create_model(spec).eval()
    save_file(expected.state_dict(), tmp_path / "weights.safetensors")
    model = load_network(spec, tmp_path / "weights.safetensors")
    found = model.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.state_dict().items())
    buffers = dict(model.named_buffers())
    assert all(torch.equal(buffers[key], value) for key, value in expected.named_buffers())
