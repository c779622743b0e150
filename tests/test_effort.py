"""How long maps and checks take: the runs of the network are counted right."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pneumo_core import effort
from pneumo_core.architectures import ModelSpec, create_model
from pneumo_core.effort import FILMS, TIMES, Effort, measure
from pneumo_core.explain import METHODS, explain
from pneumo_core.preprocess import Preprocess
from pneumo_core.trust import check

CNN = ModelSpec("cnn", channels=1, stem="small")
AS_IS = Preprocess(input_size=32, mean=(0.5,), std=(0.1,))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return create_model(CNN).eval()


@pytest.fixture
def films_run(monkeypatch: pytest.MonkeyPatch, model: nn.Module) -> list[int]:
    """How many films each run of the network takes, copies of it included."""
    seen: list[int] = []
    forward = type(model).forward

    def counted(self: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        return forward(self, inputs)

    monkeypatch.setattr(type(model), "forward", counted)
    return seen


@pytest.mark.parametrize("method", METHODS)
def test_a_map_runs_the_network_as_often_as_counted(model, films_run, method):
    explain(model, CNN, torch.rand(1, 1, 32, 32), method=method, layer="block1")
    counted = Effort(1.0, channels=32).of_map(method)
    if METHODS[method].slow:
        assert sum(films_run) in (counted, counted + 1)  # it looks at the film itself, too
    elif method == "occlusion":
        assert sum(films_run) == counted
    else:  # what goes back is not seen here
        assert 3 * sum(films_run) == counted


@pytest.mark.parametrize("method", ["gradcam", "occlusion"])
def test_the_checks_run_it_as_often_as_counted(model, films_run, monkeypatch, method):
    monkeypatch.setattr(effort, "BACKWARD", 0)
    square = torch.randint(0, 255, (32, 32), dtype=torch.uint8).numpy()
    check(model, CNN, AS_IS, square, method=method, layer="block1")
    assert sum(films_run) == Effort(1.0, channels=32).of_checks(method)


def test_the_time_is_that_of_a_film_among_others_and_the_channels_are_the_stages(
    model, films_run, monkeypatch
):
    times = iter([10.0, 18.0, 20.0, 24.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    model.train()
    found = measure(model, CNN, AS_IS, "block2")
    assert model.training
    model.eval()
    assert found == Effort(forward=4 / FILMS, channels=64)
    assert films_run == [1, *[FILMS] * TIMES]
    assert not [hook for module in model.modules() for hook in module._forward_hooks]


def test_of_an_ensemble_the_stage_is_a_members():
    spec = replace(CNN, members=2)
    assert measure(create_model(spec), spec, AS_IS).channels == 256
