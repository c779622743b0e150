"""What the machine offers a network: its devices, and the cheap precision of each."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from pneumo_core.errors import TrainingError


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple silicon, then the CPU.

    Raises:
        TrainingError: If the device is not there.
    """
    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    there = [device for device, count in counts.items() if count]
    if name == "auto":
        name = there[0]
    kind, colon, index = name.partition(":")
    number = int(index) if index.isdecimal() else math.inf if colon else 0
    if number >= counts.get(kind, 0):
        raise TrainingError(
            f"The device {name!r} is not there; this machine has: {', '.join(there)}."
        )
    return torch.device(name)


@dataclass(frozen=True)
class Autocast:
    """The cheap precision of a device: bfloat16 where its hardware has it, else none."""

    device: torch.device
    fast_dtype: torch.dtype | None

    def context(self) -> AbstractContextManager[object]:
        """Context in which matrix products run in `fast_dtype`."""
        if self.fast_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.fast_dtype)


def autocast(device: torch.device) -> Autocast:
    """The autocast for a device.

    On a CPU without bfloat16 instructions it would be emulated, several times slower than
    float32, so it is used only where the CPU has them.
    """
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        supported = False
    return Autocast(device, torch.bfloat16 if supported else None)


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Run deterministic algorithms in the block; it may change the number of threads meanwhile."""
    before = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    threads = torch.get_num_threads()
    # Some CUDA kernels have no deterministic form; the promise of bit-equality is the CPU's.
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned_only)
        torch.set_num_threads(threads)
