"""A run in the making is one process's own, and what a killed one left half written goes."""

import pytest
from filelock import FileLock

from pneumo_core.errors import TrainingError
from pneumo_core.stopped_runs import checkpoint_of, held


def test_what_a_killed_process_left_of_a_checkpoint_is_cleared_away(tmp_path):
    mine, other = checkpoint_of(tmp_path / "run[1]"), checkpoint_of(tmp_path / "run1")
    mine.parent.mkdir()
    for checkpoint in (mine, other):
        checkpoint.touch()
        checkpoint.with_name(f".{checkpoint.name}.k3x_9abc.tmp").touch()
    with held(tmp_path / "run[1]"):
        found = {path.name for path in mine.parent.iterdir()} - {"run[1].lock"}
    assert found == {"run[1].pt", "run1.pt", ".run1.pt.k3x_9abc.tmp"}


def test_a_checkpoint_that_is_being_written_is_left_alone(tmp_path):
    checkpoint = checkpoint_of(tmp_path / "run")
    checkpoint.parent.mkdir()
    half = checkpoint.with_name(".run.pt.k3x_9abc.tmp")
    half.touch()
    with (
        FileLock(checkpoint.with_name("run.lock")),
        pytest.raises(TrainingError, match="Another process is training run: wait for it"),
        held(tmp_path / "run"),
    ):
        pytest.fail("two processes hold one name")
    assert half.exists()
