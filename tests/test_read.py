"""One pass for verdict, members, novelty and map: the numbers of the passes that it stands for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo_core import CLASS_NAMES
from pneumo_core.architectures import ARCHITECTURES, ModelSpec, create_model
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.errors import RunError
from pneumo_core.explain import ONE_PASS
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.preprocess import Preprocess
from pneumo_core.runs import Run

SPECS = {
    "one output, small stem": ModelSpec("cnn", channels=1, stem="small"),
    "ensemble": ModelSpec("cnn", channels=1, stem="small", members=3),
    "two outputs": ModelSpec("resnet18", channels=3, outputs=2, hidden=16, dropout=0.5),
    "ensemble of three outputs": ModelSpec("resnet18_half", channels=1, outputs=3, members=2),
    "depthwise": ModelSpec("mobilenet_v2", channels=3),
    "dense": ModelSpec("densenet121", channels=3),
}


@pytest.fixture(params=SPECS)
def spec(request):
    return SPECS[request.param]


@pytest.fixture(params=[False, True], ids=["as it is", "with its mirror image"])
def made(request, spec, tiny_run, tmp_path, monkeypatch):
    """A detector of a random network, its statistics settled and some of it frozen."""
    torch.manual_seed(3)
    size = 64 if spec.stem == "standard" else 28
    preprocess = Preprocess(
        size, channels=spec.channels, mean=(0.5,) * spec.channels, std=(0.2,) * spec.channels
    )
    model = create_model(spec).train()
    with torch.no_grad():
        model(torch.randn(8, spec.channels, size, size))
    model.eval().to(memory_format=torch.channels_last)
    next(model.parameters()).requires_grad_(False)
    monkeypatch.setattr(Run, "load_model", lambda _: model)
    run = replace(
        tiny_run, path=tmp_path, model=spec, preprocess=preprocess, flip_average=request.param
    )
    return PneumoniaDetector(run)


def pictures(count, seed=1):
    random = np.random.default_rng(seed)
    return [random.random((40 + i, 50)).astype(np.float32) for i in range(count)]


def middle(detector, films):
    """An operating point with films on either side."""
    chances = [each.probability for each in detector.predict_many(films)]
    return OperatingPoint("by hand", float(np.median(chances)), "by hand", "")


def same(found, said, members, expected):
    """Assert that findings are what as many passes give: verdict, members, map."""
    assert found.prediction.logit == pytest.approx(said.logit, abs=1e-6, rel=1e-6)
    assert found.prediction.prediction == said.prediction == found.explanation.cam.target
    assert found.members == pytest.approx(members, abs=1e-6)
    one, other = found.explanation, expected
    assert (one.run, one.box) == (other.run, other.box)
    assert (one.cam.method, one.cam.target) == (other.cam.method, other.cam.target)
    assert one.cam.layer == other.cam.layer
    scale = max(np.abs(other.evidence).max(), 1e-6)
    np.testing.assert_allclose(one.evidence, other.evidence, atol=1e-5 * scale)
    np.testing.assert_allclose(one.map, other.map, atol=1e-5)
    np.testing.assert_array_equal(one.film, other.film)


def test_a_film_read_once_is_judged_and_explained_as_by_several_passes(made):
    for film in pictures(2):
        found, said = made.read(film), made.predict(film)
        members = made.member_probabilities(film)
        same(found, said, members, made.explain(film, "gradcam", said.prediction))
        # To the last bit.
        assert found.prediction == said
        assert found.members == members
        assert found.novelty is None  # nothing is kept of this run's training images


def test_films_read_together_are_each_explained_for_their_own_class(made):
    films = pictures(5)
    point = middle(made, films)
    found, said = made.read_many(films, point), made.predict_many(films, point)
    maps = {target: made.explain_many(films, target=target) for target in CLASS_NAMES}
    called = [each.prediction for each in said]
    assert set(called) == set(CLASS_NAMES)
    for place, each in enumerate(found):
        assert each.prediction == said[place]
        # Alone in the network, a member's last digits may be others.
        members = pytest.approx(made.member_probabilities(films[place]), abs=1e-4)
        assert each.members == members
        same(each, said[place], each.members, maps[called[place]][place])


def test_every_method_of_one_pass_at_every_stage(tiny_run):
    detector = PneumoniaDetector(tiny_run)
    film = pictures(1)[0]
    said, members = detector.predict(film), detector.member_probabilities(film)
    for method in ONE_PASS:
        for layer in ARCHITECTURES[tiny_run.model.architecture].cam_stages:
            expected = detector.explain(film, method, said.prediction, layer)
            same(detector.read(film, None, method, layer), said, members, expected)


def test_novelty_of_films_read_once_is_that_of_a_pass_of_its_own(tiny_run):
    detector = PneumoniaDetector(tiny_run)
    films = [*pictures(2), np.rot90(pictures(1)[0]).copy(), np.zeros((40, 40), np.float32)]
    read, judged = detector.read_many(films), detector.novelty_many(films)
    for found, expected in zip(read, judged, strict=True):
        assert found.novelty.answer == expected.answer
        assert found.novelty.objections == expected.objections
        assert found.novelty.distance == expected.distance
        assert found.novelty.depths == expected.depths
        np.testing.assert_array_equal(found.novelty.codes, expected.codes)
    assert len({each.distance for each in judged}) == len(films)


def test_the_network_runs_once_for_a_film_and_once_for_its_mirror_image(made, monkeypatch):
    runs = []
    member = type(made._model.members[0] if made.run.model.members > 1 else made._model)
    forward = member.forward

    def spy(model, inputs):
        runs.append(len(inputs))
        return forward(model, inputs)

    monkeypatch.setattr(member, "forward", spy)
    made.read_many(pictures(3))
    assert runs == [3] * made.run.model.members * (1 + made.run.flip_average)


def test_reading_leaves_the_network_as_it_was(made):
    flags = [parameter.requires_grad for parameter in made._model.parameters()]
    assert len(set(flags)) == 2
    made.read(pictures(1)[0])
    assert [parameter.requires_grad for parameter in made._model.parameters()] == flags
    assert all(parameter.grad is None for parameter in made._model.parameters())
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in made._model.modules()]
    assert not any(hooks)
    assert not made.lock.locked()


def test_a_reader_in_inference_mode_gets_the_same(tiny_run):
    detector, film = PneumoniaDetector(tiny_run), pictures(1)[0]
    expected = detector.read(film)
    with torch.inference_mode():
        found = detector.read(film)
    assert found.prediction == expected.prediction
    np.testing.assert_array_equal(found.explanation.map, expected.explanation.map)


def test_eight_threads_get_what_one_gets(tiny_run):
    detector, films = PneumoniaDetector(tiny_run), pictures(12)
    expected = [detector.read(film) for film in films]
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(detector.read, films * 5)]
    for one, other in zip(found, expected * 5, strict=True):
        assert one.prediction == other.prediction
        assert one.members == other.members
        np.testing.assert_array_equal(one.explanation.evidence, other.explanation.evidence)
        np.testing.assert_array_equal(one.novelty.codes, other.novelty.codes)


def test_without_a_method_there_is_no_map_and_without_films_nothing(tiny_run):
    detector, film = PneumoniaDetector(tiny_run), pictures(1)[0]
    found = detector.read(film, method=None)
    assert found.explanation is None
    assert found.prediction == detector.predict(film)
    assert detector.read_many([]) == []
    for method in ("occlusion", "scorecam", "magic"):
        with pytest.raises(RunError, match=f"not by '{method}'"):
            detector.read(film, method=method)
