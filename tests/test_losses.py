"""Losses against torch's own and against values by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pneumo_core.errors import RecipeError
from pneumo_core.losses import Loss


@pytest.fixture
def batch():
    """Two-class outputs and labels of 40 images, 10 of them normal."""
    outputs = torch.randn(40, 2, generator=torch.Generator().manual_seed(1)) * 3
    return outputs, (torch.arange(40) >= 10).long()


def even(outputs: torch.Tensor) -> torch.Tensor:
    return torch.ones(max(outputs.shape[1], 2))


def test_one_logit_is_binary_cross_entropy(batch):
    outputs, labels = batch
    logits = outputs[:, :1]
    found = Loss()(logits, labels, even(logits))
    assert found.item() == pytest.approx(
        nn.BCEWithLogitsLoss()(logits[:, 0], labels.float()).item()
    )


def test_one_logit_by_hand():
    logits, labels = torch.tensor([[0.0], [math.log(3)]]), torch.tensor([1, 0])
    # Probabilities of pneumonia 1/2 and 3/4; the second film is normal.
    expected = (math.log(2) + math.log(4)) / 2
    assert Loss()(logits, labels, torch.ones(2)).item() == pytest.approx(expected)


def test_one_logit_smoothes_towards_a_half(batch):
    outputs, labels = batch
    logits = outputs[:, :1]
    found = Loss(label_smoothing=0.1)(logits, labels, even(logits))
    targets = labels.float() * 0.9 + 0.05
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], targets)
    assert found.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_two_outputs_are_torchs_cross_entropy(batch, balanced, smoothing):
    outputs, labels = batch
    loss = Loss(balanced=balanced, label_smoothing=smoothing)
    weights = loss.class_weights(labels, 2)
    expected = nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing)(outputs, labels)
    assert loss(outputs, labels, weights).item() == pytest.approx(expected.item(), rel=1e-6)


def test_three_outputs_are_torchs_cross_entropy():
    outputs = torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(30) % 3
    expected = nn.CrossEntropyLoss(label_smoothing=0.05)(outputs, labels)
    found = Loss(label_smoothing=0.05)(outputs, labels, torch.ones(3))
    assert found.item() == pytest.approx(expected.item())


def test_one_logit_weighs_classes_as_two_outputs_do(batch):
    outputs, labels = batch
    difference = outputs[:, 1:] - outputs[:, :1]
    for loss in (Loss(balanced=True, label_smoothing=0.1), Loss("focal", balanced=True)):
        weights = loss.class_weights(labels, 2)
        one, two = loss(difference, labels, weights), loss(outputs, labels, weights)
        assert one.item() == pytest.approx(two.item(), rel=1e-5)


def test_focal_loss_by_hand():
    logits, labels = torch.tensor([[math.log(3)], [math.log(3)]]), torch.tensor([1, 0])
    # Probability of the right class 3/4 and 1/4: (1/4)^2 log(4/3) and (3/4)^2 log 4.
    expected = (math.log(4 / 3) / 16 + math.log(4) * 9 / 16) / 2
    assert Loss("focal")(logits, labels, torch.ones(2)).item() == pytest.approx(expected)
    flatter = (math.log(4 / 3) / 2 + math.log(4) * math.sqrt(3) / 2) / 2
    found = Loss("focal", gamma=0.5)(logits, labels, torch.ones(2))
    assert found.item() == pytest.approx(flatter)


def test_focal_loss_is_weighed_by_class():
    logits, labels = torch.tensor([[math.log(3)], [math.log(3)]]), torch.tensor([1, 0])
    expected = (1 * math.log(4 / 3) / 16 + 3 * math.log(4) * 9 / 16) / 4
    found = Loss("focal")(logits, labels, torch.tensor([3.0, 1.0]))
    assert found.item() == pytest.approx(expected)


def test_focal_loss_without_focus_is_cross_entropy(batch):
    outputs, labels = batch
    weights = torch.tensor([2.0, 0.5])
    flat = Loss("focal", gamma=0, label_smoothing=0.1)(outputs, labels, weights)
    plain = Loss(label_smoothing=0.1)(outputs, labels, weights)
    assert flat.item() == pytest.approx(plain.item())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_sure_network_has_a_finite_gradient(gamma):
    # Sure and right, sure and wrong: float32 rounds these probabilities to 1 and 0.
    outputs = torch.tensor([[-40.0, 60.0], [50.0, -50.0]], requires_grad=True)
    loss = Loss("focal", gamma=gamma)(outputs, torch.tensor([1, 1]), torch.ones(2))
    loss.backward()
    assert loss.item() == pytest.approx(50)
    assert outputs.grad.abs().max() <= 0.5 + 1e-6
    assert outputs.grad[1].tolist() == pytest.approx([0.5, -0.5])


def test_half_precision_outputs_are_summed_in_full():
    outputs = torch.tensor([[3.0, 1.0], [0.5, 2.0]])
    labels = torch.tensor([0, 0])
    found = Loss()(outputs.bfloat16(), labels, torch.ones(2))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(Loss()(outputs, labels, torch.ones(2)).item(), rel=1e-6)


def test_balanced_weights_by_hand():
    labels = torch.tensor([0] * 10 + [1] * 30)
    # 40 / (2 * 10) and 40 / (2 * 30): each class weighs 20 in all.
    assert Loss(balanced=True).class_weights(labels, 2).tolist() == pytest.approx([2, 2 / 3])
    assert Loss().class_weights(labels, 2).tolist() == [1, 1]


def test_balanced_weights_of_three_classes_by_hand():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2] * 3)
    weights = Loss(balanced=True).class_weights(labels, 3)
    assert weights.tolist() == pytest.approx([12 / 18, 12 / 9, 12 / 9])
    assert weights[labels].mean().item() == pytest.approx(1)


def test_a_class_without_images_has_a_finite_weight():
    weights = Loss(balanced=True).class_weights(torch.tensor([1, 1, 1]), 3)
    assert weights.tolist() == pytest.approx([1, 1 / 3, 1])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "hinge"}, "name must be one of cross_entropy, focal"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing must be at least 0 and below 1"),
        ({"label_smoothing": math.nan}, "label_smoothing must be at least 0 and below 1"),
        ({"gamma": -1.0}, "gamma must be at least 0"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(fields, sentence):
    with pytest.raises(RecipeError, match=f"^loss: {sentence}"):
        Loss(**fields)


@pytest.mark.parametrize("loss", [Loss(), Loss("focal", balanced=True), Loss(label_smoothing=0.1)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_parts_of_a_batch_add_up_to_its_loss_and_gradient(loss, outputs, batch):
    logits, labels = batch
    logits = logits[:, :outputs].requires_grad_()
    weights = loss.class_weights(labels, 2)
    whole = loss(logits, labels, weights)
    # Uneven parts, the first without the rarer class's share.
    parts = [
        loss.part(logits[part], labels, part, weights) for part in (slice(0, 13), slice(13, 40))
    ]
    assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-6)
    expected, found = (torch.autograd.grad(value, logits)[0] for value in (whole, sum(parts)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    assert loss.part(logits, labels, slice(None), weights).item() == whole.item()
