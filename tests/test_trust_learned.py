"""Forgetful copies: what is drawn anew, what stays, and how like their maps are."""

import numpy as np
import pytest
import torch

from pneumo_core.architectures import ARCHITECTURES, ModelSpec, create_model, stage_module
from pneumo_core.cells import in_cells, rank_correlation
from pneumo_core.explain import explain, explain_by
from pneumo_core.trust_learned import (
    DRAWS,
    INPUT_DRAWS,
    Learned,
    draws_for,
    forgetful,
    learned,
    unrelated,
)
from tests.planted import CNN, bright, films, learnt


@pytest.fixture(scope="module")
def trained():
    return learnt(bright)


def changed_stages(model, other, spec):
    """Names of the stages whose weights differ."""
    return {
        stage
        for stage in ARCHITECTURES[spec.architecture].stages
        if any(
            not torch.equal(a, b)
            for a, b in zip(
                stage_module(model, spec, stage).state_dict().values(),
                stage_module(other, spec, stage).state_dict().values(),
                strict=True,
            )
        )
    }


def test_heads_and_last_stages_are_forgotten_in_turn_and_nothing_else(trained):
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    state = torch.get_rng_state()
    found = list(forgetful(trained, CNN, draws=2, seed=3))
    assert [kind for kind, _ in found] == ["head", "stage", "head", "stage"]
    assert changed_stages(trained, found[0][1], CNN) == {"head"}
    assert changed_stages(trained, found[1][1], CNN) == {"head", "block4"}
    assert changed_stages(found[0][1], found[2][1], CNN) == {"head"}
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    again = next(forgetful(trained, CNN, draws=2, seed=3))[1]
    assert changed_stages(found[0][1], again, CNN) == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("densenet121", {"head", "denseblock4", "norm5"}),  # the last stage is an activation
        ("resnet18_cbam", {"head", "layer4"}),
    ],
)
def test_what_feeds_a_last_stage_without_weights_is_forgotten_with_it(name, expected):
    spec = ModelSpec(name, channels=1, stem="small")
    model = create_model(spec)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(norm.weight, 0.7)  # as if it had learnt something
    *_, (_, other) = forgetful(model, spec, draws=1)
    assert changed_stages(model, other, spec) == expected


def test_new_weights_are_spread_as_torch_spreads_them(trained):
    *_, (_, other) = forgetful(trained, CNN, draws=1)
    weight = stage_module(other, CNN, "block4")[4 + 1].weight  # the second convolution's
    bound = 1 / np.sqrt(weight[0].numel())
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    norm = stage_module(other, CNN, "block4")[2]
    assert (norm.weight == 1).all()
    assert (norm.running_var == 1).all()


def test_every_member_of_an_ensemble_forgets():
    spec = ModelSpec("cnn", channels=1, stem="small", members=2)
    model = create_model(spec)
    (_, other), _ = forgetful(model, spec, draws=1)
    single = ModelSpec("cnn", channels=1, stem="small")
    for before, after in zip(model.members, other.members, strict=True):
        assert changed_stages(before, after, single) == {"head"}
    heads = [member.classifier[0].weight for member in other.members]
    assert not torch.equal(*heads)


def likenesses(model, method, images):
    """What the forgetful copies' maps at block2 have in common with the model's own."""
    drawn = explain_by(model, CNN, images, [method], layer="block2")[method]
    maps = {method: [each.evidence for each in drawn]}
    copies = forgetful(model, CNN)
    return learned(copies, CNN, images, maps, target="Pneumonia", layer="block2")[method]


def test_a_map_that_ignores_the_head_is_found_out_and_one_that_reads_it_is_not(trained):
    images, _ = films(bright, 2, np.ones(6, int))
    # At block2 neither head nor block4 has a say in what Eigen-CAM draws. Two films of it: the
    # library takes a second over each map.
    found = likenesses(trained, "eigencam", images[:2])
    assert [each.head for each in found] == pytest.approx([1] * 2)
    assert [each.stage for each in found] == pytest.approx([1] * 2)
    reading = likenesses(trained, "hirescam", images)
    assert np.mean([each.highest for each in reading]) < 0.5


def test_likeness_is_the_mean_rank_correlation_over_the_draws(trained):
    images, _ = films(bright, 2, np.ones(1, int))
    own = explain(trained, CNN, images)[0].evidence
    copies = list(forgetful(trained, CNN, draws=2))
    found = learned(copies, CNN, images, {"gradcam": [own]}, target="Pneumonia")["gradcam"][0]
    likeness = [
        rank_correlation(in_cells(own), in_cells(explain(copy, CNN, images)[0].evidence))
        for _, copy in copies
    ]
    assert found.head == pytest.approx((likeness[0] + likeness[2]) / 2)
    assert found.stage == pytest.approx((likeness[1] + likeness[3]) / 2)
    assert found.highest == max(found.head, found.stage)


def test_a_map_without_contrast_has_no_likeness(trained):
    images, _ = films(bright, 2, np.ones(1, int))
    blank = {"gradcam": [np.zeros((4, 4), np.float32)]}
    found = learned(forgetful(trained, CNN, 1), CNN, images, blank, target="Normal")["gradcam"]
    assert found == [Learned(head=None, stage=None)]
    assert found[0].highest is None


def test_methods_that_run_the_network_often_get_fewer_draws():
    assert draws_for("gradcam") == DRAWS
    assert draws_for("occlusion") == draws_for("integrated") == INPUT_DRAWS


def test_unrelated_maps_meet_one_other_each():
    ramp = np.arange(64.0)
    assert unrelated(np.stack([ramp, -ramp])).tolist() == pytest.approx([-1, -1])
    cells = np.random.default_rng(0).normal(size=(200, 64))
    found = unrelated(cells)
    assert found.size == 200
    assert abs(found.mean()) < 0.05
    assert found.std() == pytest.approx(1 / np.sqrt(63), rel=0.15)
    assert unrelated(np.stack([ramp, np.zeros(64), ramp])).size == 1
