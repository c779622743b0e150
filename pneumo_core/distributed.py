"""Training by several processes, as torchrun starts them: one a core, or one a GPU.

Each process (a rank) holds the whole network and works on its share of every batch; gradients
become those of the whole batch, and all ranks take the same step. A process on its own is a team
of one, for which everything here is free and changes nothing.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pneumo_core.devices import pick_device
from pneumo_core.errors import LostProcessError, TrainingError

Value = TypeVar("Value")

PATIENCE = timedelta(minutes=30)
"""How long ranks wait for one another, e.g. for the first to download the data. A rank that has
ended is noticed at once; this is only for one that neither works nor ends."""


@dataclass(frozen=True)
class Share:
    """One rank's part of a batch, or of anything that has an order.

    Attributes:
        start: Place of the first, in the whole.
        stop: Place behind the last.
        counts: False where there were too few for all ranks: this one then does what the first
            rank does, so that none waits for it, and its results must weigh nothing.
    """

    start: int
    stop: int
    counts: bool = True

    @property
    def part(self) -> slice:
        """To cut it out of the whole."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Team:
    """The processes that train together, as one of them sees them.

    Every method with "all ranks" in its first line must be called by all of them, in the same
    order; a lone process gets back what it gave.

    Attributes:
        rank: This process, from 0; rank 0 alone speaks to the user and writes files.
        size: How many there are, on all machines.
        local_rank: This process among those of its machine, from 0.
        neighbours: How many its machine has.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    neighbours: int = 1

    @classmethod
    def called(cls, environment: Mapping[str, str]) -> "Team":
        """The team that torchrun describes in the environment; a lone process without torchrun."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        if "TORCHELASTIC_RUN_ID" not in environment:
            return cls()
        return cls(*(int(environment[name]) for name in names))

    @property
    def leads(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device of that name, as `pick_device`; of several CUDA devices, this rank's own.

        Raises:
            TrainingError: If it is not there, or several processes cannot share its kind.
        """
        device = pick_device(name)
        if self.size == 1 or device.type == "cpu":
            return device
        if device.type == "cuda":
            return pick_device(f"cuda:{self.local_rank}")
        if name == "auto":
            return torch.device("cpu")
        raise TrainingError(
            f"Several processes train on CPUs or on CUDA devices, not on {device.type}: "
            "add --device cpu."
        )

    def share(self, count: int, least: int = 1) -> Share:
        """This rank's share of `count` things: contiguous, as even as can be, in the ranks' order.

        Args:
            count: How many there are, at least 1.
            least: The fewest that are worth a share; where they do not suffice for all ranks, the
                last ranks' shares do not count.
        """
        workers = max(1, min(self.size, count // least))
        place = self.rank if self.rank < workers else 0
        start, stop = (count * edge // workers for edge in (place, place + 1))
        return Share(start, stop, counts=self.rank < workers)

    def blocks(self, count: int, block: int) -> Share:
        """This rank's share of `count` things that are worked on in blocks, in whole blocks.

        So they are the blocks that a single process works on, and its sums are rounded likewise.
        """
        dealt = self.share(-(-count // block))
        return Share(dealt.start * block, min(dealt.stop * block, count), dealt.counts)

    def seed(self, common: int) -> int:
        """A seed for what each rank draws for itself; rank 0 has the common one."""
        return (common + (self.rank << 50)) % 2**63

    def total(self, values: Tensor) -> Tensor:
        """The sum over all ranks of a tensor of one shape; bit for bit the same in each."""
        if self.size > 1:
            values = values.detach().clone()
            dist.all_reduce(values)
        return values

    def told(self, value: Value) -> Value:
        """What rank 0 says to all ranks: its value, whatever theirs is."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def agreed(self, value: object) -> bool:
        """Whether all ranks have an equal value."""
        if self.size == 1:
            return True
        found: list[object] = [None] * self.size
        dist.all_gather_object(found, value)
        return all(other == value for other in found)

    def normed(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The network with batch norm over all ranks' shares, where there is such a thing: on CUDA.

        On CPUs each rank normalises its own share. The state's names stay as they are.
        """
        if self.size == 1 or device.type != "cuda":
            return model
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)

    def sharing(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass gives all ranks the mean of their gradients.

        It shares its parameters, of which those that require gradients must all be used.
        """
        if self.size == 1:
            return module
        shared = nn.parallel.DistributedDataParallel(module)
        # Running statistics are joined once an epoch instead of sent before each batch. Set here,
        # for the argument goes by another name from torch 2.13 on.
        shared.broadcast_buffers = False
        return shared

    @torch.no_grad()
    def join_statistics(
        self, model: nn.Module, average: Mapping[str, Tensor], still: tuple[str, ...]
    ) -> None:
        """Batch norm's running statistics become the mean of those of all ranks, in place.

        Once an epoch is enough: their moving average, and the weights', are sums all the same.

        Args:
            model: The network.
            average: The moving average of its state.
            still: How the names of what is frozen begin: it is the same everywhere, and its mean
                might be rounded.
        """
        if self.size == 1:
            return
        for name, of_model in model.named_buffers():
            if of_model.is_floating_point() and not name.startswith(still):
                for values in (of_model, average[name]):
                    values.copy_(self.total(values) / self.size)


ALONE = Team()
"""A single process."""


@contextmanager
def joined(team: Team, device: torch.device) -> Iterator[None]:
    """Connect the team while the block lasts: gloo for the CPU, nccl as well for CUDA.

    Raises:
        LostProcessError: If another process ends before this one, or cannot be reached.
    """
    if team.size == 1:
        yield
        return
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    if team.neighbours == team.size and (loopback := _loopback()):
        # All on one machine: whatever its name resolves to, and unseen from outside.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    try:
        dist.init_process_group(backend, timeout=PATIENCE)
        yield
    except RuntimeError as error:
        if not _lost(error):
            raise
        raise LostProcessError(
            "Another process of this training has ended or cannot be reached"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _loopback() -> str | None:
    there = {name for _, name in socket.if_nameindex()} if hasattr(socket, "if_nameindex") else ()
    return next((name for name in ("lo", "lo0") if name in there), None)


def _lost(error: RuntimeError) -> bool:
    """Whether it is the connection that failed: gloo has no kind of its own for that."""
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()
