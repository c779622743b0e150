"""Recipes: what comes with PneumoLens loads, what is changed is checked before anything starts."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn.functional import interpolate

from pneumo_core.architectures import ModelSpec
from pneumo_core.augment import Augmentation
from pneumo_core.datasets import DATASET_NAMES
from pneumo_core.errors import RecipeError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.losses import Loss
from pneumo_core.preprocess import Preprocess
from pneumo_core.recipe import DEFAULT_RECIPE, Phase, Recipe, load_recipe, recipe_names

TWO_PHASES = {
    "title": "Two phases",
    "data": "chest_xray",
    "model": {"architecture": "resnet18", "channels": 3},
    "preprocess": {"input_size": 64, "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3},
    "augmentation": {"rotate": 5},
    "pretrained": "imagenet-or-scratch",
    "phases": [
        {"epochs": 2, "lr": 0.01, "freeze": ["conv1", "bn1", "layer1"], "schedule": "constant"},
        {
            "epochs": 5,
            "lr": 0.001,
            "sampler": "balanced",
            "patience": 3,
            "augmentation": {"flip": 0.5},
            "loss": {"name": "focal", "gamma": 1},
        },
    ],
    "published": {"accuracy": 0.94, "source": "a paper"},
}


@pytest.fixture
def two_phases(tmp_path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(TWO_PHASES), encoding="utf-8")
    return str(path)


# What comes with PneumoLens


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_survives_json(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.data in DATASET_NAMES
    assert recipe.epochs == sum(phase.epochs for phase in recipe.phases) > 0
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json(), allow_nan=False))) == recipe


def test_the_default_recipe_is_there_and_is_what_it_says():
    recipe = load_recipe()
    assert recipe.name == DEFAULT_RECIPE in recipe_names()
    assert recipe.data == "pneumoniamnist"
    assert recipe.split == "patient"
    assert recipe.model == ModelSpec("resnet18_c4", channels=1, dropout=0.2)
    assert recipe.preprocess.source_size == 28


# Reading


def test_a_file_is_read_field_by_field(two_phases):
    assert load_recipe(two_phases) == Recipe(
        name="mine",
        title="Two phases",
        data="chest_xray",
        model=ModelSpec("resnet18", channels=3),
        preprocess=Preprocess(64, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3),
        augmentation=Augmentation(rotate=5),
        pretrained="imagenet-or-scratch",
        phases=(
            Phase(2, 0.01, "constant", freeze=("conv1", "bn1", "layer1")),
            Phase(
                5,
                0.001,
                sampler="balanced",
                patience=3,
                augmentation=Augmentation(flip=0.5),
                loss=Loss("focal", gamma=1),
            ),
        ),
        published={"accuracy": 0.94, "source": "a paper"},
    )
    assert load_recipe(two_phases).epochs == 7


def test_all_of_a_file_survives_json(two_phases):
    recipe = load_recipe(two_phases)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_file_may_give_its_own_name(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({**TWO_PHASES, "name": "other"}))
    assert load_recipe(str(path)).name == "other"


@pytest.mark.parametrize("name", ["resnet81", "absent.yaml", ""])
def test_an_unknown_recipe_lists_what_there_is(name):
    with pytest.raises(RecipeError) as error:
        load_recipe(name)
    known = ", ".join(recipe_names())
    expected = f"There is no recipe {name!r}: choose one of {known}, or a YAML file."
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"name: x\ntitle: [1, 2",
            "is not valid YAML: expected ',' or ']', but got '<stream end>' in line 2.",
        ),
        (b"title: 2024-13-45", "is not valid YAML: month must be in 1..12."),
        (b"\xff\xfe\x00", "is not valid YAML: "),
        (b"!!python/object/apply:os.system [true]", "is not valid YAML: could not determine"),
        (b"title: " + b"[" * 1000, "is not valid YAML: it is nested too deeply."),
        (b"", "must hold the fields of a recipe."),
        (b"- 1\n- 2\n", "must hold the fields of a recipe."),
        (b"a recipe", "must hold the fields of a recipe."),
    ],
)
def test_a_file_that_is_no_recipe_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as error:
        load_recipe(str(path))
    assert str(error.value).startswith(f"{path} {sentence}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["title", "data", "model", "preprocess", "phases"])
def test_what_a_recipe_must_have(tmp_path, key):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in TWO_PHASES.items() if k != key}))
    with pytest.raises(RecipeError, match=f"^The recipe needs a value for {key}\\.$"):
        load_recipe(str(path))


def test_what_a_recipe_does_not_say_is_plain(two_phases):
    found = load_recipe(two_phases)
    assert found.loss == Loss("cross_entropy", balanced=False, label_smoothing=0.0)
    assert (found.split, found.optimiser, found.batch_size) == ("patient", "adamw", 64)
    assert (found.weight_decay, found.ema, found.clip) == (0, 0, 0)
    assert found.flip_average is False
    assert found.select == "val_auc"
    first = found.phases[0]
    assert (first.warmup, first.plateau, first.factor, first.patience) == (0, 2, 0.5, 0)
    assert first.input_size is None
    assert first.sampler == "shuffled"
    assert first.augmentation is None


# Changing


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("phases.0.lr=0.5", lambda r: r.phases[0].lr, 0.5),
        # YAML takes this for text; it is what the advice for a loss that is not finite looks like.
        ("phases.1.lr=1e-05", lambda r: r.phases[1].lr, 1e-5),
        ("phases.0.epochs=9", lambda r: (r.phases[0].epochs, r.phases[1].epochs), (9, 5)),
        ("phases.0.freeze=[]", lambda r: r.phases[0].freeze, ()),
        ("phases.0.plateau=0", lambda r: r.phases[0].plateau, 0),
        ("phases.1.patience=0", lambda r: r.phases[1].patience, 0),
        ("batch_size=2", lambda r: r.batch_size, 2),
        ("phases.0.input_size=32", lambda r: r.phases[0].input_size, 32),
        ("phases.1.input_size=64", lambda r: r.phases[1].input_size, 64),
        ("phases.1.loss.gamma=3", lambda r: r.phases[1].loss, Loss("focal", gamma=3)),
        ("phases.0.loss.balanced=true", lambda r: r.phases[0].loss, Loss(balanced=True)),
        ("augmentation.shift=.1", lambda r: r.augmentation, Augmentation(rotate=5, shift=0.1)),
        ("augmentation={}", lambda r: r.augmentation, Augmentation()),
        ("loss={name: focal}", lambda r: r.loss, Loss("focal")),
        ("loss.label_smoothing=0.1", lambda r: r.loss, Loss(label_smoothing=0.1)),
        ("model.dropout=0", lambda r: r.model.dropout, 0.0),
        ("preprocess.mean=[0.1, 0.2, 0.3]", lambda r: r.preprocess.mean, (0.1, 0.2, 0.3)),
        ("preprocess.source_size=28", lambda r: r.preprocess.source_size, 28),
        ("data=pneumoniamnist_imbalanced", lambda r: r.data, "pneumoniamnist_imbalanced"),
        ('title="a=b: c"', lambda r: r.title, "a=b: c"),
        ("flip_average=yes", lambda r: r.flip_average, True),
        ("published.auc=0.9", lambda r: r.published["auc"], 0.9),
    ],
)
def test_single_fields_can_be_changed(two_phases, override, read, value):
    assert read(load_recipe(two_phases, [override])) == value


def test_later_changes_win_and_others_stay(two_phases):
    changed = load_recipe(two_phases, ["batch_size=8", "ema=0.9", "batch_size=16"])
    assert (changed.batch_size, changed.ema) == (16, 0.9)
    before = load_recipe(two_phases).to_json()
    assert {**changed.to_json(), "batch_size": 64, "ema": 0.0} == before


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("epochs", "--set needs key=value, not 'epochs'."),
        ("title=a: b", "title must be text, not {'a': 'b'}."),
        ("title=[1", "The value of 'title=[1' is not valid YAML."),
        (f"title={'[' * 1000}", "The value of 'title=[[["),
        ("title=2024-13-45", "The value of 'title=2024-13-45' is not valid YAML."),
        ("phases.2.lr=1", "The recipe has no 'phases.2.lr' to set."),
        ("phases.9.lr=1", "The recipe has no 'phases.9.lr' to set."),
        ("phases.first.lr=1", "The recipe has no 'phases.first.lr' to set."),
        ("phases.0=1", "The recipe has no 'phases.0' to set."),
        ("title.0.x=1", "The recipe has no 'title.0.x' to set."),
        ("=5", "The recipe has no '': choose from name, title, data, "),
        ("leaning_rate=5", "The recipe has no 'leaning_rate': choose from name, title, data, "),
        ("optimizer.lr=5", "The recipe has no 'optimizer': choose from "),
        ("model.layers=5", "model has no 'layers': choose from architecture, channels, "),
        ("preprocess.size=5", "preprocess has no 'size': choose from input_size, "),
        ("augmentation.turn=5", "augmentation has no 'turn': choose from rotate, "),
        ("loss.alpha=5", "loss has no 'alpha': choose from name, balanced, "),
        ("phases.1.rate=5", "phases.1 has no 'rate': choose from epochs, lr, "),
        ("phases.1.loss.alpha=5", "phases.1.loss has no 'alpha': choose from name, "),
        ("phases.1.augmentation.turn=5", "phases.1.augmentation has no 'turn': choose from "),
        ("phases.0.epochs=two", "phases.0.epochs must be a whole number, not 'two'."),
        ("phases.0.epochs=1.5", "phases.0.epochs must be a whole number, not 1.5."),
        ("phases.0.epochs=true", "phases.0.epochs must be a whole number, not True."),
        ("phases.0.lr=fast", "phases.0.lr must be a finite number, not 'fast'."),
        ("phases.0.lr=.nan", "phases.0.lr must be a finite number, not nan."),
        ("phases.0.freeze=conv1", "phases.0.freeze must be a list, not 'conv1'."),
        ("phases.0.schedule=step", "phases.0.schedule must be one of constant, cosine, plateau,"),
        ("phases.0.sampler=all", "phases.0.sampler must be one of shuffled, balanced,"),
        ("phases=", "phases must be a list, not None."),
        ("model=resnet18", "model must hold fields with values, not 'resnet18'."),
        ("model.channels='3'", "model.channels must be a whole number, not '3'."),
        ("flip_average=1", "flip_average must be true or false, not 1."),
        ("select=test_auc", "select must be one of val_auc, val_loss, val_accuracy, val_f1,"),
        ("split=random", "split must be one of patient, official,"),
        ("optimiser=lion", "optimiser must be one of adam, adamw, sgd,"),
        ("pretrained=yes", "pretrained must be one of none, imagenet, imagenet-or-scratch,"),
        ("published.date=2024-01-01", "published must hold texts and finite numbers only."),
        # And what fits its type but makes no sense.
        ("phases=[]", "phases must hold at least one phase."),
        ("phases.0.epochs=0", "phases: epochs must be at least 1."),
        ("phases.0.lr=0", "phases: lr must be above zero."),
        ("phases.0.warmup=-1", "phases: warmup must be at least 0."),
        ("phases.0.factor=0", "phases: factor must be above 0 and below 1."),
        ("phases.0.factor=1", "phases: factor must be above 0 and below 1."),
        ("phases.0.patience=-1", "phases: plateau and patience must be at least 0."),
        ("phases.0.plateau=-1", "phases: plateau and patience must be at least 0."),
        (
            "phases.1.freeze=[conv1, bn1, layer1, layer2, layer3, layer4, head]",
            "phases: freeze leaves nothing to train: leave a stage out of it.",
        ),
        ("name=''", "name must be that of a folder, without slashes or a leading dot, not ''."),
        ("name=a/b", "name must be that of a folder, without slashes or a leading dot, not 'a/b"),
        ("name=a\\b", "name must be that of a folder, without slashes or a leading dot, not "),
        ("name=.a", "name must be that of a folder, without slashes or a leading dot, not '.a'."),
        ("name=..", "name must be that of a folder, without slashes or a leading dot, not '..'."),
        ("phases.1.freeze=[layer9]", "phases: resnet18 has no stage 'layer9' to freeze: choose"),
        ("batch_size=1", "batch_size must be at least 2."),
        ("ema=1", "ema must be at least 0 and below 1."),
        ("clip=-1", "clip and weight_decay cannot be < 0."),
        ("weight_decay=-1", "clip and weight_decay cannot be < 0."),
        ("data=mnist", "data must be one of pneumoniamnist, "),
        ("model.channels=1", "model.channels and preprocess.channels must be the same."),
        ("model.architecture=vgg", "There is no architecture 'vgg': choose from cnn, "),
        ("preprocess.input_size=16", "resnet18 needs inputs of at least 32 px, not 16: set a "),
        ("phases.0.input_size=16", "resnet18 needs inputs of at least 32 px, not 16: set a "),
        (
            "phases.0.input_size=65",
            "phases: input_size is for smaller inputs than preprocess.input_size, 64; 65 is larger",
        ),
        (
            "phases.1.input_size=32",
            "phases: the last phase must train at preprocess.input_size, 64: leave its input_size",
        ),
        ("model.members=3", "model.members must be 1: train the members of an ensemble apart"),
        ("preprocess.crop=middle", "preprocess.crop must be one of centre, squash, pad,"),
        ("loss.label_smoothing=1", "loss: label_smoothing must be at least 0 and below 1."),
        ("augmentation.flip=2", "augmentation: flip is a probability, at most 1."),
    ],
)
def test_a_bad_change_is_a_sentence(two_phases, override, sentence):
    with pytest.raises(RecipeError) as error:
        load_recipe(two_phases, [override])
    assert str(error.value).startswith(sentence)
    assert str(error.value).endswith(".")


# Input size by phase


@pytest.mark.parametrize("source_size", [None, 28, 100])
def test_a_phase_resizes_the_squares_of_the_run(two_phases, source_size):
    changes = [f"preprocess.source_size={source_size or 'null'}", "phases.0.input_size=32"]
    recipe = load_recipe(two_phases, changes)
    small, full = recipe.preprocess_in(0), recipe.preprocess_in(1)
    assert full == recipe.preprocess
    assert (small.input_size, small.square_size) == (32, full.square_size)
    side = source_size or 64
    squares = torch.randint(0, 256, (2, side, side), generator=torch.Generator().manual_seed(1))
    grey = squares.unsqueeze(1) / 255
    expected = interpolate(grey, (32, 32), mode="bilinear", antialias=True)
    assert torch.allclose(small.resized(squares.byte()), expected, atol=1e-6)
    assert full.resized(squares.byte()).shape == (2, 1, 64, 64)


# Another network


def test_another_network_of_the_same_needs_only_changes_the_network():
    own, other = load_recipe("resnet18"), load_recipe("resnet18", architecture="densenet121")
    assert other.model == ModelSpec("densenet121", channels=1, stem="small", dropout=0.2)
    assert other.preprocess == own.preprocess
    assert other.phases == own.phases
    # The run is named and listed after these.
    assert other.name == "resnet18-densenet121"
    assert other.title == "DenseNet-121, trained as ResNet-18 at 32 px"


def test_the_same_network_changes_nothing():
    assert load_recipe("resnet18", architecture="resnet18") == load_recipe("resnet18")


def test_a_network_without_a_small_stem_gets_larger_inputs():
    recipe = load_recipe("resnet18", architecture="inception_v3")
    assert recipe.model.architecture == "inception_v3"
    assert recipe.model.stem == "standard"
    assert recipe.preprocess.input_size == 75
    assert recipe.preprocess.source_size == 28


def test_larger_inputs_stay_and_overrides_come_last(two_phases):
    changes = ["preprocess.input_size=96", "phases.0.freeze=[]"]
    recipe = load_recipe(two_phases, changes, architecture="inception_v3")
    assert recipe.preprocess.input_size == 96
    with pytest.raises(RecipeError, match="inception_v3 needs inputs of at least 75 px, not 64"):
        load_recipe(two_phases, ["preprocess.input_size=64", "phases.0.freeze=[]"], "inception_v3")


def test_phases_get_inputs_that_another_network_can_take(two_phases):
    path = Path(two_phases)
    content = {**TWO_PHASES, "preprocess": {**TWO_PHASES["preprocess"], "input_size": 200}}
    content["phases"] = [{"epochs": 1, "lr": 0.1, "input_size": side} for side in (32, 100, 200)]
    path.write_text(yaml.safe_dump(content))
    recipe = load_recipe(two_phases, architecture="inception_v3")
    assert [phase.input_size for phase in recipe.phases] == [75, 100, 200]
    with pytest.raises(RecipeError, match="at least 75 px, not 70"):
        load_recipe(two_phases, ["phases.0.input_size=70"], architecture="inception_v3")


def test_inputs_that_are_large_enough_stay(tmp_path):
    path = tmp_path / "mine.yaml"
    content = {**TWO_PHASES, "phases": [{"epochs": 1, "lr": 0.1}]}
    content["preprocess"] = {**TWO_PHASES["preprocess"], "input_size": 128}
    path.write_text(yaml.safe_dump(content))
    assert load_recipe(str(path), architecture="inception_v3").preprocess.input_size == 128


def test_what_belongs_to_the_old_network_is_dropped(tmp_path):
    path = tmp_path / "mine.yaml"
    content = {**TWO_PHASES, "phases": [{"epochs": 1, "lr": 0.1}]}
    content["model"] = {
        "architecture": "resnet50",
        "channels": 3,
        "cam_layer": "layer3",
        "variant": "keras",
    }
    path.write_text(yaml.safe_dump(content))
    assert load_recipe(str(path)).model.variant == "keras"
    other = load_recipe(str(path), architecture="densenet121")
    assert other.model == ModelSpec("densenet121", channels=3)
    same = load_recipe(str(path), architecture="resnet50")
    assert same.model.cam_layer == "layer3"


def test_stages_to_freeze_of_the_old_network_are_a_sentence(two_phases):
    with pytest.raises(RecipeError, match="densenet121 has no stage 'conv1' to freeze: choose"):
        load_recipe(two_phases, architecture="densenet121")


def test_an_unknown_network_lists_the_known_ones():
    with pytest.raises(RecipeError, match="no architecture 'vgg': choose from cnn, resnet18"):
        load_recipe(architecture="vgg")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("model", "resnet18", "model must hold fields with values, not 'resnet18'."),
        ("model", None, "model must hold fields with values, not None."),
        ("preprocess", [32], r"preprocess must hold fields with values, not \[32\]."),
    ],
)
def test_another_network_in_a_broken_file_is_a_sentence(tmp_path, key, value, sentence):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**TWO_PHASES, key: value}))
    with pytest.raises(RecipeError, match=sentence):
        load_recipe(str(path), architecture="inception_v3")


def test_recipes_are_listed_by_name():
    names = recipe_names()
    assert names == sorted(names)
    folder = Path(__file__).parents[1] / "pneumo_core" / "recipes"
    assert names == sorted(path.stem for path in folder.glob("*.yaml"))
    assert "resnet18" in names


@pytest.mark.parametrize("kind", [Recipe, Phase, ModelSpec, Preprocess, Loss, Augmentation])
def test_the_page_on_recipes_names_every_field(kind):
    page = (PROJECT_FOLDER / "docs" / "recipes.md").read_text(encoding="utf-8")
    _, _, table = page.partition("## The fields of a recipe")
    named = set(re.findall(r"`(\w+)`", table))
    assert {field.name for field in fields(kind)} - named == set()
