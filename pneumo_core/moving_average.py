"""The moving average of the weights, which is what a run validates and keeps."""

from collections.abc import Mapping

import torch
from torch import Tensor


def blended(
    start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights that lie a share of the way from `start` to `end`; counters are those of `end`."""
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }


class MovingAverage:
    """An exponential moving average of a network's state, batch-norm statistics included.

    Attributes:
        decay: What is kept of it at each step, at most; 0 to be the state itself.
        values: The average.
        steps: How many states have gone into it.
    """

    def __init__(self, decay: float, values: Mapping[str, Tensor], steps: int = 0) -> None:
        self.decay, self.values, self.steps = decay, dict(values), steps

    @torch.no_grad()
    def follow(self, state: Mapping[str, Tensor], still: tuple[str, ...] = ()) -> None:
        """Take up a state.

        Args:
            state: Of the same names as `values`.
            still: How the names of what has not changed begin: on a large network its average
                would cost more than a head.
        """
        self.steps += 1
        # The average warms up, or the random start would linger in it for long.
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        current = {name: value for name, value in state.items() if not name.startswith(still)}
        moving = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.values[name] for name in moving],
            [current[name] for name in moving],
            1 - decay if self.decay else 1.0,
        )
        for name, value in current.items():
            if not value.is_floating_point():
                self.values[name].copy_(value)
