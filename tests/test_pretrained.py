"""ImageNet weights: where they are looked for, how they are fitted, what is said of the rest."""

import pickle
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from pneumo_core import pretrained
from pneumo_core.architectures import ARCHITECTURES, ModelSpec, create_model
from pneumo_core.errors import NoPretrainedError, RecipeError
from pneumo_core.files import sha256_of
from pneumo_core.pretrained import PRETRAINED_VARIABLE, SHARED_FOLDER, load_pretrained

RESNET = ModelSpec("resnet18")


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch, tmp_path):
    """No folder and no hub, unless a test brings them."""
    monkeypatch.delenv(PRETRAINED_VARIABLE, raising=False)
    monkeypatch.setattr(pretrained, "SHARED_FOLDER", tmp_path / "shared")
    hub(monkeypatch, URLError("unreachable"))


def hub(monkeypatch, answer):
    """Let torchvision's hub answer with a state dict or an error."""
    from pneumo_core.vision import torchvision

    def load(_url, **options):
        assert options["check_hash"]
        assert options["weights_only"]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", load)


def donor(spec=RESNET):
    """A network's weights as ImageNet's would be called."""
    torch.manual_seed(99)
    return create_model(spec).state_dict()


def saved(path: Path, state):
    path.parent.mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def test_a_file_is_loaded_all_but_its_head(tmp_path):
    state = donor()
    half = {name: t.half() if t.ndim == 4 else t for name, t in state.items()}
    half["fc.0.weight"] = torch.zeros(1000, 512)  # of 1000 classes: of no use
    file = saved(tmp_path / "mine.safetensors", half)
    model = create_model(RESNET)
    head = model.fc[0].weight.clone()

    report = load_pretrained(model, RESNET, file)

    assert report.origin == f"mine.safetensors (SHA-256 {sha256_of(file)})"
    assert report.loaded == len(state) - 2
    assert report.missing == ("fc",)
    assert report.spec == RESNET
    assert torch.equal(model.layer4[1].conv2.weight, state["layer4.1.conv2.weight"].half().float())
    assert torch.equal(model.bn1.running_var, state["bn1.running_var"])
    assert torch.equal(model.fc[0].weight, head)


def test_what_stays_random_is_named_by_the_largest_module(tmp_path):
    state = donor()
    for name in list(state):
        if name.startswith(("layer4.", "layer2.1.conv2.")):
            del state[name]
    file = saved(tmp_path / "part.safetensors", state)
    spec = ModelSpec("resnet18_cbam")
    missing = load_pretrained(create_model(spec), spec, file).missing
    attention = tuple(f"layer{i}.{j}.cbam" for i in (1, 2, 3) for j in (0, 1))
    expected = (*attention[:3], "layer2.1.conv2", *attention[3:], "layer4", "fc")
    assert missing == expected


def test_a_network_without_a_stage_takes_the_rest_of_the_whole_ones_weights(tmp_path):
    state = donor()
    file = saved(tmp_path / "resnet18.safetensors", state)
    spec = ModelSpec("resnet18_c4")
    model = create_model(spec)
    report = load_pretrained(model, spec, file)
    assert report.missing == ("fc",)
    assert report.loaded == sum(not name.startswith(("layer4.", "fc.")) for name in state)
    assert torch.equal(model.layer3[1].conv2.weight, state["layer3.1.conv2.weight"])


def test_one_channel_gets_the_sum_over_three(tmp_path):
    file = saved(tmp_path / "resnet18.safetensors", donor())
    colour, grey = create_model(RESNET), create_model(replace(RESNET, channels=1))
    load_pretrained(colour, RESNET, file)
    report = load_pretrained(grey, replace(RESNET, channels=1), tmp_path)  # a folder will do
    assert report.missing == ("fc",)
    grey.fc.load_state_dict(colour.fc.state_dict())
    x = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(grey.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)), atol=1e-5)


def test_the_small_stem_keeps_its_own_first_convolution(tmp_path):
    file = saved(tmp_path / "resnet18.safetensors", donor())
    spec = replace(RESNET, stem="small")
    model = create_model(spec)
    stem = model.conv1.weight.clone()
    assert load_pretrained(model, spec, file).missing == ("conv1", "fc")
    assert torch.equal(model.conv1.weight, stem)


def changed(**tensors):
    return donor() | {name.replace("__", "."): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (changed(layer5__weight=torch.zeros(3)), "does not fit resnet18: it has layer5.weight"),
        (changed(bn1__weight=torch.zeros(3)), r"bn1.weight has shape \(3,\) instead of \(64,\)"),
        (changed(conv1__weight=torch.zeros(64, 4, 7, 7)), r"conv1.weight has shape \(64, 4, 7, 7"),
        (changed(bn1__bias=torch.full((64,), torch.nan)), "damaged: bn1.bias is not finite"),
        ({"fc.weight": torch.zeros(1000, 512)}, "it has none of its weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(tmp_path, state, message):
    file = saved(tmp_path / "odd.safetensors", state)
    model = create_model(RESNET)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(RecipeError, match=message):
        load_pretrained(model, RESNET, file)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_is_refused_and_not_run(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps({"conv1.weight": Payload(tmp_path / "ran")}))
    with pytest.raises(RecipeError, match="cannot be read as safetensors"):
        load_pretrained(create_model(RESNET), RESNET, file)
    assert not (tmp_path / "ran").exists()


def test_the_users_folder_goes_before_the_shared_one_and_both_before_the_hub(monkeypatch, tmp_path):
    model = create_model(RESNET)
    for folder, value in (("mine", 1.0), ("shared", 2.0)):
        state = changed(bn1__weight=torch.full((64,), value))
        saved(tmp_path / folder / "resnet18.safetensors", state)
    hub(monkeypatch, changed(bn1__weight=torch.full((64,), 3.0)))
    monkeypatch.setenv(PRETRAINED_VARIABLE, str(tmp_path / "mine"))

    def loaded():
        report = load_pretrained(model, RESNET)
        return model.bn1.weight[0].item(), report.origin[:18]

    assert loaded() == (1.0, "resnet18.safetenso")
    (tmp_path / "mine" / "resnet18.safetensors").unlink()
    assert loaded() == (2.0, "resnet18.safetenso")
    monkeypatch.delenv(PRETRAINED_VARIABLE)
    (tmp_path / "shared" / "resnet18.safetensors").unlink()
    assert loaded() == (3.0, "torchvision resnet")


def test_without_any_the_user_is_told_what_to_do(monkeypatch, tmp_path):
    with pytest.raises(NoPretrainedError, match=r"unreachable.*put resnet18.*from scratch"):
        load_pretrained(create_model(RESNET), RESNET)
    for error in (RuntimeError("invalid hash value"), IncompleteRead(b"")):
        hub(monkeypatch, error)
        with pytest.raises(NoPretrainedError, match="could not be downloaded"):
            load_pretrained(create_model(RESNET), RESNET)
    with pytest.raises(RecipeError, match=r"no file of pretrained weights at .*absent"):
        load_pretrained(create_model(RESNET), RESNET, tmp_path / "absent.safetensors")
    monkeypatch.setenv(PRETRAINED_VARIABLE, str(tmp_path / "absent"))
    # What the user named and is not there is a mistake to mend, not a machine without weights.
    with pytest.raises(RecipeError, match="which is not a folder") as told:
        load_pretrained(create_model(RESNET), RESNET)
    assert told.type is RecipeError
    cnn = ModelSpec("cnn")
    with pytest.raises(NoPretrainedError, match="no ImageNet weights for cnn"):
        load_pretrained(create_model(cnn), cnn)


def test_the_hubs_old_names_of_densenet_are_understood(monkeypatch):
    spec = ModelSpec("densenet121")
    state = donor(spec)
    old = {}
    for name, tensor in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            name = name.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")  # noqa: PLW2901
        old[name] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    hub(monkeypatch, old)
    model = create_model(spec)
    report = load_pretrained(model, spec)
    assert report.missing == ("classifier",)
    assert report.origin == "torchvision densenet121 IMAGENET1K_V1"
    name = "features.denseblock3.denselayer7.conv2.weight"
    assert torch.equal(model.state_dict()[name], state[name])


def test_hub_inception_comes_with_an_auxiliary_head_that_is_left_out(monkeypatch):
    spec = ModelSpec("inception_v3")
    hub(monkeypatch, donor(spec) | {"AuxLogits.fc.weight": torch.zeros(1000, 768)})
    assert load_pretrained(create_model(spec), spec).missing == ("fc",)


def test_weights_trained_with_other_strides_bring_their_variant(monkeypatch, tmp_path):
    spec = ModelSpec("resnet50")
    file = saved(tmp_path / "resnet50.safetensors", donor(spec))
    monkeypatch.setitem(pretrained._VARIANT_OF_FILE, sha256_of(file), "keras")
    model = create_model(spec)
    report = load_pretrained(model, spec, file)
    assert report.spec == replace(spec, variant="keras")
    assert model.layer2[0].conv1.stride == (2, 2)
    # What was trained is what a run rebuilds from the reported spec.
    again = create_model(report.spec).eval()
    again.load_state_dict(model.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again(x), model.eval()(x))


def test_the_hubs_weights_do_not_fit_another_variant(monkeypatch):
    spec = ModelSpec("resnet50", variant="keras")
    hub(monkeypatch, donor(spec))
    with pytest.raises(RecipeError, match="leave the variant out"):
        load_pretrained(create_model(spec), spec)


@pytest.mark.skipif(not SHARED_FOLDER.is_dir(), reason="no shared folder of pretrained weights")
@pytest.mark.parametrize(
    ("name", "variant", "missing"),
    [
        ("squeezenet1_1", "torchvision", ("classifier",)),
        ("mobilenet_v2", "torchvision", ("classifier",)),
        ("densenet169", "torchvision", ("classifier",)),
        (
            "inception_v3",
            "google",
            ("Mixed_7b.branch3x3dbl_2", "Mixed_7c.branch3x3dbl_2", "fc"),
        ),
        ("resnet50", "keras", ("layer4", "fc")),
        ("resnet18", "torchvision", ("layer4", "fc")),
    ],
)
def test_the_shared_files_load_as_their_readme_says(name, variant, missing):
    spec = ModelSpec(name)
    report = load_pretrained(create_model(spec), spec, SHARED_FOLDER)
    assert report.spec.variant == variant
    assert report.missing == missing
    assert ARCHITECTURES[name].mean == (
        (0.5,) * 3 if "inception" in name else (0.485, 0.456, 0.406)
    )
