"""The panel of one map: on networks whose reason is known, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo_core.errors import DataError, PneumoError
from pneumo_core.explain import CamResult, explain_by
from pneumo_core.preprocess import Preprocess
from pneumo_core.trust import CHECKS, Trust, check, others
from pneumo_core.trust_faithful import Faithful
from pneumo_core.trust_learned import Learned
from pneumo_core.trust_place import Place
from pneumo_core.trust_reference import PERCENTILES, Reference, quantiles_of
from pneumo_core.trust_stable import Stable
from pneumo_core.trust_words import CAVEAT, QUESTIONS, overall, sentence, standing_of
from tests.planted import CNN, bright, films, hits, learnt, texture

AS_IS = Preprocess(input_size=32, mean=(0.5,), std=(0.1,))
"""On squares of mean grey 127.5 and a standard deviation of 25.5 this makes planted films."""

RISING = tuple(map(float, np.linspace(0, 2, PERCENTILES)))
REFERENCE = Reference("hirescam", "block2", "test", 624, 0.6, {"gain": RISING})


def trust(**changes):
    """A map that passes every check."""
    evidence = np.eye(8, dtype=np.float32)
    cam = CamResult(
        np.eye(32, dtype=np.float32), evidence, 8.0, 0.0, "hirescam", "Pneumonia", "block2"
    )
    fields = {
        "cam": cam,
        "faithful": Faithful(deletion=-1.0, insertion=0.5, random=-0.2, beaten=1.0),
        "learned": Learned(head=0.1, stage=0.3),
        "stable": Stable(score=2.0, scores=(1.5, 2.1), turned=0, map=0.9),
        "agreement": {"occlusion": 0.7, "integrated": 0.5},
        "place": Place(edge=0.1, outside=0.2, edge_area=0.3, outside_area=0.4),
        "reference": REFERENCE,
    }
    return Trust(**{**fields, **changes})


def squares_of(images):
    """Squares that the preprocessing takes back to the images, but for rounding."""
    grey = images[:, 0].numpy() * 0.1 + 0.5
    return np.rint(grey * 255).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def seeing():
    return {
        "bright": (learnt(bright), bright, False),
        "corner": (learnt(bright, corner=True), bright, True),
        "texture": (learnt(texture), texture, False),
    }


@pytest.mark.parametrize("reason", ["bright", "corner", "texture"])
def test_the_gradient_methods_point_at_the_reason_that_was_planted(seeing, reason):
    model, plant, corner = seeing[reason]
    images, places = films(plant, 7, np.ones(60, int), corner)
    methods = ["gradcam", "hirescam", "gradcam++", "layercam"]
    drawn = explain_by(model, CNN, images, methods, layer="block2")
    drawn |= explain_by(model, CNN, images, ["integrated"])
    for method, results in drawn.items():
        assert hits(results, places) >= 0.95, method


def panel(seeing, reason, method="hirescam", **options):
    model, plant, corner = seeing[reason]
    images, _ = films(plant, 11, np.ones(1, int), corner)
    return check(model, CNN, AS_IS, squares_of(images)[0], method=method, layer="block2", **options)


def test_a_map_of_a_planted_reason_holds_and_the_confounder_is_caught(seeing):
    # So small a network sees the square in its first layers, whatever the last have forgotten.
    reference = replace(REFERENCE, method="gradcam", unrelated=1.0)
    for reason in ("bright", "texture"):
        found = panel(seeing, reason, "gradcam", reference=reference)
        assert all(found.passed(one) for one in ("faithful", "learned", "agreement", "place"))
        assert found.stable.map >= 0.5
        # Whether a changed film turns so small a network's verdict differs with the CPU's rounding.
        assert found.standing == ("care" if found.stable.turned else "holds")
    surer = {"bright": (learnt(bright, steps=150), bright, False)}
    assert panel(surer, "bright", "gradcam", reference=reference).standing == "holds"
    confounded = panel(seeing, "corner", "gradcam", reference=reference)
    assert confounded.passed("faithful")  # it is the network's true reason, only a bad one
    assert confounded.passed("place") is False
    assert confounded.standing == "care"
    assert "corners" in overall(confounded)


def test_a_map_that_ignores_the_head_is_rejected(seeing):
    reference = replace(REFERENCE, method="eigencam")
    found = panel(seeing, "bright", "eigencam", reference=reference)
    assert found.learned.head == pytest.approx(1)
    assert found.passed("learned") is False
    assert found.standing == "reject"


def test_the_panel_is_the_same_twice_leaves_no_trace_and_reports_progress(seeing):
    model = seeing["bright"][0]
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    state, random = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    done = []
    with torch.inference_mode():
        first = panel(seeing, "bright", progress=done.append)
    assert model.training
    model.eval()
    assert first.figures() == panel(seeing, "bright").figures()
    assert done[0] == 0
    assert done[-1] == 1
    assert done == sorted(done)
    assert len(done) > 8
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], random)  # noqa: NPY002


def test_the_panel_answers_for_the_class_that_is_asked_for(seeing):
    found = panel(seeing, "bright", target="Normal", threshold=1.0)
    assert found.stable.score < -3
    # The film is called pneumonia by far, and so is every view of it.
    assert found.stable.turned == 0
    assert panel(seeing, "bright", threshold=found.stable.score).stable.turned == 0
    beyond = panel(seeing, "bright", threshold=-found.stable.score + 0.01)
    assert 0 < beyond.stable.turned <= 8
    with pytest.raises(PneumoError, match="no class 'Flu'"):
        panel(seeing, "bright", target="Flu")


def test_what_is_removed_comes_from_the_reference_whichever_map_is_checked(seeing):
    dark = tuple("7f" * 32 for _ in range(32))
    typical = replace(REFERENCE, typical={"Normal": dark, "Pneumonia": dark})
    plain = panel(seeing, "bright")
    filled = panel(seeing, "bright", reference=typical)
    assert filled.faithful != plain.faithful
    assert filled.reference is typical
    other = panel(seeing, "bright", "gradcam", reference=typical)
    assert other.reference is None
    assert other.faithful.random == pytest.approx(filled.faithful.random, rel=0.5)
    with pytest.raises(DataError, match="run explain-audit again"):
        panel(seeing, "bright", reference=replace(REFERENCE, typical={"Normal": ("00",)}))


def test_methods_are_compared_with_two_that_work_differently():
    assert others("hirescam") == ("occlusion", "integrated")
    assert others("gradcam") == ("occlusion", "integrated")
    assert others("occlusion") == ("gradcam", "integrated")
    assert others("integrated") == ("gradcam", "occlusion")


# what the figures mean


def test_one_figure_a_check():
    assert trust().figures() == {
        "gain": 1.5,
        "likeness": 0.3,
        "stability": 0.9,
        "score_change": 0.5,
        "agreement": pytest.approx(0.6),
        "density": 0.5,
    }


FAILS = {
    "faithful": {"faithful": Faithful(-1.0, 0.5, -0.2, beaten=0.94)},
    "learned": {"learned": Learned(head=0.6, stage=0.1)},
    "stable": {"stable": Stable(2.0, (1.5, -0.1), turned=1, map=0.9)},
    "agreement": {"agreement": {"occlusion": 0.5, "integrated": 0.08}},
    "place": {"place": Place(0.3, 0.41, 0.3, 0.4)},
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_failed_check_is_named_and_decides_the_standing(name):
    found = trust(**FAILS[name])
    assert [each for each in CHECKS if found.passed(each) is False] == [name]
    assert found.standing == ("reject" if name in ("faithful", "learned") else "care")
    start = {"reject": "Do not go by this map: ", "care": "Read this map with care: "}
    assert overall(found).startswith(start[found.standing])
    assert overall(found).endswith(CAVEAT)
    assert ";" not in overall(found)


def test_a_map_that_holds_is_not_called_right():
    assert trust().standing == "holds"
    assert overall(trust()) == (
        "This map holds up in every check: it shows what the network leaned on. " + CAVEAT
    )
    unsure = trust(reference=None)
    assert unsure.passed("learned") is None
    assert "4 of 5 checks" in overall(unsure)


def test_a_blank_map_has_no_standing_to_lose():
    blank = replace(trust().cam, map=np.zeros((32, 32), np.float32))
    found = trust(cam=blank, place=None, **FAILS["faithful"])
    assert found.standing == "blank"
    assert "no evidence for Pneumonia" in overall(found)
    assert found.passed("place") is None
    assert sentence(found, "place").startswith("This cannot be measured")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("faithful", "1.50 higher against when they are removed"),
        ("learned", "is 0.30, below 0.60"),
        ("stable", "is 0.90. The log-odds move by up to 0.50; none of them changes the answer."),
        ("agreement", "agree: rank correlation 0.60 (Occlusion 0.70, Integrated gradients 0.50)."),
        ("place", "20% of the evidence"),
    ],
)
def test_sentences_state_the_figures(name, words):
    assert words in sentence(trust(), name)
    assert set(QUESTIONS) == set(CHECKS)


def test_a_figure_is_placed_among_the_reference():
    assert standing_of(trust(), "faithful") == pytest.approx(0.75)
    assert standing_of(trust(), "agreement") is None
    assert standing_of(trust(reference=None), "faithful") is None
    assert REFERENCE.below("gain", 1.01) == pytest.approx(0.505)
    assert (REFERENCE.below("gain", -9), REFERENCE.below("gain", 9)) == (0, 1)
    flat = replace(REFERENCE, quantiles={"gain": (1.0,) * PERCENTILES})
    assert flat.below("gain", 1.0) == 0.5


def test_percentiles_leave_out_what_is_not_known():
    found = quantiles_of([3.0, None, 1.0])
    assert len(found) == PERCENTILES
    assert (found[0], found[50], found[100]) == (1, 2, 3)
    assert quantiles_of([None]) == ()
    assert quantiles_of([]) == ()


@pytest.mark.parametrize(
    "known", [(1.0, 2.0), ("a",) * PERCENTILES, RISING[::-1], 5, [None] * PERCENTILES]
)
def test_percentiles_that_are_none_are_refused(known):
    with pytest.raises(DataError, match="rising numbers"):
        replace(REFERENCE, quantiles={"gain": known})
