"""The Predict page: what it says of a film, and what it keeps of one."""

import io
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core.architectures import cam_stage
from pneumo_core.confusion import confusion_at
from pneumo_core.display import Look, colour_table
from pneumo_core.effort import Effort
from pneumo_core.errors import DataError, ImageError
from pneumo_core.image_checks import Reason, objection
from pneumo_core.images import read_image
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run, read_run
from pneumo_core.similar import nearest
from tests.audits import made_row, write_audit
from tests.pages.conftest import OpenPage, words_of
from ui import numbers
from ui.methods_compare import small

pytestmark = pytest.mark.usefixtures("quickly_checked")

Upload = Callable[..., AppTest]
PROBABILITY = "Probability of pneumonia"


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def clear_film(tiny_run: Run, tiny_data: Path) -> bytes:
    """The file of the one that looks least like it."""
    scores = tiny_run.scores("test")
    return (tiny_data / "chest_xray" / scores["id"][scores["logit"].idxmin()]).read_bytes()


def upload(app: AppTest, content: bytes, name: str = "film.png") -> AppTest:
    app.file_uploader(key="uploader").set_value((name, content, "image/png")).run()
    assert not app.exception
    return app


def percent(probability: float) -> str:
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def test_an_upload_gets_the_detectors_verdict(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    expected = PneumoniaDetector(tiny_app).predict(film)
    assert expected.prediction == "Pneumonia", "the tiny run finds the planted sign"
    assert app.metric[0].label == PROBABILITY
    assert app.metric[0].value == percent(expected.probability)
    words = words_of(app)
    assert "Called pneumonia" in words
    threshold = f"{tiny_app.operating_point.threshold:.3f}"
    assert f"At or above the threshold {threshold} of the operating point “balanced”" in words
    assert "Trained on children of one to five from one hospital, front views" in words
    assert expected.clinical_note in [code.value for code in app.code]
    assert "Read as PNG, 52 × 40 pixels." in words


def test_a_film_without_the_sign_is_called_normal(open_page: OpenPage, clear_film: bytes) -> None:
    words = words_of(upload(open_page("predict"), clear_film))
    assert "Called normal" in words
    assert "Below the threshold" in words


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ((0.9, 0.95, 0.97), "Mean of 3 networks trained apart, which say 90 % to 97 %"),
        ((0.9, 0.95, 0.97), "and call it alike"),
        ((0.995, 0.998), "Mean of 2 networks trained apart, which all say over 99 %."),
        ((0.02, 0.95, 0.97), "say 2 % to 97 % (the fine marks): 2 of them call it pneumonia"),
    ],
)
def test_an_ensemble_says_how_far_its_networks_agree(
    open_page: OpenPage,
    film: bytes,
    members: tuple[float, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = PneumoniaDetector.read
    monkeypatch.setattr(
        PneumoniaDetector, "read", lambda *asked: replace(read(*asked), members=members)
    )
    assert words in words_of(upload(open_page("predict"), film))


def test_a_single_network_agrees_with_nobody(open_page: OpenPage, film: bytes) -> None:
    assert "networks trained apart" not in words_of(upload(open_page("predict"), film))


def test_a_zone_is_told_with_the_test_films_that_are_wrongly_in_it(
    open_page: OpenPage, tiny_app: Run, film: bytes, clear_film: bytes
) -> None:
    scores = tiny_app.scores("test")
    zones = tiny_app.zones.around(tiny_app.operating_point.threshold)
    normal, ill = scores["label"] == 0, scores["label"] == 1
    high = int((normal & (scores["probability"] >= zones.rule_in)).sum())
    low = int((ill & (scores["probability"] < zones.rule_out)).sum())
    words = words_of(upload(open_page("predict"), film))
    assert f"**Rule in.** On the test films, {high} of {normal.sum()} normal ones" in words
    words = words_of(upload(open_page("predict"), clear_film))
    assert f"**Rule out.** On the test films, {low} of {ill.sum()} with pneumonia" in words


def test_the_map_names_its_method_layer_and_worth(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    explanation = PneumoniaDetector(tiny_app).explain(film, target="Pneumonia")
    words = words_of(app)
    assert f"worth **{explanation.worth:.1f} logit units** towards “pneumonia”" in words
    assert f"{explanation.cam.against:.1f} units speak against it" in words
    odds = math.exp(explanation.worth / tiny_app.temperature)
    assert f"(odds × {odds:,.0f})" in words, "the odds of the calibrated probability"
    rows, columns = explanation.evidence.shape
    layer = explanation.cam.layer
    assert f"Grad-CAM for “pneumonia” at {layer}, {rows} × {columns} cells; Tiny CNN." in words
    assert "not where a disease is" in words
    size = tiny_app.preprocess.square_size
    assert f"The network saw {size} × {size} pixels" in words


def test_the_other_class_can_be_explained(open_page: OpenPage, tiny_app: Run, film: bytes) -> None:
    app = upload(open_page("predict"), film)
    target = next(group for group in app.segmented_control if group.label == "Evidence for")
    assert target.value == "Pneumonia"
    target.set_value("Normal").run()
    explanation = PneumoniaDetector(tiny_app).explain(film, target="Normal")
    assert f"Grad-CAM for “normal” at {explanation.cam.layer}" in words_of(app)


def chosen(app: AppTest, label: str) -> Any:
    """The drop-down list with a label, as it is now."""
    return next(box for box in app.selectbox if box.label == label)


def test_units_before_the_last_layer_are_said_to_be_an_estimate(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    layers = chosen(app, "Read at layer")
    assert layers.value == cam_stage(tiny_app.model), "the network's own choice"
    first, last = layers.options[0], layers.options[-1]
    layers.set_value(first).run()
    assert "first-order estimate" in words_of(app)
    chosen(app, "Read at layer").set_value(last).run()
    words = words_of(app)
    assert "first-order estimate" not in words
    worth = PneumoniaDetector(tiny_app).explain(film, target="Pneumonia", layer=last).worth
    assert f"worth **{worth:.1f} logit units**" in words


def test_a_method_on_the_film_has_units_of_its_own_and_no_layer(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    assert chosen(app, "Method").value == "gradcam"
    chosen(app, "Method").set_value("integrated").run()
    found = PneumoniaDetector(tiny_app).explain(film, "integrated", "Pneumonia")
    words = words_of(app)
    assert f"worth **{found.worth:.1f} logit units** towards “pneumonia”" in words
    assert "Counted from the film's own blur" in words
    assert "Integrated gradients for “pneumonia” on the film itself, 8 × 8 cells" in words
    assert "Read at layer" not in [box.label for box in app.selectbox]


@pytest.mark.parametrize(
    ("method", "note"),
    [
        ("layercam", "LayerCAM for “pneumonia” at block4"),
        ("eigencam", "It knows no class: the map is the same"),
        ("randomcam", "Random weights show nothing of the network"),
    ],
)
def test_nothing_is_said_of_units_where_there_are_none(
    open_page: OpenPage, film: bytes, method: str, note: str
) -> None:
    app = upload(open_page("predict"), film)
    chosen(app, "Method").set_value(method).run()
    words = words_of(app)
    assert "logit units" not in words
    assert "has no units: its colours say where, not how much" in words
    assert note in words


def test_a_slow_map_waits_for_a_button_that_says_how_long_it_takes(
    open_page: OpenPage, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PneumoniaDetector, "effort", lambda *_: Effort(0.02, channels=256))
    app = upload(open_page("predict"), film)
    chosen(app, "Method").set_value("scorecam").run()
    words = words_of(app)
    assert "Score-CAM runs the network hundreds of times. On this machine that takes" in words
    assert "about 5 seconds" in words
    assert "Score-CAM for" not in words
    app.button(key="draw").click().run()
    assert not app.exception
    assert "Score-CAM for “pneumonia” at block4" in words_of(app)
    # 256 channels seen 24 times over: that is begun only when it is asked for.
    assert "This map has not been checked." in words_of(app)
    assert "With this model and method the checks take about 2 minutes." in words_of(app)
    next(button for button in app.button if button.label == "Check this map").click().run()
    assert "This map holds up in its checks" in words_of(app)


def test_the_best_reading_of_the_audit_comes_first(
    open_page: OpenPage, tiny_app: Run, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(shutil.copytree(tiny_app.path, tmp_path / "tiny"))
    write_audit(run, "val", made_row("gradcam", "block4", 1.0), made_row("hirescam", "block2", 2.0))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = upload(open_page("predict"), film)
    assert chosen(app, "Method").value == "hirescam"
    assert chosen(app, "Read at layer").value == "block2"
    assert "HiResCAM for “pneumonia” at block2, 16 × 16 cells" in words_of(app)


@pytest.mark.parametrize(
    ("views", "said"),
    [
        (
            (0.6, 0.7, 0.8),
            "3 slightly changed views of the film give 60 % to 80 % (the fine marks)",
        ),
        ((0.2, 0.7, 0.8), "20 % to 80 % (the fine marks): 2 of them are called pneumonia"),
        (
            (0.995, 0.999),
            "2 slightly changed views of the film (the fine marks) all give over 99 %",
        ),
    ],
)
def test_a_single_network_says_how_far_slight_changes_move_it(
    open_page: OpenPage,
    film: bytes,
    views: tuple[float, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PneumoniaDetector, "view_probabilities", lambda *_: views)
    app = upload(open_page("predict"), film)
    assert said in words_of(app)
    app.run()  # now they are known, and drawn at once
    assert words_of(app).count(said) == 1


def test_methods_stand_side_by_side_with_what_each_is_worth(
    open_page: OpenPage, tiny_app: Run, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(shutil.copytree(tiny_app.path, tmp_path / "tiny"))
    write_audit(run, "test", made_row("gradcam", "block4", 1.0, beats=0.62))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = upload(open_page("predict"), film)
    assert "**Occlusion**" not in words_of(app), "nothing is drawn until it is looked for"
    app.session_state["compare"] = True
    app.run()
    assert not app.exception
    words = words_of(app)
    detector = PneumoniaDetector(tiny_app)
    found = detector.explain_with(film, ["gradcam", "integrated"], "Pneumonia")
    tiles = [each.value for each in app.caption if "logit units" in each.value]
    assert tiles[0] == (
        f"at block4  \n{found['gradcam'].worth:.1f} logit units  \n"
        "beats chance on 62\u00a0% of the test films"
    )
    assert tiles[-1] == f"on the film itself  \n{found['integrated'].worth:.1f} logit units"
    for title in ("Grad-CAM++", "LayerCAM", "Eigen-CAM", "Occlusion", "Control: random weights"):
        assert f"**{title}**" in words
    assert "Each map has its own colour scale" in words
    app.toggle(key="one_scale").set_value(True).run()
    shared = "Grad-CAM, HiResCAM and Integrated gradients share one colour scale"
    assert shared in words_of(app)


def test_small_maps_take_opacity_and_colours_from_the_viewer(tiny_app: Run, film: bytes) -> None:
    found = PneumoniaDetector(tiny_app).explain(film)
    everywhere = np.ones_like(found.film)
    bare = np.asarray(small(found, everywhere, Look(opacity=0)))
    assert (bare == bare[..., :1]).all()
    assert bare.std() > 10, "the film, and no map"
    full = np.asarray(small(found, everywhere, Look(1.0, mode="off", colours="cividis")))
    assert (full == colour_table("cividis")[255]).all()


@pytest.mark.parametrize(
    "content",
    [b"not an image", b"", png(np.eye(64, dtype=np.uint8))[:-30], png(np.zeros((1, 1), np.uint8))],
    ids=["text", "empty", "truncated", "1x1"],
)
def test_a_bad_file_gets_a_sentence_and_no_result(
    open_page: OpenPage, film: bytes, content: bytes
) -> None:
    with pytest.raises(ImageError) as refusal:
        read_image(content)
    app = upload(open_page("predict"), film)
    assert app.metric
    upload(app, content)
    assert [error.value for error in app.error] == [str(refusal.value)]
    assert not app.metric, "the film before must not be taken for this one"


def test_the_extension_does_not_matter(open_page: OpenPage, film: bytes) -> None:
    assert upload(open_page("predict"), film, "IM0001").metric


def test_a_colour_photograph_gets_no_verdict_unless_asked_for(open_page: OpenPage) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    app = upload(open_page("predict"), png(colours))
    assert "It looks like a colour photograph." in app.error[0].value
    assert not app.metric
    (anyway,) = (button for button in app.button if button.label == "Show the verdict anyway")
    anyway.click().run()
    assert app.metric[0].label == PROBABILITY
    assert "It looks like a colour photograph." in app.error[0].value, "the objection stays"


def test_an_unusual_film_gets_its_verdict_with_the_objection(
    open_page: OpenPage, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PneumoniaDetector.read

    def unusual(*asked: object) -> object:
        found, objections = read(*asked), (objection(Reason.INVERTED),)
        known = replace(found.novelty, answer="unusual", objections=objections)
        return replace(found, novelty=known)

    monkeypatch.setattr(PneumoniaDetector, "read", unusual)
    app = upload(open_page("predict"), film)
    assert "rely less on the verdict" in app.warning[0].value
    assert "It looks inverted: air is bright and bone is dark." in app.warning[0].value
    assert app.metric[0].label == PROBABILITY


def test_a_model_without_its_training_films_only_questions_colours(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PneumoniaDetector, "reference", None)
    colours = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    app = upload(open_page("predict"), png(colours))
    assert "may not be an X-ray" in app.warning[0].value
    assert app.metric[0].label == PROBABILITY
    assert "training films that the network finds most like" not in words_of(app)


def test_similar_training_films_are_shown_with_what_they_are(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    detector = PneumoniaDetector(tiny_app)
    novelty, reference = detector.novelty(film), detector.reference
    assert novelty is not None
    assert reference is not None
    asked = nearest(reference, novelty.codes, 25)
    positive = sum(each.label for each in asked)
    words = words_of(upload(open_page("predict"), film))
    assert f"Of the 25 training films that the network finds most like this one, **{positive}" in (
        words
    )
    for each in asked[:6]:
        name = "pneumonia" if each.label else "normal"
        assert f"{name}, {each.distance:.2f} away" in words


def test_a_new_file_replaces_the_old_result(
    open_page: OpenPage, film: bytes, clear_film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    assert "Called pneumonia" in words_of(app)
    upload(app, clear_film)
    assert "Called pneumonia" not in words_of(app)
    assert "Called normal" in words_of(app)


def test_an_upload_survives_a_visit_to_another_page_until_it_is_removed(
    open_page: OpenPage, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    value = app.metric[0].value
    app.switch_page("pages/overview.py").run()
    app.switch_page("pages/predict.py").run()
    assert app.metric[0].value == value
    next(button for button in app.button if button.label == "Remove this film").click().run()
    assert not app.metric


def test_the_network_runs_once_for_all_that_the_page_first_shows(
    open_page: OpenPage, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(*_: object, **__: object) -> None:
        raise AssertionError("a pass of its own")

    for way in ("predict", "explain", "explain_many", "novelty", "member_probabilities"):
        monkeypatch.setattr(PneumoniaDetector, way, apart)
    app = upload(open_page("predict"), film)
    assert not app.exception
    assert app.metric[0].label == PROBABILITY
    assert "The map as a whole is worth" in words_of(app)


def test_a_changed_threshold_changes_the_verdict_and_not_the_map(
    open_page: OpenPage, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = upload(open_page("predict"), film)

    def no_more(*_: object, **__: object) -> None:
        raise AssertionError("the network was run again")

    for way in ("read", "explain", "predict", "novelty"):
        monkeypatch.setattr(PneumoniaDetector, way, no_more)
    app.session_state["pneumolens/viewer/viewer"] = {"opacity": 0.2}
    app.run()
    app.session_state["pneumolens/operating_point"] = OperatingPoint("never", 1.0, "by hand", "")
    app.run()
    assert not app.exception
    words = words_of(app)
    assert "Called normal" in words
    assert "Below the threshold 1 of the operating point “never”" in words


def test_a_file_name_goes_nowhere(
    open_page: OpenPage, film: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = upload(open_page("predict"), film, "Jane_Doe_1961.png")
    assert "Jane" not in words_of(app)
    assert "Jane" not in str(dict(app.query_params))
    assert "Jane" not in caplog.text
    kept = app.session_state["pneumolens/upload"]
    assert kept == film, "the content, and nothing else of the file"


def test_a_sample_has_the_probability_of_the_saved_scores(
    open_page: OpenPage, tiny_app: Run
) -> None:
    scores = tiny_app.scores("test")
    for row in scores.iloc[[0, 3, len(scores) - 1]].to_dict("records"):
        app = open_page("predict", sample=row["id"])
        assert app.selectbox(key="sample").value == row["id"]
        assert app.metric[0].value == percent(row["probability"])
        truth = {"normal": "normal", "bacteria": "bacterial pneumonia", "virus": "viral pneumonia"}
        assert f"Known answer: **{truth[row['group']]}**." in words_of(app)


def test_another_sample_is_one_click_away(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = list(tiny_app.scores("test")["id"])
    app = open_page("predict", sample=ids[0])
    monkeypatch.setattr("secrets.choice", lambda options: options[5])
    next(button for button in app.button if button.label == "Another one").click().run()
    assert app.selectbox(key="sample").value == ids[5]
    assert app.metric


def test_without_the_folder_data_it_says_where_to_put_them(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)
    app = open_page("predict", sample="test/NORMAL/x.png")
    assert "are not on this machine" in app.info[0].value
    assert "data/chest_xray/test/NORMAL" in words_of(app)
    assert not app.metric


@pytest.fixture
def lacks_its_data(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run trained on a MedMNIST file that is not on this machine."""
    shutil.copytree(tiny_app.path, tmp_path / "tiny")
    described = json.loads((tmp_path / "tiny" / "run.json").read_text())
    described["data"].update(name="pneumoniamnist_224", title="PneumoniaMNIST (224 px)")
    (tmp_path / "tiny" / "run.json").write_text(json.dumps(described))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)


@pytest.mark.usefixtures("lacks_its_data")
def test_a_failed_download_says_what_to_do(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, progress: Callable[[float], None]) -> None:
        progress(0.4)
        raise DataError(f"The download failed. Get {name}.npz by hand.")

    monkeypatch.setattr("pneumo_core.datasets.download_dataset", fail)
    app = open_page("predict", sample="test-0001")
    assert "curl -L --create-dirs -o data/pneumoniamnist_224.npz" in app.code[0].value
    next(button for button in app.button if button.label == "Download the images").click().run()
    assert not app.exception
    assert app.error[0].value == "The download failed. Get pneumoniamnist_224.npz by hand."


def test_a_score_and_a_call_are_carried_to_the_users_own_prevalence(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = upload(open_page("predict"), film)
    assert "Where 20 % have pneumonia" not in words_of(app)
    app.number_input(key="clinic_prevalence_here").set_value(20.0).run()
    assert not app.exception
    chance = PneumoniaDetector(tiny_app).predict(film).probability
    share = tiny_app.metrics["val"]["prevalence"]
    odds = chance / (1 - chance) * (0.2 / 0.8) / (share / (1 - share))
    scores = tiny_app.scores("test")
    at = confusion_at(scores["label"], scores["probability"], tiny_app.operating_point.threshold)
    true, false = 0.2 * at.sensitivity, 0.8 * (1 - at.specificity)
    assert f"**{numbers.in_hundred(odds / (1 + odds))}** would show it" in words_of(app)
    assert f"has it with **{100 * true / (true + false):.1f} % (" in words_of(app)
    app.switch_page("pages/threshold.py").run()
    assert app.session_state["clinic_prevalence"] == 20
