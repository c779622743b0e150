"""Maps: they land on planted signals, add up to the logit, and leave no trace behind."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pneumo_core.architectures import (
    ARCHITECTURES,
    ModelSpec,
    cam_stage,
    create_model,
    head_module,
    pneumonia_logit,
    stage_module,
)
from pneumo_core.colouring import colour_table, overlay
from pneumo_core.errors import PneumoError, RecipeError
from pneumo_core.explain import METHODS, LogitTarget, explain
from pneumo_core.files import PROJECT_FOLDER

SIDE, SQUARE = 32, 6
CNN = ModelSpec("cnn", channels=1, stem="small")
SIGN = {"Normal": -1, "Pneumonia": 1}


def films(seed, planted):
    """Noise with a dark square (a sign of Normal), a bright one (of Pneumonia), both or neither.

    `planted` is (N, 2) of 0 and 1. Returns the images and the squares' corners (N, 2, 2).
    """
    random = np.random.default_rng(seed)
    images = random.normal(0, 0.3, (len(planted), 1, SIDE, SIDE)).astype(np.float32)
    corners = random.integers(1, SIDE - SQUARE - 1, (len(planted), 2, 2))
    for image, kinds, places in zip(images, planted, corners, strict=True):
        for kind, (row, column), value in zip(kinds, places, (-1.5, 1.5), strict=True):
            image[0, row : row + SQUARE, column : column + SQUARE] += kind * value
    return torch.from_numpy(images), corners


@pytest.fixture(scope="module")
def trained():
    """A CNN that has learnt to weigh bright squares against dark ones."""
    torch.manual_seed(0)
    model = create_model(CNN)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for step in range(60):
        planted = np.random.default_rng(step).integers(0, 2, (16, 2))
        images, _ = films(1000 + step, planted)
        wanted = torch.from_numpy((1 + planted[:, 1] - planted[:, 0]) / 2).float()
        loss = F.binary_cross_entropy_with_logits(pneumonia_logit(model(images)), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def pointing_game(results, corners):
    """Share of maps whose peak is on the square, give or take one cell of 2 px."""
    hits = 0
    for result, (row, column) in zip(results, corners, strict=True):
        peak = np.unravel_index(result.map.argmax(), result.map.shape)
        inside = [c - 2 <= p < c + SQUARE + 2 for p, c in zip(peak, (row, column), strict=True)]
        hits += all(inside)
    return hits / len(results)


def settled(spec, size, seed=0):
    """A random network whose batch norm knows what to expect, and images."""
    torch.manual_seed(seed)
    model = create_model(spec)
    images = torch.rand(2, spec.channels, size, size)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches seen
    with torch.no_grad():
        model.train()(images)
    return model.eval(), images


def test_the_map_lands_on_the_sign_of_the_class_that_is_asked_for(trained):
    for kind, target in enumerate(SIGN):
        alone = np.zeros((100, 2), int)
        alone[:, kind] = 1
        for planted in (alone, np.ones((100, 2), int)):  # by itself, and beside the other one
            images, corners = films(7 + kind, planted)
            results = explain(trained, CNN, images, target=target, layer="block2")
            assert pointing_game(results, corners[:, kind]) >= 0.95


@pytest.mark.parametrize(
    "method", [m.name for m in METHODS.values() if m.by_class and not m.slow and not m.control]
)
def test_every_method_that_knows_the_class_tells_the_two_signs_apart(trained, method):
    images, corners = films(9, np.ones((50, 2), int))
    for kind, target in enumerate(SIGN):
        results = explain(trained, CNN, images, method=method, target=target, layer="block2")
        assert pointing_game(results, corners[:, kind]) >= 0.9
        assert pointing_game(results, corners[:, 1 - kind]) <= 0.3


@pytest.mark.parametrize("method", [m.name for m in METHODS.values() if not m.by_class])
def test_a_method_that_does_not_know_the_class_draws_the_same_map_for_both(trained, method):
    images, _ = films(9, np.ones((4, 2), int))
    normal = explain(trained, CNN, images, method=method, target="Normal")
    pneumonia = explain(trained, CNN, images, method=method, target="Pneumonia")
    for one, other in zip(normal, pneumonia, strict=True):
        assert one.map.max() == 1
        assert np.array_equal(one.map, other.map)


def test_eigen_cam_is_the_first_principal_component(trained):
    images, _ = films(3, np.ones((2, 2), int))
    result = explain(trained, CNN, images, method="eigencam", layer="block3")[1]
    with torch.no_grad():
        activations = trained.features[:3](images)[1].flatten(1).T.numpy()
    activations = activations - activations.mean(0)
    expected = activations @ np.linalg.svd(activations)[2][0]
    expected = expected if expected.max() > -expected.min() else -expected
    assert np.allclose(result.evidence.ravel(), expected, atol=1e-3)


def test_score_cam_finds_the_signal_too(trained):
    images, corners = films(5, np.tile([0, 1], (3, 1)))
    results = explain(trained, CNN, images, method="scorecam", layer="block2")
    assert pointing_game(results, corners[:, 1]) == 1


@pytest.mark.parametrize("target", SIGN)
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_the_target_is_the_log_odds_of_the_class(outputs, target):
    rows = torch.randn(4, outputs)
    score = LogitTarget(target)
    expected = SIGN[target] * pneumonia_logit(rows)
    assert torch.allclose(torch.stack([score(row) for row in rows]), expected)


@pytest.mark.parametrize("target", SIGN)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_evidence_adds_up_to_the_logit_in_every_network_with_all_of_it_frozen(name, target):
    spec = ModelSpec(name, channels=3)
    model, images = settled(spec, 139 if name == "inception_v3" else 64)
    model.requires_grad_(False)
    last = ARCHITECTURES[name].cam_stages[-1]
    with torch.no_grad():
        logits = model(images)[:, 0].numpy()
    bias = head_module(model, spec)[-1].bias.item()
    results = explain(model, spec, images, target=target, layer=last)
    total = np.array([result.evidence.sum() for result in results])
    assert np.abs(logits - bias).min() > 1e-4
    assert total == pytest.approx(SIGN[target] * (logits - bias), rel=1e-3, abs=1e-5)
    for result in results:
        assert result.worth - result.against == pytest.approx(result.evidence.sum(), abs=1e-4)
        assert result.map.shape == images.shape[2:]


@pytest.mark.parametrize(
    ("name", "stem"),
    [(name, "standard") for name in ARCHITECTURES]
    + [(name, "small") for name, entry in ARCHITECTURES.items() if entry.small_stem],
)
def test_every_stage_on_offer_gives_the_evidence_that_plain_autograd_gives(name, stem):
    spec = ModelSpec(name, channels=1, stem=stem, outputs=3)
    size = {"small": 16, "standard": 64}[stem] if name != "inception_v3" else 107
    model, images = settled(spec, size)
    assert explain(model, spec, images)[0].layer == cam_stage(spec)
    for stage in ARCHITECTURES[name].cam_stages:
        kept = []
        module = stage_module(model, spec, stage)
        hook = module.register_forward_hook(lambda _m, _i, out, kept=kept: kept.append(out))
        logit = pneumonia_logit(model(images)).sum()
        hook.remove()
        (gradient,) = torch.autograd.grad(logit, kept[0])
        weights = gradient.mean((2, 3), keepdim=True)
        expected = (weights * kept[0]).sum(1).detach().numpy()
        evidence = np.stack([r.evidence for r in explain(model, spec, images, layer=stage)])
        scale = np.abs(expected).max()
        assert scale > 0
        assert np.abs(evidence - expected).max() <= 1e-4 * scale


def test_a_map_is_its_positive_evidence_enlarged_and_scaled_by_its_own_peak(trained):
    images, _ = films(1, np.ones((1, 2), int))
    (result,) = explain(trained, CNN, images, layer="block3")
    positive = torch.from_numpy(np.maximum(result.evidence, 0))[None, None]
    enlarged = F.interpolate(positive, size=(SIDE, SIDE), mode="bilinear")[0, 0].numpy()
    assert np.allclose(result.map, enlarged / enlarged.max(), atol=1e-6)
    assert result.map.max() == 1
    assert result.map.dtype == result.evidence.dtype == np.float32
    assert result.worth == pytest.approx(positive.sum().item(), rel=1e-5)
    assert result.against == pytest.approx(-np.minimum(result.evidence, 0).sum(), rel=1e-5)
    assert result.against > 0
    assert (result.method, result.target, result.layer) == ("gradcam", "Pneumonia", "block3")


def test_a_network_without_evidence_gives_a_blank_map_worth_nothing():
    model = create_model(CNN)
    head = head_module(model, CNN)[0]
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, 3.0)  # sure, whatever it sees
    images, _ = films(0, np.ones((2, 2), int))
    for method in ("gradcam", "hirescam", "layercam", "gradcam++"):
        for result in explain(model, CNN, images, method=method):
            assert not result.map.any()
            assert result.worth == result.against == 0


def test_rounding_error_is_not_blown_up_to_a_red_spot():
    model, images = settled(CNN, SIDE)
    with torch.no_grad():
        head_module(model, CNN)[0].weight.mul_(1e-9)
    (result, _) = explain(model, CNN, images)
    assert 0 < result.worth + result.against < 1e-6
    assert not result.map.any()


def test_evidence_that_is_equal_everywhere_points_nowhere_and_keeps_its_worth():
    model = create_model(CNN)
    norm = model.features[3][6]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.zeros_(norm.weight)
    nn.init.ones_(norm.bias)  # every activation of the last stage is 1
    head = head_module(model, CNN)[0]
    nn.init.constant_(head.weight, 0.01)
    images, _ = films(0, np.ones((1, 2), int))
    (result,) = explain(model, CNN, images, layer="block4")
    assert result.worth == pytest.approx(256 * 0.01, rel=1e-5)
    assert not result.map.any()
    (other,) = explain(model, CNN, images, layer="block4", target="Normal")
    assert (other.worth, other.against) == (0, pytest.approx(2.56, rel=1e-5))
    assert not other.map.any()


def traces(model):
    """Everything about a model that explaining it must not change."""
    modules = list(model.modules())
    hooks = [
        len(table)
        for m in modules
        for table in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)
    ]
    modes = [m.training for m in modules]
    flags = [p.requires_grad for p in model.parameters()]
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    buffers = [b.clone() for b in model.buffers()]
    return hooks, modes, flags, gradients, buffers


def same(before, after):
    def equal(one, other):
        return torch.equal(one, other) if torch.is_tensor(one) else one is other or one == other

    return all(
        len(a) == len(b) and all(map(equal, a, b)) for a, b in zip(before, after, strict=True)
    )


@pytest.fixture
def busy():
    """A model in the middle of training: mixed modes, partly frozen, with gradients and a hook."""
    model, images = settled(CNN, SIDE)
    model.train()
    model.features[1].eval()
    model.features[0].requires_grad_(False)
    model.classifier.register_forward_hook(lambda *_: None)
    pneumonia_logit(model(images)).sum().backward()
    assert model.classifier[0].weight.grad.abs().sum() > 0
    return model, images


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_left_behind(busy, method):
    model, images = busy
    before = traces(model)
    images.requires_grad_(True)
    explain(model, CNN, images, method=method, layer="block2")
    assert same(before, traces(model))
    assert images.grad is None


class BreaksInTheMiddle(nn.Module):
    def forward(self, _):
        raise IndexError("in the head")


def test_nothing_is_left_behind_by_an_error_and_the_error_is_not_swallowed(busy, monkeypatch):
    model, images = busy
    before = traces(model)
    head = model.classifier
    model.classifier = BreaksInTheMiddle()
    with pytest.raises(IndexError, match="in the head"):
        explain(model, CNN, images)
    model.classifier = head
    assert same(before, traces(model))

    def refuses(*_):
        raise IndexError("in the method")

    broken = replace(METHODS["gradcam"], on_layer=refuses)
    monkeypatch.setitem(METHODS, "gradcam", broken)
    with pytest.raises(IndexError, match="in the method"):
        explain(model, CNN, images)
    assert same(before, traces(model))


def test_methods_that_run_the_network_again_do_so_without_hooks(trained, monkeypatch):
    counted = []
    draw = METHODS["scorecam"].on_layer

    def watched(seen):
        seen.layer.register_forward_hook(lambda *_: counted.append(len(seen.layer._forward_hooks)))
        return draw(seen)

    monkeypatch.setitem(METHODS, "scorecam", replace(METHODS["scorecam"], on_layer=watched))
    images, _ = films(2, np.ones((1, 2), int))
    explain(trained, CNN, images, method="scorecam")
    assert counted == [1] * 16  # 256 channels, 16 at a time; the hook is the test's own
    stage_module(trained, CNN, "block4")._forward_hooks.clear()


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("gradcam", "GradCAM"),
        ("hirescam", "HiResCAM"),
        ("gradcam++", "GradCAMPlusPlus"),
        ("layercam", "LayerCAM"),
        ("scorecam", "ScoreCAM"),
    ],
)
@pytest.mark.parametrize(
    ("spec", "layer", "module"),
    [
        (CNN, "block2", lambda model: model.features[1]),
        (ModelSpec("resnet18", channels=3, outputs=2), "layer4", lambda model: model.layer4[-1]),
    ],
)
def test_raw_maps_are_pytorch_grad_cams(spec, layer, module, method, theirs):
    import pneumo_core.vision  # noqa: F401  # before whatever imports torchvision

    # isort: split
    import pytorch_grad_cam

    model, images = settled(spec, 64)
    if method == "scorecam":
        images = images[:1]  # it runs the network once a channel
    (cam,) = [getattr(pytorch_grad_cam, theirs)(model, [module(model)])]
    scores = [LogitTarget("Normal")] * len(images)
    drawn = cam(images.clone(), scores)  # to have its activations and gradients
    inside = cam.activations_and_grads
    gradients = inside.gradients[0].numpy() if inside.gradients else None
    expected = cam.get_cam_image(
        images, module(model), scores, inside.activations[0].numpy(), gradients, eigen_smooth=False
    )
    inside.release()
    found = explain(model, spec, images, method=method, target="Normal", layer=layer)
    for one, raw, scaled in zip(found, expected, drawn, strict=True):
        assert np.abs(raw).max() > 0
        np.testing.assert_allclose(one.evidence, raw, atol=1e-5 * np.abs(raw).max())
        if one.map.any():
            # The library also takes the smallest value away, and enlarges by OpenCV.
            assert np.corrcoef(one.map.ravel(), scaled.ravel())[0, 1] > 0.98


def test_no_gradient_reaches_anything_below_the_layer(trained):
    images, _ = films(2, np.ones((1, 2), int))
    seen = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, out: seen.append(out.requires_grad))
        for module in trained.features
    ]
    explain(trained, CNN, images.requires_grad_(True), layer="block3")
    for hook in hooks:
        hook.remove()
    assert seen == [False, False, False, True]  # our own hook on block3 came before explain's


def test_a_caller_in_inference_mode_gets_the_same_maps(trained):
    images, _ = films(4, np.ones((2, 2), int))
    expected = explain(trained, CNN, images)
    with torch.inference_mode():
        results = explain(trained, CNN, images * 1)
        assert torch.is_inference_mode_enabled()
    for one, other in zip(results, expected, strict=True):
        assert np.array_equal(one.evidence, other.evidence)


def test_a_batch_gives_what_its_images_give_one_by_one(trained):
    images, _ = films(6, np.array([[0, 1], [1, 0], [1, 1]]))
    together = explain(trained, CNN, images)
    for image, result in zip(images, together, strict=True):
        (alone,) = explain(trained, CNN, image[None])
        assert np.allclose(alone.evidence, result.evidence, atol=1e-5)
    assert explain(trained, CNN, images[:0]) == []


def test_what_does_not_exist_is_refused_with_what_does(trained):
    images, _ = films(6, np.ones((1, 2), int))
    with pytest.raises(PneumoError, match="no method 'magic': choose from gradcam, hirescam"):
        explain(trained, CNN, images, method="magic")
    with pytest.raises(PneumoError, match="no class 'Flu': choose from Normal, Pneumonia"):
        explain(trained, CNN, images, target="Flu")
    with pytest.raises(RecipeError, match="stage 'block9' of cnn: choose from block1, block2"):
        explain(trained, CNN, images, layer="block9")


THREADS = """
import threading
import numpy as np
import torch
from pneumo_core.architectures import ModelSpec, create_model
from pneumo_core.explain import explain

torch.set_num_threads(1)
torch.manual_seed(0)
spec = ModelSpec("cnn", channels=1, stem="small")
model = create_model(spec).eval()
images = torch.rand(32, 1, 1, 32, 32)
alone = [explain(model, spec, image)[0] for image in images]
lock, found = threading.Lock(), [None] * len(images)
start = threading.Barrier(8)

def work(first):
    start.wait()
    for index in range(first, len(images), 8):
        with lock:
            found[index] = explain(model, spec, images[index])[0]

threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for one, other in zip(alone, found, strict=True):
    assert one.evidence.any()
    assert np.array_equal(one.evidence, other.evidence) and np.array_equal(one.map, other.map)
print("same")
"""


def test_eight_threads_with_the_models_lock_get_the_maps_they_get_alone():
    # In a process of its own: a race in the library would abort it, not fail a test.
    done = subprocess.run(
        [sys.executable, "-c", THREADS],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT_FOLDER,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "same"


def test_the_overlay_shows_the_plain_film_where_there_is_no_evidence():
    film = np.linspace(0, 0.5, 256, dtype=np.float32).reshape(16, 16)
    plain = overlay(film, np.zeros_like(film), opacity=1.0)
    assert plain.dtype == np.uint8
    assert np.array_equal(plain, np.repeat(np.rint(film * 255)[..., None], 3, axis=2))

    heat = np.zeros_like(film)
    heat[0, 0], heat[8, 8] = 1.0, 0.5
    shown = overlay(film, heat, opacity=0.8)
    changed = (shown != plain).any(axis=2)
    assert changed[0, 0]
    assert changed[8, 8]
    assert changed.sum() == 2  # no other pixel, not even a rescaled one
    table = colour_table().astype(float)
    assert np.array_equal(shown[0, 0], np.rint(0.8 * table[255]))
    expected = 0.6 * film[8, 8] * 255 + 0.4 * table[128]
    assert np.array_equal(shown[8, 8], np.rint(expected))
    assert np.array_equal(overlay(film, heat, opacity=0.0), plain)
    with pytest.raises(ValueError, match="differ in shape"):
        overlay(film, heat[:8])


def test_the_colours_grow_evenly_brighter():
    # Luminance by Rec. 709 after undoing sRGB's gamma, then CIE lightness.
    table = colour_table() / 255
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness[::15])
    assert (steps > 0).all()
    assert steps.max() / steps.min() < 2
    assert lightness[0] > 15  # never as dark as to blacken the film
    assert lightness[-1] < 90  # nor as pale as bone
