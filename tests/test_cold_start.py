"""What a fresh process need not load: told from the modules it has, never from the clock."""

import os
import shutil
import subprocess
import sys

import pytest

from pneumo_core import runs
from pneumo_core.files import PROJECT_FOLDER, sha256_of


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
