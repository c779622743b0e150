"""Pooled features: what the head is given."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pneumo_core.architectures import ModelSpec, create_model, head_module, members_of
from pneumo_core.features import pooled_features
from pneumo_core.preprocess import Preprocess

PREPROCESS = Preprocess(32, mean=(0.5,), std=(0.25,))
SPEC = ModelSpec("cnn", channels=1, outputs=3, stem="small", hidden=8, dropout=0.5)


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)


def _network(spec: ModelSpec = SPEC, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return create_model(spec)


@pytest.mark.parametrize(
    ("spec", "width"),
    [(SPEC, 256), (ModelSpec("resnet18", channels=1, stem="small"), 512)],
    ids=lambda value: str(getattr(value, "architecture", value)),
)
def test_the_head_makes_the_outputs_of_them(squares, spec, width):
    model = _network(spec)
    features = pooled_features(model, spec, PREPROCESS, squares)
    assert (features.dtype, features.shape) == (np.float32, (5, width))
    model.eval()
    with torch.no_grad():
        expected = model(PREPROCESS.tensor(squares))
        found = head_module(model, spec)(torch.from_numpy(features))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_batches_change_nothing(squares):
    model = _network()
    whole = pooled_features(model, SPEC, PREPROCESS, squares)
    parts = pooled_features(model, SPEC, PREPROCESS, squares, batch_size=2)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    assert np.abs(whole[0] - whole[1]).max() > 0.01


def test_an_ensembles_are_its_members_side_by_side(squares):
    spec = replace(SPEC, members=2)
    both = _network(spec)
    found = pooled_features(both, spec, PREPROCESS, squares)
    alone = [pooled_features(one, SPEC, PREPROCESS, squares) for one in members_of(both)]
    np.testing.assert_array_equal(found, np.concatenate(alone, axis=1))
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_the_network_is_left_as_it_was(squares):
    model = _network().train()
    head_module(model, SPEC).eval()
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    pooled_features(model, SPEC, PREPROCESS, squares)
    assert (model.training, head_module(model, SPEC).training) == (True, False)
    assert not head_module(model, SPEC)._forward_pre_hooks
    for name, value in model.state_dict().items():
        assert torch.equal(value, statistics[name]), name


def test_a_failing_forward_leaves_no_hook(squares):
    model = _network(replace(SPEC, channels=3))
    with pytest.raises(RuntimeError):
        pooled_features(model, SPEC, PREPROCESS, squares)
    assert not head_module(model, SPEC)._forward_pre_hooks
