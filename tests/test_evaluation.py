"""Logits of a network over images."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from pneumo_core import evaluation
from pneumo_core.devices import Autocast
from pneumo_core.evaluation import predict_logits, view_averaged_logits
from pneumo_core.preprocess import Preprocess

PREPROCESS = Preprocess(4, mean=(0.5,), std=(0.25,))


class Net(nn.Module):
    """A linear network that notes how it is called."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.body = nn.BatchNorm2d(1)
        self.head = nn.Linear(16, outputs)
        self.seen: list[tuple[bool, bool, bool, int]] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        autocast = torch.is_autocast_enabled("cpu")
        self.seen.append((self.training, torch.is_grad_enabled(), autocast, len(inputs)))
        return self.head(self.body(inputs).flatten(1))


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def squares() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, 4, 4), dtype=np.uint8)


def _by_hand(net: Net, squares: np.ndarray) -> np.ndarray:
    """The linear network without torch: normalised pixels, batch norm at rest, weights."""
    inputs = (squares.astype(float) / 255 - 0.5) / 0.25 / np.sqrt(1 + net.body.eps)
    weight, bias = (p.detach().double().numpy() for p in (net.head.weight, net.head.bias))
    return (inputs.reshape(len(squares), 16) @ weight.T + bias)[:, 0]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_logits_by_hand_whatever_the_batch(net, squares, batch_size):
    found = predict_logits(net, PREPROCESS, squares, batch_size=batch_size)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, _by_hand(net, squares), atol=1e-6)
    assert [call[3] for call in net.seen] == {1: [1] * 10, 3: [3, 3, 3, 1]}.get(batch_size, [10])


def test_flip_average_is_the_mean_of_both_views(net, squares):
    found = predict_logits(net, PREPROCESS, squares, flip_average=True)
    plain, mirrored = _by_hand(net, squares), _by_hand(net, squares[:, :, ::-1])
    assert np.abs(plain - mirrored).max() > 0.1
    np.testing.assert_allclose(found, (plain + mirrored) / 2, atol=1e-6)


def test_views_are_averaged_as_log_odds_of_pneumonia():
    torch.manual_seed(0)
    net = Net(outputs=3).eval()
    inputs = torch.randn(5, 1, 4, 4)

    def odds(views: torch.Tensor) -> torch.Tensor:
        chances = net(views).softmax(dim=1)
        return torch.log((chances[:, 1] + chances[:, 2]) / chances[:, 0])

    expected = (odds(inputs) + odds(inputs.flip(3))) / 2
    torch.testing.assert_close(view_averaged_logits(net, inputs, True), expected)
    torch.testing.assert_close(view_averaged_logits(net, inputs, False), odds(inputs))


def test_another_reading_of_the_outputs(squares):
    torch.manual_seed(0)
    net = Net(outputs=3).eval()

    def difference(outputs: torch.Tensor) -> torch.Tensor:
        return outputs[:, 1] - outputs[:, 2]

    found = predict_logits(net, PREPROCESS, squares, flip_average=True, read=difference)
    with torch.no_grad():
        inputs = PREPROCESS.tensor(squares)
        expected = (difference(net(inputs)) + difference(net(inputs.flip(3)))) / 2
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert np.abs(found - predict_logits(net, PREPROCESS, squares, flip_average=True)).max() > 0.1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_every_modules_mode_is_put_back(net, squares, training, fails, monkeypatch):
    net.train(training)
    net.body.eval()  # as a frozen stage is
    statistics = {name: value.clone() for name, value in net.state_dict().items()}
    if fails:
        monkeypatch.setattr(PREPROCESS.__class__, "tensor", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict_logits(net, PREPROCESS, squares)
    else:
        predict_logits(net, PREPROCESS, squares)
        assert [call[:2] for call in net.seen] == [(False, False)]
    assert (net.training, net.body.training, net.head.training) == (training, False, training)
    assert torch.is_grad_enabled()
    for name, value in net.state_dict().items():
        assert torch.equal(value, statistics[name]), name


@pytest.mark.parametrize("fast", [True, False])
def test_the_cheap_precision_is_used_only_when_asked_for(net, squares, fast, monkeypatch):
    used = []

    @contextmanager
    def noted(dtype):
        used.append(dtype)
        with torch.autocast("cpu", dtype=dtype):
            yield

    class Fast(Autocast):
        def context(self):
            return noted(self.fast_dtype)

    monkeypatch.setattr(evaluation, "autocast", lambda device: Fast(device, torch.bfloat16))
    found = predict_logits(net, PREPROCESS, squares, fast=fast)
    assert (len(used), net.seen[0][2]) == ((1, True) if fast else (0, False))
    error = np.abs(found - _by_hand(net, squares)).max()
    assert 1e-4 < error < 0.1 if fast else error < 1e-6


def test_without_asking_no_precision_is_even_looked_up(net, squares, monkeypatch):
    monkeypatch.setattr(evaluation, "autocast", lambda _: 1 / 0)
    np.testing.assert_allclose(
        predict_logits(net, PREPROCESS, squares), _by_hand(net, squares), atol=1e-6
    )
