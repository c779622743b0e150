"""The novelty gate: which answer, for which reasons, over a made-up reference and a real run."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pneumo_core import novelty_pictures
from pneumo_core.__main__ import main
from pneumo_core.datasets import Dataset
from pneumo_core.image_checks import Orientation, Reason, tiny_square
from pneumo_core.images import GreyImage
from pneumo_core.novelty import Novelty, judge, judge_many, network_features
from pneumo_core.novelty_pictures import families
from pneumo_core.novelty_report import DAMAGES, Row, table
from pneumo_core.proportions import Estimate
from pneumo_core.reference import FEATURES_FILE, Depth, Reference, read_reference
from pneumo_core.runs import Run


def made_film(seed: int, size: int = 64) -> np.ndarray:
    """A film that knows its way up: brighter below, with a dark field to the left of the middle."""
    drawn = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    lungs = np.exp(-(((np.abs(x) - 0.5) / 0.25) ** 2) - ((y + 0.2) / 0.5) ** 2)
    grey = 0.5 + 0.2 * y - drawn.uniform(0.2, 0.3) * lungs + drawn.normal(0, 0.02, x.shape)
    return grey.clip(0.02, 0.95).astype(np.float32)


def grey(pixels: np.ndarray, colourful: bool = False) -> GreyImage:
    return GreyImage(np.ascontiguousarray(pixels, np.float32), "array", (), colourful)


def _depth(stage: str) -> Depth:
    """One feature with one direction; the distance is the logarithm of its square."""
    return Depth(
        stage=stage,
        mean=np.zeros(1, np.float32),
        axes=np.ones((1, 1), np.float32),
        deviations=np.ones(1, np.float32),
        noise=1.0,
        centre=0.0,
        spread=2.0,
        codes=np.zeros((4, 1), np.float16),
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    """Distances are ln |feature| at each depth; above 4 is unusual, above 8 foreign."""
    films = np.stack([tiny_square(made_film(seed)) for seed in range(40)])
    return Reference(
        weights_sha256="",
        fingerprint="",
        square_size=28,
        ids=tuple("abcd"),
        labels=np.array([0, 0, 1, 1], np.uint8),
        depths=(_depth("early"), _depth("head")),
        distances=np.array([-1, 0, 1, 2], np.float32),
        unusual=4.0,
        foreign=8.0,
        orientation=Orientation.fit(films, films, 0.01),
    )


def features(early: float, head: float):
    """A network that sees the same in every film: distances early and head."""

    def seen(films: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        each = [np.exp(distance) for distance in (early, head)]
        return tuple(np.full((len(films), 1), value, np.float32) for value in each)

    return seen


def upright_is_familiar(films: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """A network that knows unframed films with their bright half below, and nothing else."""
    known = [film[0].max() > 0 and film[-16:].mean() > film[:16].mean() + 0.15 for film in films]
    away = [0.0 if each else 20.0 for each in known]
    column = np.exp(np.array(away, np.float32))[:, None]
    return column, np.ones_like(column)


def reasons(result: Novelty) -> list[Reason]:
    return [each.reason for each in result.objections]


def test_familiar(reference):
    result = judge(reference, features(1, 0.5), grey(made_film(50)))
    assert (result.answer, result.objections, result.withheld) == ("familiar", (), False)
    assert result.distance == pytest.approx(1.5, abs=1e-5)
    assert result.depths == pytest.approx((1, 0.5), abs=1e-5)
    assert result.percentile == 75
    np.testing.assert_allclose(result.codes, np.exp([1, 0.5]), rtol=1e-5)
    assert result.sentence == "It looks like the films the model was trained on."


@pytest.mark.parametrize(
    ("early", "head", "answer"),
    [(2, 1.9, "familiar"), (2, 2.1, "unusual"), (4, 3.9, "unusual"), (4, 4.1, "not a chest X-ray")],
)
def test_distances_of_all_depths_count_together(reference, early, head, answer):
    result = judge(reference, features(early, head), grey(made_film(50)))
    assert result.answer == answer
    assert reasons(result) == ([] if answer == "familiar" else [Reason.UNFAMILIAR])


def test_what_is_seen_without_a_network_is_an_objection_to_a_familiar_film(reference):
    long = np.concatenate([made_film(50)] * 3, axis=1)
    result = judge(reference, features(0, 0), grey(long))
    assert (result.answer, reasons(result)) == ("unusual", [Reason.SHAPE])


def test_small_is_smaller_than_the_runs_squares(reference):
    film = grey(made_film(50, 40))
    assert judge(reference, features(0, 0), film).answer == "familiar"
    larger = replace(reference, square_size=41)
    assert reasons(judge(larger, features(0, 0), film)) == [Reason.SMALL]


def test_colour_alone_is_an_objection_and_with_unusual_features_a_photograph(reference):
    film = grey(made_film(50), colourful=True)
    result = judge(reference, features(0, 0), film)
    assert (result.answer, reasons(result)) == ("unusual", [Reason.COLOUR])
    result = judge(reference, features(3, 3), film)
    assert (result.answer, reasons(result)) == ("not a chest X-ray", [Reason.PHOTOGRAPH])
    assert result.objections[0].sentence == "It looks like a colour photograph."


@pytest.mark.parametrize("reason", [Reason.FLAT, Reason.PAGE])
def test_a_flat_picture_or_a_page_with_unusual_features_is_no_film(reference, reason):
    page = np.full((64, 64), 0.5)
    if reason == Reason.PAGE:
        page[::4] = 0
    for distance, answer in ((0, "unusual"), (3, "not a chest X-ray")):
        result = judge(reference, features(distance, distance), grey(page))
        assert (result.answer, reason in reasons(result)) == (answer, True)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_film_that_lies_wrongly_is_unusual_not_foreign(reference, name):
    change, expected = DAMAGES[name]
    result = judge(reference, upright_is_familiar, grey(change(made_film(50))))
    assert (result.answer, set(reasons(result))) == ("unusual", expected)
    assert result.distance == pytest.approx(0, abs=1e-5)


def test_a_border_is_named_where_features_are_unusual_and_not_elsewhere(reference):
    framed = grey(np.pad(made_film(50), 8))
    result = judge(reference, upright_is_familiar, framed)
    assert (result.answer, reasons(result)) == ("unusual", [Reason.BORDER])
    assert result.distance == pytest.approx(0, abs=1e-5)
    assert result.percentile == 100
    assert judge(reference, features(0, 0), framed).answer == "familiar"
    # Cut to the film it is unusual still: both are said.
    result = judge(reference, features(3, 3), framed)
    assert (result.answer, reasons(result)) == ("unusual", [Reason.BORDER, Reason.UNFAMILIAR])


def test_its_percentile_and_codes_are_those_of_the_film_as_it_is(reference):
    result = judge(reference, upright_is_familiar, grey(np.rot90(made_film(50), 2)))
    assert result.percentile == 100
    assert result.depths == pytest.approx((20, 0), abs=1e-4)
    np.testing.assert_allclose(result.codes, np.exp([20, 0]), rtol=1e-4)


def test_a_foreign_picture_is_not_said_to_be_turned(reference):
    result = judge(reference, features(9, 9), grey(np.rot90(made_film(50), 2)))
    assert (result.answer, reasons(result)) == ("not a chest X-ray", [Reason.UNFAMILIAR])


def test_many_are_judged_as_each_alone(reference):
    films = [grey(made_film(50)), grey(np.rot90(made_film(51))), grey(1 - made_film(52))]
    together = judge_many(reference, upright_is_familiar, films)
    assert [each.answer for each in together] == ["familiar", "unusual", "unusual"]
    for film, result in zip(films, together, strict=True):
        alone = judge(reference, upright_is_familiar, film)
        assert (alone.answer, alone.objections) == (result.answer, result.objections)
        assert alone.distance == result.distance
    assert judge_many(reference, upright_is_familiar, []) == []


def test_neither_file_size_nor_moderate_shape_matters(tiny_run: Run):
    """The same centre square in frames of other shapes gets the same distance."""
    reference = read_reference(tiny_run)
    seen = network_features(tiny_run, tiny_run.load_model(), reference.stages)
    square = made_film(50)
    wide = np.concatenate([square[:, ::-1][:, :20], square, square[:, ::-1][:, -20:]], axis=1)
    tall = np.concatenate([square[:10], square, square[-10:]], axis=0)
    as_is, *others = judge_many(reference, seen, [grey(square), grey(wide), grey(tall)])
    for other in others:
        assert other.distance == pytest.approx(as_is.distance, abs=1e-4)
        np.testing.assert_allclose(other.codes, as_is.codes, atol=1e-4)


def test_a_real_run_knows_its_films_and_not_noise(tiny_run: Run, tiny_dataset: Dataset):
    reference = read_reference(tiny_run)
    seen = network_features(tiny_run, tiny_run.load_model(), reference.stages)
    split = tiny_dataset.splits["test"]
    films = [grey(split.read(position)) for position in range(len(split))]
    noise = [grey(np.random.default_rng(seed).random((40, 52))) for seed in range(5)]
    known = [each.distance for each in judge_many(reference, seen, films)]
    other = judge_many(reference, seen, noise)
    assert max(known) < min(each.distance for each in other)
    assert {each.answer for each in other} == {"not a chest X-ray"}


def test_features_leave_the_model_as_it_was(tiny_run: Run):
    reference, model = read_reference(tiny_run), tiny_run.load_model()
    seen = network_features(tiny_run, model, reference.stages)
    first, again = seen([made_film(1)]), seen([made_film(1), made_film(2)])
    assert not any(module._forward_hooks for module in model.modules())
    for one, both in zip(first, again, strict=True):
        np.testing.assert_allclose(one[0], both[0], atol=1e-5)


def test_pictures_are_the_same_for_the_same_seed(monkeypatch):
    monkeypatch.setattr(novelty_pictures, "DRAWN", 10)
    monkeypatch.setattr(novelty_pictures, "PARTS", 1)
    first, again, other = families(1), families(1), families(2)
    assert {"Noise", "Drawings", "Text pages, drawn", "Photographs"} <= {f.title for f in first}
    for one, same in zip(first, again, strict=True):
        assert len(one.pictures) == len(one.things) >= 2, one.title
        for a, b in zip(one.pictures, same.pictures, strict=True):
            np.testing.assert_array_equal(a.pixels, b.pixels)
    assert not np.array_equal(first[-1].pictures[0].pixels, other[-1].pictures[0].pixels)


def test_the_table_by_hand():
    rows = table(
        [
            Row("Films", 200, 200, objected=2, withheld=0),
            Row("Inverted", 200, 200, objected=199, withheld=1, named=198),
            Row("Photographs", 90, 10, 90, 81, auc=Estimate(0.99987, 0.99, 1.0)),
        ]
    )
    assert rows[1:] == [
        ["Films", "200", "", "1.0 % (0.3–3.6)", "0.0 % (0.0–1.9)", ""],
        ["Inverted", "200", "", "99.5 % (97.2–99.9)", "0.5 % (0.1–2.8)", "99.0 % (96.4–99.7)"],
        [
            "Photographs",
            "90 of 10",
            "0.9999 (0.9900–1.0000)",
            "100.0 % (95.9–100.0)",
            "90.0 % (82.1–94.6)",
            "",
        ],
    ]


def test_the_command_without_a_reference_says_what_to_do(
    tiny_run: Run, tiny_data, tmp_path, capsys
):
    import shutil

    folder = shutil.copytree(tiny_run.path, tmp_path / "tiny")
    (folder / FEATURES_FILE).unlink()
    assert main(["novelty-report", str(folder), "--data", str(tiny_data)]) == 1
    assert "run python -m pneumo_core reference tiny" in capsys.readouterr().err
