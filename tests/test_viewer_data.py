"""What the film viewer is told, and that Python draws what it shows."""

import json
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core import colouring
from pneumo_core.colouring import overlay
from pneumo_core.display import Contrast, Look, Preset, colour_table, draw, presets, toned
from tests.browser.viewer.page import made_film
from ui import viewer as viewer_module
from ui.viewer import pack, reduced, settings

rng = np.random.default_rng(4)
FILM = (rng.integers(0, 256, (40, 60)) / 255).astype(np.float32)
MAP = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))


def unpacked(packed: bytes) -> tuple[dict, np.ndarray]:
    """As ui/assets/viewer/pictures.js unpacks it."""
    line, body = packed.split(b"\n", 1)
    head = json.loads(line)
    steps = np.frombuffer(zlib.decompress(body), np.uint8)
    shape = (head["height"], head["width"])
    if head["bits"] == 16:
        high, low = steps.reshape(2, *shape).astype(np.uint16)
        return head, np.cumsum((high << 8) + low, 1, dtype=np.uint16)
    return head, np.cumsum(steps.reshape(shape), 1, dtype=np.uint8)


def test_a_film_of_8_bits_travels_as_it_is() -> None:
    name, packed = pack(FILM)
    head, values = unpacked(packed)
    assert (head["bits"], head["name"]) == (8, name)
    assert np.array_equal(values, np.rint(FILM * 255))
    assert pack(FILM.copy())[0] == name
    assert pack(FILM[:, ::-1])[0] != name
    assert pack(FILM.reshape(60, 40))[0] != name


def test_a_film_of_more_levels_keeps_16_bits() -> None:
    film = rng.random((9, 13)).astype(np.float32)
    head, values = unpacked(pack(film)[1])
    assert head["bits"] == 16
    assert np.abs(values / 65535 - film).max() <= 0.5 / 65535 + 1e-7


def test_a_film_too_long_is_averaged_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "LONGEST", 30)
    assert reduced(FILM).shape == (20, 30)
    assert np.allclose(reduced(FILM), FILM.reshape(20, 2, 30, 2).mean((1, 3)), atol=1e-6)
    monkeypatch.setattr(viewer_module, "LONGEST", 60)
    assert reduced(FILM) is FILM


def test_settings_are_ready_for_json() -> None:
    told = settings(
        {"film": "a", "map": "b", "seen": "c"},
        (40, 60),
        (0, 10, 40, 40),
        "pneumonia",
        28,
        Look(colours="viridis"),
        [Preset("Full", 0.5, 1.0)],
    )
    told = json.loads(json.dumps(told, allow_nan=False))
    assert told["look"]["colours"] == "viridis"
    assert not told["whole"]
    assert bytes.fromhex(told["colours"]["inferno"])[:3] == colour_table()[0].tobytes()
    assert told["words"]["evidence"] == "Evidence for “pneumonia”"
    assert "28 × 28" in told["words"]["seen"]


@pytest.mark.parametrize(
    ("box", "whole"), [((0, 10, 40, 40), False), ((0, 0, 40, 60), True), ((-10, 0, 60, 60), True)]
)
def test_a_network_that_sees_all_gets_no_outline(
    box: tuple[int, int, int, int], whole: bool
) -> None:
    assert settings({}, (40, 60), box, "normal", 28, Look(), [])["whole"] == whole


def test_the_contrast_belongs_to_its_film_and_nonsense_to_nobody() -> None:
    app = AppTest.from_file("browser/viewer/page.py", default_timeout=60).run()

    def look() -> dict:
        assert not app.exception
        return json.loads(app.code[0].value)

    assert look() == asdict(Look())
    name = pack(made_film("small"))[0]
    said = {**asdict(Look(opacity=0.3, contrast=Contrast(0.4, 0.2))), "film": name}
    app.session_state["pneumolens/viewer/seen"] = said
    app.run()
    assert look() == asdict(Look(opacity=0.3, contrast=Contrast(0.4, 0.2)))
    app.radio(key="film").set_value("other").run()
    assert look() == asdict(Look(opacity=0.3))
    app.session_state["pneumolens/viewer/seen"] = "<script>"
    app.run()
    assert look() == asdict(Look())


def test_a_look_that_makes_no_sense_is_the_default() -> None:
    look = Look(0.3, "above", 0.7, "cividis", "single", Contrast(0.4, 0.2, True, True))
    said = {
        "opacity": 0.3,
        "mode": "above",
        "level": 0.7,
        "colours": "cividis",
        "layout": "single",
        "contrast": {"centre": 0.4, "width": 0.2, "inverted": True, "equalised": True},
    }
    assert Look.from_json(said) == look
    wild = {
        "opacity": 7,
        "mode": ["blend"],
        "level": float("nan"),
        "colours": "<b>",
        "layout": None,
        "contrast": {"centre": True, "width": 0, "inverted": "yes", "equalised": 1},
    }
    for nonsense in (None, "blend", [], wild, {"contrast": 3}):
        assert Look.from_json(nonsense) == Look()


def test_a_window_spreads_its_greys() -> None:
    film = np.array([[0.0, 0.3, 0.4, 0.45, 0.5, 1.0]])
    seen = toned(film, Contrast(centre=0.4, width=0.2))
    assert seen == pytest.approx(np.array([[0, 0, 0.5, 0.75, 1, 1]]))
    assert toned(film, Contrast(0.4, 0.2, inverted=True)) == pytest.approx(1 - seen)


def test_presets_lie_on_the_two_halves_of_the_film() -> None:
    film = np.zeros((100, 100), np.float32)
    film[:, 10:] = np.linspace(0.2, 0.8, 90)
    found = presets(film)
    assert found["full"] == (0.5, 1.0)
    for name, low, high in (("lung", 0.206, 0.68), ("bone", 0.44, 0.8)):
        centre, width = found[name]
        assert (centre - width / 2, centre + width / 2) == pytest.approx((low, high), abs=0.02)
    assert presets(np.zeros((4, 4), np.float32)) == {"full": (0.5, 1.0)}


def test_the_plain_look_is_the_overlay() -> None:
    assert np.array_equal(draw(FILM, MAP, Look(opacity=0.6)), overlay(FILM, MAP, 0.6))


def test_each_mode_shows_the_map_where_it_should() -> None:
    grey = np.repeat(np.rint(FILM * 255).astype(np.uint8)[..., None], 3, 2)
    assert np.array_equal(draw(FILM, MAP, Look(mode="off")), grey)
    above = draw(FILM, MAP, Look(1.0, "above", 0.5, "viridis"))
    reached = MAP >= 0.5
    assert np.array_equal(above[~reached], grey[~reached])
    levels = np.rint(MAP * 255).astype(int)
    assert np.array_equal(above[reached], colour_table("viridis")[levels][reached])
    # The map is 0 to 1 over 60 columns: the line at 0.5 lies between columns 29 and 30.
    lines = draw(FILM, MAP, Look(1.0, "contour"))
    touched = np.flatnonzero((lines != grey).any((0, 2)))
    assert (
        {14, 15, 29, 30, 44, 45} <= set(touched) <= {13, 14, 15, 16, 28, 29, 30, 31, 43, 44, 45, 46}
    )
    assert np.array_equal(lines[0, 29], colour_table()[128])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        draw(FILM, MAP[:-1], Look())


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("mode", ["blend", "above", "contour", "off"])
def test_a_picture_drawn_in_bands_has_no_seams(mode, rows, monkeypatch) -> None:
    whole, overlaid = draw(FILM, MAP, Look(0.7, mode)), overlay(FILM, MAP, 0.7)
    monkeypatch.setattr(colouring, "BAND", rows * FILM.shape[1])
    assert len(list(colouring.bands(*FILM.shape))) == -(-len(FILM) // rows)
    assert np.array_equal(draw(FILM, MAP, Look(0.7, mode)), whole)
    assert np.array_equal(overlay(FILM, MAP, 0.7), overlaid)
