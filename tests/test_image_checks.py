"""What is unusual about a picture, without a network: fixed limits and orientation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pneumo_core.image_checks import (
    MIN_LETTERS,
    ORIENTATION_SIDE,
    SENTENCES,
    TURNS,
    UPRIGHT,
    Orientation,
    Reason,
    Turn,
    image_objections,
    letters_in_a_row,
    tiny_square,
    without_border,
)
from pneumo_core.images import GreyImage, read_image
from tests.conftest import real_dataset


def film(rng: np.random.Generator | int = 0, height: int = 300, width: int = 360) -> np.ndarray:
    """Something laid out like a chest film: two dark fields, a bright middle, dark upper corners.

    float32 (height, width) in [0, 1]; another seed is another child.
    """
    drawn = np.random.default_rng(rng)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    grey = 0.55 + 0.15 * y + 0.05 * drawn.normal() + 0 * x
    for side in (-1, 1):
        across, up = side * drawn.uniform(0.4, 0.5), drawn.uniform(-0.15, 0)
        lung = np.exp(-(((x - across) / 0.3) ** 2) - ((y - up) / 0.55) ** 2)
        grey -= drawn.uniform(0.25, 0.35) * lung
    grey += drawn.uniform(0.1, 0.2) * np.exp(-((x / 0.15) ** 2))
    grey -= 0.3 * (np.abs(x) > 0.8) * (y < -0.5)
    noise = drawn.normal(0, 0.02, grey.shape)
    return (grey + noise).clip(0.02, 0.95).astype(np.float32)


def reasons(pixels: np.ndarray, smallest: int = 28, colourful: bool = False) -> list[Reason]:
    image = GreyImage(np.ascontiguousarray(pixels, np.float32), "array", (), colourful)
    return [objection.reason for objection in image_objections(image, smallest)]


def written(pixels: np.ndarray, text: str, size: int = 12) -> np.ndarray:
    image = Image.fromarray((pixels * 255).astype(np.uint8))
    ImageDraw.Draw(image).text((20, 20), text, fill=255, font=ImageFont.load_default(size))
    return np.asarray(image, np.float32) / 255


def test_nothing_is_unusual_about_a_film():
    assert reasons(film()) == []


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Reason)
    assert all(text.endswith(".") and text[0].isupper() for text in SENTENCES.values())


def test_colour_is_what_the_reader_found():
    assert reasons(film(), colourful=True) == [Reason.COLOUR]
    photograph = np.zeros((40, 40, 3), np.uint8)
    photograph[..., 0] = np.arange(40) * 6
    found = image_objections(read_image(photograph), 28)
    assert found[0].sentence == "It has colours; an X-ray is grey."


def test_small_is_smaller_than_the_runs_squares():
    small = film(height=28, width=40)
    assert (reasons(small, 28), reasons(small, 29)) == ([], [Reason.SMALL])


def test_only_an_absurd_shape_is_objected_to():
    assert reasons(film(height=200, width=430)) == []
    assert reasons(film(height=200, width=450)) == [Reason.SHAPE]
    assert reasons(film(height=450, width=200)) == [Reason.SHAPE]


def test_flat():
    assert reasons(np.full((64, 64), 0.4)) == [Reason.FLAT]
    ramp = np.tile(np.linspace(0.4, 0.49, 64), (64, 1))
    assert reasons(ramp) == [Reason.FLAT]
    assert reasons(0.4 + (ramp - 0.4) * 1.5) == []


def test_clipped():
    dark, light = film(), film()
    dark[:150] = 0
    light[:, 100:130] = 1
    assert Reason.CLIPPED in reasons(dark)
    assert Reason.CLIPPED in reasons(light)
    black_border = np.pad(film(), ((0, 0), (120, 120)))  # outside the centre square
    assert reasons(black_border) == []


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255)])
def test_a_page_of_text(paper, ink):
    page = Image.new("L", (400, 500), paper)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for top in range(20, 480, 24):
        pen.text((20, top), "Findings: no effusion, no fracture seen.", fill=ink, font=font)
    assert Reason.PAGE in reasons(np.asarray(page) / 255)


@pytest.mark.parametrize("tone", [0.0, 1.0])
def test_a_box_within_the_film(tone):
    boxed = film()
    boxed[100:130, 60:160] = tone
    assert reasons(boxed) == [Reason.BOX]
    small = film()
    small[100:108, 60:70] = tone
    assert reasons(small) == []


def test_black_along_the_edge_is_collimation_not_a_box():
    framed = film()
    framed[:, :30] = framed[-20:] = 0
    assert reasons(framed) == []


def test_a_bright_round_thing_is_no_box():
    y, x = np.mgrid[:300, :360]
    marked = film()
    marked[np.hypot(y - 150, x - 180) < 40] = 1
    assert Reason.BOX not in reasons(marked)


def test_writing():
    assert reasons(written(film(), "JOHN DOE 12.03.2021")) == [Reason.WRITING]
    assert reasons(written(film(), "L")) == []
    assert letters_in_a_row(written(film(), "LLLLL", 20)) == 5
    assert letters_in_a_row(film()) == 0


def test_writing_is_read_in_large_films_too():
    large = written(film(height=2000, width=2400), "JOHN DOE 12.03.2021", 60)
    assert letters_in_a_row(large) >= MIN_LETTERS


def test_noise_is_not_compared_dot_with_dot():
    letter = np.zeros((20, 20), np.float32)
    letter[4:16, 4:7] = letter[13:16, 4:12] = 1
    assert letters_in_a_row(np.tile(letter, (30, 40))) == 40
    assert letters_in_a_row(np.tile(letter, (50, 50))) == 0


@pytest.mark.parametrize("tone", [0.0, 0.05, 0.99])
def test_a_border_is_cut_off_on_any_side(tone):
    whole = film()
    for sides in ([(20, 20), (30, 30)], [(15, 0), (0, 0)], [(0, 0), (0, 40)]):
        framed = np.pad(whole, sides, constant_values=tone)
        np.testing.assert_array_equal(without_border(framed), whole)


def test_a_marker_in_the_border_does_not_keep_it():
    framed = np.pad(film(), 60)
    framed[20:40, 30:50] = 1
    np.testing.assert_array_equal(without_border(framed), film())


def test_a_frame_in_a_frame_is_cut_off():
    framed = np.pad(np.pad(film(), ((30, 30), (0, 0)), constant_values=1), 20)
    np.testing.assert_array_equal(without_border(framed), film())


def test_a_film_without_border_stays_itself():
    whole, black = film(), np.zeros((50, 60), np.float32)
    np.testing.assert_array_equal(without_border(whole), whole)
    np.testing.assert_array_equal(without_border(black), black)
    lost = np.pad(film(), 400)  # too little would be left to be called the film
    assert without_border(lost) is lost


def tiny_squares(films: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([tiny_square(each) for each in films])


@pytest.fixture(scope="module")
def orientation() -> Orientation:
    train = tiny_squares([film(seed, 60, 72) for seed in range(60)])
    val = tiny_squares([film(seed, 60, 72) for seed in range(100, 130)])
    return Orientation.fit(train, val, 0.01)


def test_the_tiny_square_is_the_mean_of_the_centre():
    wide = np.zeros((16, 40), np.float32)
    wide[:, 12:28] = 0.5
    assert tiny_square(wide).shape == (ORIENTATION_SIDE, ORIENTATION_SIDE)
    assert (tiny_square(wide) == 128).all()


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_each_turn_is_told_and_undone(orientation, turn):
    for seed in range(200, 210):
        upright = film(seed, 60, 72)
        lying = np.rot90(upright, turn.quarters)
        lying = 1 - lying if turn.inverted else lying
        assert orientation.guess(lying) == turn
        np.testing.assert_allclose(turn.undone(lying), upright, atol=1e-6)


def test_a_mirror_image_is_upright_and_upside_down_covers_mirroring(orientation):
    upright = film(300, 60, 72)
    assert orientation.guess(upright[:, ::-1]) == UPRIGHT
    assert orientation.guess(upright[::-1]) == Turn(2, False)


def test_the_words_for_a_turn():
    assert UPRIGHT.objections == ()
    sentences = [each.sentence for each in Turn(1, True).objections]
    assert sentences == [
        "It looks rotated by 90 degrees: its upper edge is on the left.",
        "It looks inverted: air is bright and bone is dark.",
    ]
    assert [each.reason for each in Turn(2, False).objections] == [Reason.UPSIDE_DOWN]
    assert [each.reason for each in Turn(3, False).objections] == [Reason.ROTATED_RIGHT]


def test_brightness_contrast_and_size_do_not_matter(orientation):
    upright = film(301, 60, 72)
    for pixels in (0.3 * upright, 0.5 + 0.4 * upright, np.kron(upright, np.ones((4, 4)))):
        assert orientation.guess(pixels.astype(np.float32)) == UPRIGHT
        assert orientation.guess(np.rot90(pixels).astype(np.float32)) == Turn(1, False)


def test_it_is_scikit_learns_discriminant_with_the_same_covariance():
    """Against LinearDiscriminantAnalysis, shrunk by half, on all turns of the same squares."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    train = tiny_squares([film(seed, 60, 72) for seed in range(40)])
    ours = Orientation.fit(train, train, 0.5)
    both = np.concatenate([train, train[:, :, ::-1]]).astype(float)
    vectors, classes = [], []
    for number, turn in enumerate(TURNS):
        turned = np.rot90(both, turn.quarters, axes=(1, 2)).reshape(len(both), -1)
        centred = turned - turned.mean(axis=1, keepdims=True)
        sign = -1 if turn.inverted else 1
        vectors.append(sign * centred / centred.std(axis=1, keepdims=True))
        classes += [number] * len(both)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    lda.fit(np.concatenate(vectors), classes)
    theirs = lda.decision_function(vectors[0])
    margins = theirs[:, 1:].max(axis=1) - theirs[:, 0]
    assert np.abs(margins).min() > 1
    # scikit-learn shrinks after scaling every feature, so the two agree but for that.
    assert np.corrcoef(ours.margins(both.astype(np.uint8)), margins)[0, 1] > 0.98


def test_the_limit_keeps_upright_validation_films_upright(orientation):
    rng = np.random.default_rng(5)
    hard = rng.integers(0, 256, (200, 8, 8), dtype=np.uint8)  # half of it is taken for turned
    easy = tiny_squares([film(seed, 60, 72) for seed in range(40)])
    fitted = Orientation.fit(easy, hard, 0.05)
    assert fitted.limit > 1
    both = np.concatenate([hard, hard[:, :, ::-1]])
    assert np.mean(fitted.margins(both) > fitted.limit) <= 0.05
    loose = replace(fitted, limit=0.0)
    assert np.mean(loose.margins(both) > loose.limit) > 0.3
    assert orientation.limit == 0.0


@pytest.mark.timeout(120)
def test_real_validation_films():
    """The limits on films at their own size: none of the validation folder is objected to."""
    split = real_dataset("chest_xray").splits["val"]
    found = [reasons(split.read(position)) for position in range(len(split))]
    assert sum(map(bool, found)) == 0
