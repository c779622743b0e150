"""Networks: known sizes, stages, heads, stems, and the log-odds they give."""

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pneumo_core.architectures import (
    ARCHITECTURES,
    ModelSpec,
    cam_stage,
    check_input_size,
    create_model,
    freeze_stages,
    head_module,
    pneumonia_logit,
    stage_module,
)
from pneumo_core.errors import RecipeError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.networks import CBAM, MaxPooledInceptionE

# torchvision's published numbers of parameters with 1000 classes, and the width of the features.
PUBLISHED = {
    "resnet18": (11_689_512, 512),
    "resnet50": (25_557_032, 2048),
    "mobilenet_v2": (3_504_872, 1280),
    "inception_v3": (27_161_264 - 3_326_696, 2048),  # less the auxiliary head
    "densenet121": (7_978_856, 1024),
    "densenet169": (14_149_480, 1664),
    "efficientnet_b0": (5_288_548, 1280),
    "squeezenet1_1": (1_235_496, 512),
}
SMALL = [name for name, entry in ARCHITECTURES.items() if entry.small_stem]


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def stage_shapes(model, spec, size):
    """Shapes of all stages' outputs in the order in which they run, and the model's output."""
    shapes, hooks = {}, []
    for stage in ARCHITECTURES[spec.architecture].stages:
        module = stage_module(model, spec, stage)
        hooks.append(
            module.register_forward_hook(
                lambda _m, _i, out, stage=stage: shapes.__setitem__(stage, tuple(out.shape))
            )
        )
    with torch.no_grad():
        output = model(torch.rand(2, spec.channels, size, size))
    for hook in hooks:
        hook.remove()
    return shapes, output


def test_importing_the_registry_costs_no_torchvision_and_torchvision_loads_beside_this_torch():
    code = (
        "import sys, pneumo_core.architectures, pneumo_core.pretrained, pneumo_core.explain\n"
        "slow = {'torchvision', 'pytorch_grad_cam', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert not slow, slow\n"
        "from pneumo_core.vision import torchvision\n"
        "print(torchvision.models.resnet18.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT_FOLDER,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "resnet18"


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_torchvision_publishes_less_its_head(name):
    total, width = PUBLISHED[name]
    model = create_model(ModelSpec(name, outputs=1))
    assert parameters(model) == total - 1000 * (width + 1) + (width + 1)


def test_half_the_width_is_a_quarter_of_the_weights_of_every_convolution_but_the_first():
    def filters(architecture):
        model = create_model(ModelSpec(architecture, channels=1, stem="small"))
        return {
            name: (module.weight.numel(), module.stride)
            for name, module in model.named_modules()
            if isinstance(module, nn.Conv2d)
        }

    whole, half = filters("resnet18"), filters("resnet18_half")
    assert half.pop("conv1") == (32 * 9, (1, 1))
    whole.pop("conv1")
    assert half == {name: (count // 4, stride) for name, (count, stride) in whole.items()}


def test_without_its_last_stage_a_resnet_keeps_the_others():
    whole, short = (create_model(ModelSpec(name)) for name in ("resnet18", "resnet18_c4"))
    expected = parameters(whole) - parameters(whole.layer4) - (512 + 1) + (256 + 1)
    assert parameters(short) == expected
    short.load_state_dict(whole.state_dict() | short.fc.state_dict(prefix="fc."), strict=False)
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        whole.eval().layer4, whole.fc = nn.Identity(), short.fc
        assert torch.equal(short.eval()(x), whole(x))


def test_parameters_of_our_own_networks():
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    attention = sum(2 * w * (w // 16) + w // 16 + w + 2 * 7 * 7 for w in widths)
    plain = parameters(create_model(ModelSpec("resnet18")))
    assert parameters(create_model(ModelSpec("resnet18_cbam"))) == plain + attention

    kernels = {"standard": 25, "small": 9}
    for stem, kernel in kernels.items():
        expected = 1 * kernel * 32 + 9 * 32 * 32 + 2 * 2 * 32 + (256 + 1)
        for before, after in ((32, 64), (64, 128), (128, 256)):
            expected += 9 * before * after + 9 * after * after + 2 * 2 * after
        assert parameters(create_model(ModelSpec("cnn", channels=1, stem=stem))) == expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stages_run_in_the_order_named_down_to_one_cell_at_the_smallest_input(name, channels):
    entry = ARCHITECTURES[name]
    spec = ModelSpec(name, channels=channels, outputs=3)
    shapes, output = stage_shapes(create_model(spec).eval(), spec, entry.minimum_size)
    assert list(shapes) == list(entry.stages)
    assert list(shapes)[-1] == "head"
    assert shapes["head"] == tuple(output.shape) == (2, 3)
    assert shapes[entry.cam_stages[-1]][2:] == (1, 1)
    assert cam_stage(spec) == entry.cam_layer


@pytest.mark.parametrize("name", SMALL)
def test_the_small_stem_leaves_out_two_halvings(name):
    spec = ModelSpec(name, channels=1, stem="small")
    shapes, _ = stage_shapes(create_model(spec).eval(), spec, 32)
    last = ARCHITECTURES[name].cam_stages[-1]
    side = 8 if name in ("squeezenet1_1", "resnet18_c4") else 4
    assert shapes[last][2:] == (side, side)
    assert cam_stage(spec) == last
    check_input_size(spec, 8)
    create_model(spec).eval()(torch.rand(1, 1, 8, 8))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_mode_too_returns_one_tensor(name):
    spec = ModelSpec(name, outputs=2)
    size = 2 * ARCHITECTURES[name].minimum_size
    output = create_model(spec).train()(torch.rand(2, 3, size, size))
    assert isinstance(output, torch.Tensor)
    assert output.shape == (2, 2)


@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v2", "efficientnet_b0"])
def test_a_rewrapped_network_computes_what_torchvisions_does(name):
    from pneumo_core.vision import torchvision

    theirs = getattr(torchvision.models, name)(num_classes=1)
    spec = ModelSpec(name)
    ours = create_model(spec)
    ours.features.load_state_dict(theirs.features.state_dict())
    linear = [module for module in theirs.classifier.modules() if isinstance(module, nn.Linear)]
    head_module(ours, spec)[0].load_state_dict(linear[0].state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs.eval()(images)
        assert torch.equal(ours.eval()(images), expected)
    assert expected.abs().max() > 0


def test_the_head_is_as_asked():
    spec = ModelSpec("resnet18", hidden=7, dropout=0.5, outputs=2)
    dropout, hidden, rectifier, output = head_module(create_model(spec), spec)
    assert (type(dropout), dropout.p) == (nn.Dropout, 0.5)
    assert (hidden.in_features, hidden.out_features) == (512, 7)
    assert type(rectifier) is nn.ReLU
    assert (output.in_features, output.out_features) == (7, 2)
    plain = head_module(create_model(replace(spec, hidden=0, dropout=0.0)), spec)
    assert [type(layer) for layer in plain] == [nn.Linear]


def test_a_squeezenet_can_say_no():
    spec = ModelSpec("squeezenet1_1")
    model = create_model(spec).eval()
    nn.init.constant_(head_module(model, spec)[0].bias, -9.0)
    assert model(torch.zeros(1, 3, 64, 64)).item() < -5


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    spec = ModelSpec("resnet18", channels=1, stem="small")

    def first_weights(seed):
        torch.manual_seed(seed)
        return create_model(spec).conv1.weight

    assert torch.equal(first_weights(3), first_weights(3))
    assert not torch.equal(first_weights(3), first_weights(4))


def test_pneumonia_logit_by_hand():
    one = torch.tensor([[1.5], [-2.0]])
    assert pneumonia_logit(one).tolist() == [1.5, -2.0]
    two = torch.tensor([[0.25, 1.0], [3.0, -1.0]])
    assert pneumonia_logit(two).tolist() == [0.75, -4.0]
    # exp(log 2) + exp(log 4) = 6 against exp(log 3) = 3: odds of 2 to 1.
    three = torch.tensor([[3.0, 2.0, 4.0]]).log()
    assert pneumonia_logit(three).item() == pytest.approx(0.693147, abs=1e-6)
    outputs = torch.randn(5, 3)
    probability = F.softmax(outputs, dim=1)[:, 1:].sum(1)
    assert torch.allclose(torch.sigmoid(pneumonia_logit(outputs)), probability, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "resnet19"}, "'resnet19': choose from cnn, resnet18, resnet50"),
        ({"architecture": None}, "choose from cnn, resnet18"),
        ({"channels": 2}, "channels 2: choose from 1, 3"),
        ({"channels": True}, "channels True: choose from 1, 3"),
        ({"outputs": 4}, "outputs 4: choose from 1, 2, 3"),
        ({"stem": "tiny"}, "stem 'tiny': choose from standard, small"),
        ({"architecture": "inception_v3", "stem": "small"}, "'small': choose from standard"),
        ({"variant": "google"}, "'google': choose from torchvision"),
        ({"hidden": -1}, "hidden must be a whole number"),
        ({"hidden": 2.5}, "hidden must be a whole number"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"dropout": "half"}, "dropout must be at least 0 and below 1"),
        ({"cam_layer": "layer9"}, "'layer9' of resnet18: choose from layer1, layer2"),
        ({"cam_layer": "head"}, "CAM cannot read"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_with_what_exists(fields, message):
    with pytest.raises(RecipeError, match=message):
        create_model(ModelSpec(**{"architecture": "resnet18"} | fields))


def test_unknown_stages_and_too_small_inputs_are_refused():
    spec = ModelSpec("resnet18")
    model = create_model(spec)
    with pytest.raises(RecipeError, match="no stage 'layer5': choose from conv1, bn1, layer1"):
        freeze_stages(model, spec, ["layer1", "layer5"])
    assert all(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(RecipeError, match=r'at least 32 px, not 28: .* or stem "small"'):
        check_input_size(spec, 28)
    with pytest.raises(RecipeError, match=r"at least 75 px, not 64: set a larger input_size\.$"):
        check_input_size(ModelSpec("inception_v3"), 64)


def test_freezing_names_what_stays_and_thaws_the_rest():
    spec = ModelSpec("resnet18")
    model = create_model(spec)
    freeze_stages(model, spec, ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"])
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"fc.0.weight", "fc.0.bias"}
    freeze_stages(model, spec, ["conv1"])
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1.weight"}


def test_a_spec_survives_json():
    spec = ModelSpec("resnet50", channels=1, hidden=512, dropout=0.5, variant="keras")
    assert ModelSpec(**json.loads(json.dumps(asdict(spec)))) == spec


def test_cbam_by_hand():
    cbam = CBAM(16)
    for parameter in cbam.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(2, 16, 5, 5)
    assert torch.allclose(cbam(x), x / 4)  # sigmoid(0) twice

    # A bias of b in the MLP's last layer counts twice: once for the mean, once for the maximum.
    nn.init.constant_(cbam.mlp[2].bias, 1.0)
    nn.init.constant_(cbam.spatial.weight[:, 1, 3, 3], 2.0)  # twice the channels' maximum
    scaled = x * torch.sigmoid(torch.tensor(2.0))
    expected = scaled * torch.sigmoid(2 * scaled.amax(1, keepdim=True))
    assert torch.allclose(cbam(x), expected, atol=1e-6)


def test_the_keras_variant_moves_the_stride_to_the_first_convolution():
    spec = ModelSpec("resnet50")
    theirs, keras = create_model(spec), create_model(replace(spec, variant="keras"))
    keras.load_state_dict(theirs.state_dict())
    block = keras.layer3[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    # The first block of layer2, computed by hand.
    keras.eval()
    x = torch.rand(1, 256, 8, 8)
    block = keras.layer2[0]
    residual = block.relu(block.bn1(F.conv2d(x, block.conv1.weight, stride=2)))
    residual = block.relu(block.bn2(F.conv2d(residual, block.conv2.weight, padding=1)))
    residual = block.bn3(block.conv3(residual))
    expected = F.relu(residual + block.downsample(x))
    assert torch.allclose(keras.layer2(x), keras.layer2[1:](expected), atol=1e-5)
    assert not torch.allclose(keras.layer2(x), theirs.eval().layer2(x), atol=1e-3)


def test_the_google_variant_pools_by_maximum_in_the_last_block_only():
    spec = ModelSpec("inception_v3", variant="google")
    model = create_model(spec).eval()
    assert isinstance(model.Mixed_7c, MaxPooledInceptionE)
    assert not isinstance(model.Mixed_7b, MaxPooledInceptionE)
    theirs = create_model(replace(spec, variant="torchvision")).eval()
    theirs.load_state_dict(model.state_dict())
    x = torch.rand(1, 2048, 3, 3)
    ours, expected = model.Mixed_7c(x), theirs.Mixed_7c(x)
    assert torch.equal(ours[:, :-192], expected[:, :-192])
    pooled = model.Mixed_7c.branch_pool(F.max_pool2d(x, 3, stride=1, padding=1))
    assert torch.equal(ours[:, -192:], pooled)
    assert not torch.allclose(ours[:, -192:], expected[:, -192:])
