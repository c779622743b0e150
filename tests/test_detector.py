"""The detector: a file in, the same verdict out as in training, alone or among others."""

import io
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pneumo_core import NOTICE, PneumoniaDetector, trust
from pneumo_core.calibration import probability
from pneumo_core.colouring import overlay
from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.errors import DataError, ImageError, PneumoError, RecipeError, RunError
from pneumo_core.evaluation import predict_logits
from pneumo_core.explain import METHODS
from pneumo_core.images import read_image
from pneumo_core.operating_point import OperatingPoint, Zones
from pneumo_core.runs import Run, default_run
from pneumo_core.trust_stable import views
from pneumo_core.verdict import TRAINED_ON, verdict


@pytest.fixture(scope="module")
def detector(tiny_run: Run) -> PneumoniaDetector:
    return PneumoniaDetector(tiny_run)


@pytest.fixture(scope="module")
def films(tiny_dataset: Dataset) -> list[bytes]:
    """The test images as PNG files."""
    test = tiny_dataset.splits["test"]
    return [_png(test.read(position)) for position in range(len(test))]


def _png(pixels: np.ndarray) -> bytes:
    """A PNG file of float32 pixels in [0, 1]."""
    file = io.BytesIO()
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _point(threshold: float) -> OperatingPoint:
    return OperatingPoint("by hand", threshold, "by hand", "")


# Serving equals training


def test_files_are_judged_as_the_evaluation_judged_the_arrays(detector, films, tiny_dataset):
    run, test = detector.run, tiny_dataset.splits["test"]
    squares = test.squares(run.preprocess)
    expected = predict_logits(run.load_model(), run.preprocess, squares, flip_average=True)
    np.testing.assert_array_equal(detector.logits(films), expected)
    np.testing.assert_allclose(detector.logits(films), run.scores("test")["logit"], atol=1e-6)
    assert len(set(expected)) > 20


def test_real_files_are_judged_as_the_evaluation_judged_the_arrays():
    """All 624 test images of PneumoniaMNIST as PNG files, against the default run's scores."""
    try:
        run = default_run()
    except RunError as error:
        pytest.skip(f"needs the default run: {error}")
    if run.data["name"] != "pneumoniamnist":
        pytest.skip(f"needs a default run of PneumoniaMNIST, not of {run.data['name']}")
    try:
        test = load_dataset("pneumoniamnist").splits["test"]
    except DataError as error:
        pytest.skip(f"needs real data: {error}")
    assert len(test) == 624
    films = [_png(test.read(position)) for position in range(len(test))]
    scores = run.scores("test")
    assert tuple(scores["id"]) == test.ids
    # Scored on another machine, perhaps, whose sums round otherwise.
    found = PneumoniaDetector(run).logits(films)
    np.testing.assert_allclose(found, scores["logit"], rtol=1e-4, atol=1e-4)


def test_all_kinds_of_input_are_one(detector, films, tiny_dataset, tmp_path):
    film = films[3]
    path = tmp_path / "film"
    path.write_bytes(film)
    pixels = tiny_dataset.splits["test"].read(3)
    image = Image.open(io.BytesIO(film))
    kinds = [film, path, str(path), image, np.asarray(image), pixels, read_image(film)]
    assert {detector.predict(kind).logit for kind in kinds} == {detector.predict(film).logit}


def test_alone_or_in_a_batch_is_the_same(detector, films):
    together = detector.logits(films)
    alone = [detector.logits([film])[0] for film in films]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    verdicts = detector.predict_many(films)
    assert [verdict.logit for verdict in verdicts] == together.tolist()
    assert detector.predict(films[0]).logit == pytest.approx(together[0], abs=1e-5)


def test_no_image_is_no_verdict(detector):
    assert detector.logits([]).tolist() == []
    assert detector.predict_many([]) == detector.explain_many([]) == []


def test_one_bad_image_is_a_sentence(detector, films):
    with pytest.raises(ImageError):
        detector.predict(b"not an image")
    with pytest.raises(ImageError):
        detector.predict_many([films[0], "/nowhere.png"])


# The verdict


def test_a_verdict_reads_by_name_and_by_key(detector, films):
    result = detector.predict(films[0])
    names = "prediction confidence probabilities probability logit zone threshold"
    names = [*names.split(), "operating_point", "clinical_note", "run"]
    assert list(dict(result)) == list(result) == result.keys() == names
    for name in names:
        assert result[name] == getattr(result, name) == dict(result)[name]
    assert result["prediction"] in ("Normal", "Pneumonia")
    for wrong in ("verdict", "keys", "__class__", 0):
        with pytest.raises(KeyError):
            result[wrong]
    with pytest.raises(FrozenInstanceError):
        result.confidence = 1.0


def test_the_figures_of_a_verdict_agree(detector, films):
    run = detector.run
    named = set()
    for film, result in zip(films, detector.predict_many(films), strict=True):
        chance = float(probability([result.logit], run.temperature)[0])
        assert result.probability == chance == result.probabilities["Pneumonia"]
        assert result.probabilities["Normal"] == 1 - chance
        assert result.confidence == result.probabilities[result.prediction]
        assert result.prediction == ("Pneumonia" if chance >= result.threshold else "Normal")
        assert result.threshold == run.operating_point.threshold
        assert (result.operating_point, result.run) == (run.operating_point.name, "tiny")
        assert film
        named.add(result.prediction)
    assert named == {"Normal", "Pneumonia"}


def test_the_confidence_is_of_the_class_that_is_named(detector, films):
    result = max(detector.predict_many(films), key=lambda each: each.probability)
    film = films[[r.logit for r in detector.predict_many(films)].index(result.logit)]
    assert 0.5 < result.probability < 1
    above = detector.predict(film, _point((1 + result.probability) / 2))
    assert above.prediction == "Normal"
    assert above.confidence == pytest.approx(1 - result.probability, abs=1e-6)


def test_the_threshold_itself_is_positive(detector, films):
    chance = detector.predict(films[5]).probability
    assert detector.predict(films[5], _point(chance)).prediction == "Pneumonia"
    just_above = float(np.nextafter(chance, 1))
    assert detector.predict(films[5], _point(just_above)).prediction == "Normal"
    assert detector.predict(films[5], _point(0.0)).prediction == "Pneumonia"


def _with_zones(detector: PneumoniaDetector, low: float, high: float) -> PneumoniaDetector:
    run = replace(detector.run, zones=Zones(low, high, "by hand", "val"))
    return PneumoniaDetector(run)


def test_zone_and_verdict_never_clash(detector, films):
    chance = detector.predict(films[5]).probability
    inside = _with_zones(detector, chance * 0.9, chance + (1 - chance) * 0.1)
    assert inside.predict(films[5], _point(chance)).zone == "uncertain"
    low, high = chance * 0.5, chance + (1 - chance) * 0.5
    for zones, zone, widened in (
        ((high, high), "rule out", _point(low)),
        ((low, low), "rule in", _point(high)),
    ):
        sure = _with_zones(detector, *zones)
        assert sure.predict(films[5], _point(zones[0])).zone == zone
        # The operating point lies on the other side: the zone between takes the film in.
        assert sure.predict(films[5], widened).zone == "uncertain"


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("rule out", "below the rule-out threshold"),
        ("uncertain", "needs a reader"),
        ("rule in", "above the rule-in threshold"),
    ],
)
def test_the_note_says_what_it_means(detector, films, zone, words):
    chance = detector.predict(films[5]).probability
    zones = {"rule out": (1, 1), "uncertain": (0, 1), "rule in": (0, 0)}[zone]
    note = _with_zones(detector, *zones).predict(films[5], _point(zones[0])).clinical_note
    side = "below" if chance < zones[0] else "at or above"
    assert f"{100 * chance:.0f} %, is {side} the threshold of" in note
    assert words in note
    assert "(by hand)" in note
    assert note.endswith(f"{TRAINED_ON} {NOTICE}")


def test_the_note_never_claims_certainty(detector):
    def said(logit):
        return verdict(detector.run, logit, _point(0.5))

    assert "pneumonia, over 99 %, is at or above" in said(40.0).clinical_note
    assert "pneumonia, under 1 %, is below" in said(-40.0).clinical_note
    assert said(1e5).probability == 1.0
    assert said(-1e5).probability == 0.0


# Which run


def test_a_run_is_given_by_name_folder_or_not_at_all(tiny_run, monkeypatch, films):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
    for given in (None, "tiny", str(tiny_run.path), tiny_run.path, tiny_run):
        assert PneumoniaDetector(given).predict(films[0]).run == "tiny"
    with pytest.raises(RunError, match="There is no run 'other'"):
        PneumoniaDetector("other")


def test_three_outputs_are_served_as_log_odds(tiny_run, tiny_dataset, films, tmp_path):
    from pneumo_core.publishing import publish
    from pneumo_core.recipe import Recipe
    from pneumo_core.training import train

    content = dict(tiny_run.recipe) | {"phases": [{"epochs": 1, "lr": 0.003}]}
    content["model"] = {**tiny_run.recipe["model"], "outputs": 3}
    recipe = Recipe.from_json(content)
    trained = train(recipe, tiny_dataset, seed=1, checkpoint=tmp_path / "x.pt")
    run = publish(tmp_path / "three", recipe, tiny_dataset, trained)
    served = PneumoniaDetector(run).logits(films)
    np.testing.assert_allclose(served, run.scores("test")["logit"], atol=1e-6)


# The explanation


@pytest.mark.parametrize("target", ["Normal", "Pneumonia"])
def test_the_target_is_the_one_asked_for(detector, films, target):
    result = detector.explain(films[20], target=target)
    assert (result.cam.target, result.cam.method, result.run) == (target, "gradcam", "tiny")
    other = detector.explain(films[20], target={"Normal": "Pneumonia"}.get(target, "Normal"))
    assert not np.array_equal(result.evidence, other.evidence)


def test_without_a_target_the_verdict_is_explained(detector, films):
    for film in (films[0], films[20]):
        expected = detector.predict(film).prediction
        assert detector.explain(film).cam.target == expected
    first, *_ = many = detector.explain_many([films[20], films[0]])
    assert {each.cam.target for each in many} == {first.cam.target}


@pytest.mark.parametrize("target", ["pneumonia", "", "Healthy"])
def test_a_wrong_target_is_a_sentence(detector, films, target):
    with pytest.raises(RunError, match="The target must be Normal or Pneumonia, not"):
        detector.explain(films[0], target=target)


def test_a_wrong_layer_or_method_is_a_sentence(detector, films):
    with pytest.raises(RecipeError, match="choose from"):
        detector.explain(films[0], layer="attic")
    with pytest.raises(PneumoError, match="choose from gradcam"):
        detector.explain(films[0], method="guesswork")


def test_the_map_lies_over_the_part_that_was_seen(detector, films):
    result = detector.explain(films[20], target="Pneumonia")
    assert result.film.shape == result.placed.shape == (40, 52)
    assert result.box == (0, 6, 40, 40)
    np.testing.assert_array_equal(result.film, read_image(films[20]).pixels)
    assert not result.placed[:, :6].any()
    assert not result.placed[:, 46:].any()
    assert result.placed[:, 6:46].max() > 0.5
    assert result.map is result.cam.map
    assert result.evidence is result.cam.evidence
    assert result.worth == result.cam.worth


def test_no_opacity_is_the_film_itself(detector, films):
    result = detector.explain(films[20], target="Pneumonia")
    film = np.asarray(Image.open(io.BytesIO(films[20])))
    plain = result.overlay(0)
    np.testing.assert_array_equal(plain, np.repeat(film[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(result.overlay(), overlay(result.film, result.placed, 0.6))
    changed = (result.overlay(0.9) != plain).any(axis=2)
    assert changed.any()
    assert not changed[:, :6].any()


def test_explaining_leaves_the_network_as_it_was(detector, films):
    before = detector.logits(films)
    model = detector._model
    flags = [(p.requires_grad, p.grad) for p in model.parameters()]
    detector.explain_many(films[:3], target="Normal")
    with pytest.raises(RecipeError):
        detector.explain(films[0], layer="attic")
    np.testing.assert_array_equal(detector.logits(films), before)
    assert [(p.requires_grad, p.grad) for p in model.parameters()] == flags
    assert not any(module.training for module in model.modules())


def test_several_maps_at_once_are_those_drawn_one_by_one(detector, films):
    methods = ["integrated", "gradcam", "eigencam", "occlusion", "randomcam"]
    found = detector.explain_with(films[20], methods, "Normal", "block2")
    assert list(found) == methods
    for method, together in found.items():
        alone = detector.explain(films[20], method, "Normal", "block2")
        np.testing.assert_array_equal(together.evidence, alone.evidence)
        np.testing.assert_array_equal(together.placed, alone.placed)
        assert together.cam.layer == ("input" if METHODS[method].on_input else "block2")
    called = detector.predict(films[0]).prediction
    assert detector.explain_with(films[0], ["gradcam"])["gradcam"].cam.target == called


def test_the_checks_are_those_of_the_map_and_the_threshold_in_use(detector, films):
    run, film = detector.run, read_image(films[20])
    done: list[float] = []
    found = detector.trust(film, "hirescam", "Normal", "block2", progress=done.append)
    expected = trust.check(
        run.load_model(),
        run.model,
        run.preprocess,
        run.preprocess.square(film.pixels),
        method="hirescam",
        target="Normal",
        layer="block2",
    )
    assert found.figures() == expected.figures()
    evidence = detector.explain(film, "hirescam", "Normal", "block2").evidence
    np.testing.assert_array_equal(found.cam.evidence, evidence)
    assert found.reference is None
    assert (done[0], done[-1]) == (0, 1)
    # A threshold between the score of the film and that of a view of it turns that view.
    score, views = -found.stable.score, [-each for each in found.stable.scores]
    between = (score + max(views)) / 2
    turned = sum((each >= between) != (score >= between) for each in views)
    chance = float(probability([between], run.temperature)[0])
    again = detector.trust(film, "hirescam", "Normal", "block2", _point(chance))
    assert again.stable.turned == turned > 0


def test_what_cannot_be_checked_is_a_sentence(detector, films):
    with pytest.raises(RunError, match="no method 'magic': choose from gradcam"):
        detector.trust(films[0], "magic")
    with pytest.raises(RunError, match="The target must be Normal or Pneumonia"):
        detector.trust(films[0], target="Flu")
    with pytest.raises(RecipeError, match="choose from"):
        detector.trust(films[0], layer="attic")


def test_views_are_judged_as_films_are(detector, films):
    preprocess = detector.run.preprocess
    film = films[20]
    square = preprocess.square(read_image(film).pixels)
    changed = views(preprocess.resized(torch.from_numpy(square[None])))
    found = detector.view_probabilities(film)
    assert len(found) == len(changed) == 8
    assert len(set(found)) == 8
    # The brighter view is whole grey levels away, but for rounding: it can be sent as a file.
    brighter = (changed[5, 0].numpy() * 255).round().astype(np.uint8)
    assert found[5] == pytest.approx(detector.predict(brighter).probability, abs=0.005)


# Threads

SHARED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pneumo_core import PneumoniaDetector

detector = PneumoniaDetector(sys.argv[1])
films = [path.read_bytes() for path in sorted(Path(sys.argv[2]).iterdir())]
METHODS = ("gradcam", "hirescam", "eigencam", "integrated", "randomcam")

def judge(i):
    film, target = films[i % len(films)], ("Normal", "Pneumonia")[i % 2]
    method = METHODS[i % len(METHODS)]
    explanation = detector.explain(film, method, target)
    found = [detector.predict(film).logit, explanation.evidence, explanation.map]
    if i % 20 == 0:
        several = detector.explain_with(film, METHODS[:3], target, "block2")
        found += [each.evidence for each in several.values()]
    if i == 20:
        found += detector.trust(film, method, target).figures().values()
    return found

jobs = 5 * list(range(40))
alone = [judge(i) for i in range(40)]
with ThreadPoolExecutor(8) as pool:
    together = list(pool.map(judge, jobs))
for i, found in zip(jobs, together, strict=True):
    for part, same in zip(found, alone[i], strict=True):
        np.testing.assert_array_equal(part, same)
print("same")
"""


def test_eight_threads_share_a_detector(tiny_run, films, tmp_path):
    """In a process of its own: a network used by two threads at once may abort the process.

    200 maps of five methods, some of them with several more and with checks, among verdicts.
    """
    for i, film in enumerate(films[:6]):
        (tmp_path / f"{i}.png").write_bytes(film)
    done = subprocess.run(
        [sys.executable, "-c", SHARED, tiny_run.path, tmp_path],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert (done.stdout, done.returncode) == ("same\n", 0), done.stderr


def test_the_lock_is_held_while_the_network_runs(detector, films, monkeypatch):
    held = []
    forward = type(detector._model).forward

    def spy(model: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        held.append(detector.lock.locked())
        return forward(model, inputs)

    monkeypatch.setattr(type(detector._model), "forward", spy)
    detector.predict(films[0])
    detector.explain(films[0])
    assert len(held) >= 4
    assert all(held)
    assert not detector.lock.locked()


def test_nobodys_verdict_waits_for_what_takes_long(detector, films, monkeypatch):
    held = []
    forward = type(detector._model).forward

    def spy(model: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        held.append(model is detector._model or detector.lock.locked())
        return forward(model, inputs)

    monkeypatch.setattr(type(detector._model), "forward", spy)
    detector.explain(films[0], "occlusion", "Normal")
    detector.explain(films[0], "scorecam", "Normal", "block1")
    detector.explain_with(films[0], ["gradcam", "hirescam"], "Normal")
    detector.trust(films[0], target="Normal")
    detector.effort()
    assert len(held) > 30
    assert not any(held)
