"""Which devices there are, and when the cheap precision is used."""

import pytest
import torch

from pneumo_core.devices import Autocast, autocast, pick_device
from pneumo_core.errors import TrainingError


def _machine(monkeypatch, cuda: int, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda")]
)
def test_auto_takes_the_fastest_that_is_there(monkeypatch, cuda, mps, best):
    _machine(monkeypatch, cuda, mps)
    assert pick_device() == torch.device(best)


def test_a_device_may_be_numbered(monkeypatch):
    _machine(monkeypatch, cuda=2, mps=False)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    assert pick_device("cpu:0") == torch.device("cpu", 0)


@pytest.mark.parametrize(
    "name", ["cuda:2", "mps", "tpu", "", "cpu:", "cpu:x", "cuda:-1", "cuda:0:1"]
)
def test_a_device_that_is_not_there_is_named_with_those_that_are(monkeypatch, name):
    _machine(monkeypatch, cuda=2, mps=False)
    with pytest.raises(TrainingError) as caught:
        pick_device(name)
    assert str(caught.value) == (f"The device {name!r} is not there; this machine has: cuda, cpu.")


@pytest.mark.parametrize("supported", [True, False])
def test_the_cpu_is_cheap_only_with_bfloat16_instructions(monkeypatch, supported):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    device = torch.device("cpu")
    assert autocast(device) == Autocast(device, torch.bfloat16 if supported else None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, None])
def test_products_run_in_the_fast_type(dtype):
    with Autocast(torch.device("cpu"), dtype).context():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (dtype or torch.float32)
    assert product.tolist() == [[2, 2], [2, 2]]
