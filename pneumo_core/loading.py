"""A network and its weights from a file, without drawing random ones first."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from pneumo_core.architectures import ModelSpec, create_model


def load_network(spec: ModelSpec, weights: Path) -> nn.Module:
    """Build a network and give it the weights of a safetensors file, float32, in evaluation mode.

    Raises:
        RecipeError: The spec cannot be built.
        SafetensorError: The file is no safetensors file.
        RuntimeError: The weights are not this network's.
    """
    with _Uninitialised():
        model = create_model(spec)
    # Each is copied once, into the network itself.
    state = {name: _as_used(value) for name, value in load_file(weights).items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


class _Uninitialised(TorchFunctionMode):
    """While it lasts, the layers' own initialisation is skipped: weights stay as memory was.

    Only the functions of torch.nn.init that show themselves to a mode are, which is what layers are
    built with; what a network does on top is done. (Nothing below them may be skipped: some draw
    until all values lie in bounds. On torch's meta device, made for this, the first initialisation
    imports torch's compiler, which takes longer than it saves.)
    """

    def __torch_function__(
        self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Return the tensor that a function of torch.nn.init was to fill."""
        del types
        named = kwargs or {}
        if getattr(func, "__module__", "") == init.__name__:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _as_used(weights: Tensor) -> Tensor:
    """As float32, those of convolutions channels last; counters of batches as they are."""
    if not weights.is_floating_point():
        return weights
    layout = torch.channels_last if weights.ndim == 4 else torch.preserve_format
    return weights.to(torch.float32, memory_format=layout)
