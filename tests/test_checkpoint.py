"""The state of a run on disk: whole, its own, and nothing that can run."""

import os
import pickle
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pneumo_core.checkpoint import SCHEMA, Checkpoint, load_checkpoint, save_checkpoint
from pneumo_core.errors import TrainingError
from pneumo_core.schedule import EpochRecord

FIELDS = {
    "schema": SCHEMA,
    "identity": "{}",
    "threads": 1,
    "history": "[]",
    "step": 1,
    "model": {},
    "average": {},
    "best": {},
    "optimiser": {},
}
"""A checkpoint's fields as they are on disk, with nothing in them."""


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(3, 4))
    optimiser = torch.optim.AdamW([parameter], lr=0.1)
    parameter.sum().backward()
    optimiser.step()
    return Checkpoint(
        identity={"recipe": {"name": "Ärzte", "phases": [{"lr": 0.1}]}, "seed": 3},
        threads=2,
        history=[EpochRecord(1, 0, 0.1, 0.7, 0.5, 0.5, 0.7, 0.1 + 0.2, 0.5, 0.5, 1.0)],
        step=7,
        model={"weight": parameter.detach(), "count": torch.tensor(5)},
        average={"weight": torch.randn(4, 3).T},
        best={"weight": torch.randn(3, 4).half()},
        optimiser=optimiser.state_dict(),
    )


def _same(found: object, expected: object) -> bool:
    if isinstance(expected, torch.Tensor):
        return found.dtype == expected.dtype and torch.equal(found, expected)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            _same(found[key], expected[key]) for key in expected
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    return type(found) is type(expected) and found == expected


def test_what_is_saved_is_read_back(checkpoint, tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(path, checkpoint)
    found = load_checkpoint(path)
    for name, value in vars(checkpoint).items():
        assert _same(getattr(found, name), value), name
    save_checkpoint(path, replace(checkpoint, step=8))
    assert load_checkpoint(path).step == 8
    assert [file.name for file in tmp_path.iterdir()] == ["x.pt"]


def test_none_at_all(tmp_path):
    with pytest.raises(TrainingError, match=r"There is no checkpoint at .*x\.pt: start without"):
        load_checkpoint(tmp_path / "x.pt")


def test_cut_off_anywhere_it_is_damaged(checkpoint, tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(path, checkpoint)
    content = path.read_bytes()
    lengths = {*range(0, len(content), 97), *range(len(content) - 80, len(content)), 1, 2, 4}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        with pytest.raises(TrainingError, match=r"x\.pt is damaged: delete it and start anew\.$"):
            load_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"\x80\x02.", b"\x80\x02]q.", bytes(300), b"PK\x03\x04" + bytes(60)],
    ids=["text", "empty stack", "half a list", "zeros", "half a zip"],
)
def test_something_else_is_damaged(content, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        torch.zeros(3),
        [1, 2],
        {},
        {"schema": SCHEMA},
        {"schema": SCHEMA, "identity": "{", "history": "[]"},
        {"schema": SCHEMA, "identity": 5, "history": "[]"},
        {"schema": SCHEMA, "identity": "{}", "history": "[]", "surprise": 1},
        FIELDS | {"history": '[{"surprise": 1}]'},
        FIELDS | {"history": "[1]"},
    ],
)
def test_tensors_without_our_fields_are_damaged(content, tmp_path):
    path = tmp_path / "x.pt"
    torch.save(content, path)
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)


def test_the_fields_alone_are_not_what_is_damaged(tmp_path):
    torch.save(FIELDS, tmp_path / "x.pt")
    assert load_checkpoint(tmp_path / "x.pt").history == []


def test_another_version_is_named_as_such(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"schema": SCHEMA + 1, "fields": "of the future"}, path)
    with pytest.raises(TrainingError, match="another version of PneumoLens: start anew"):
        load_checkpoint(path)


class Attack:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("by_torch", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_code_in_a_checkpoint_does_not_run(by_torch, inside, tmp_path):
    path, mark = tmp_path / "x.pt", tmp_path / "mark"
    content = {"schema": SCHEMA, "model": Attack(mark)} if inside else Attack(mark)
    if by_torch:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)
    assert not mark.exists()
    # The attack is a real one.
    torch.load(path, weights_only=False) if by_torch else pickle.loads(path.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize("size", [0, 100, 5_000])
def test_a_full_disk_keeps_the_one_before(size, checkpoint, tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(path, checkpoint)
    before = path.read_bytes()
    big = replace(checkpoint, model={"weight": torch.zeros(100, 100)}, step=9)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="cannot be written, perhaps because the disk is full"):
            save_checkpoint(path, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.pt"]


def test_a_stop_while_saving_keeps_the_one_before(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save_checkpoint(path, checkpoint)

    def interrupted(_: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, replace(checkpoint, step=9))
    assert load_checkpoint(path).step == 7
    assert [file.name for file in tmp_path.iterdir()] == ["x.pt"]
