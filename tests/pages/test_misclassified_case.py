"""The Misclassified page: one film closely, and the reader's notes."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.datasets import load_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.explain import METHODS
from pneumo_core.near_copies import NearCopy
from pneumo_core.runs import Run
from pneumo_core.similar import nearest
from tests.pages.conftest import OpenPage, words_of
from tests.pages.misclassified_page import expected, tile_captions, view
from ui import numbers
from ui.words import misclassified as words


def test_a_film_opens_closely_and_leads_to_the_next(open_page: OpenPage, tiny_app: Run) -> None:
    app = open_page("misclassified", threshold="1")
    listed = expected(tiny_app, "test", 1.0, "fn")
    app.button(key=f"look-{listed['id'].iloc[1]}").click().run()
    assert app.query_params["case"] == listed["id"].iloc[1]
    written = words_of(app)
    assert "**2 of 12**" in written
    percent = numbers.percent(listed["probability"].iloc[1])
    assert f"The model says **{percent}** pneumonia: called normal" in written
    assert "a missed pneumonia" in written
    app.button(key="case-Right").click().run()
    assert "**3 of 12**" in words_of(app)
    assert app.query_params["case"] == listed["id"].iloc[2]
    app.button(key="case-Left").click().run()
    app.button(key="case-Left").click().run()
    assert "**1 of 12**" in words_of(app)
    assert app.button(key="case-Left").disabled
    assert not app.button(key="case-Right").disabled


def test_every_quick_method_is_shown_and_the_control_named(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    explain_with = PneumoniaDetector.explain_with

    def counted(self: PneumoniaDetector, image: object, methods: list, **named: str) -> dict:
        asked.append((tuple(methods), named["target"]))
        return explain_with(self, image, methods, **named)

    monkeypatch.setattr(PneumoniaDetector, "explain_with", counted)
    case = expected(tiny_app, "test", 0.0, "fp")["id"].iloc[0]
    app = open_page("misclassified", threshold="0", cell="fp", case=case)
    quick = {one.name for one in METHODS.values() if not one.slow and not one.on_input}
    assert len(asked) == 1, "all in one pass"
    assert (set(asked[0][0]), asked[0][1]) == (quick, "Pneumonia")
    captions = [caption.value.split("  \n")[0] for caption in app.caption]
    assert "Random weights (control)" in captions
    assert "Grad-CAM" in captions
    film = load_dataset("chest_xray").find(case)
    worth = PneumoniaDetector(tiny_app).explain(film, target="Pneumonia").worth
    assert f"Grad-CAM  \n{worth:.1f} logit units" in [caption.value for caption in app.caption]


def test_every_method_is_read_at_the_stage_of_the_audit(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.cache.best_reading", lambda _: ("hirescam", "block2"))
    case = expected(tiny_app, "test", 0.0, "fp")["id"].iloc[0]
    app = open_page("misclassified", threshold="0", cell="fp", case=case)
    film, detector = load_dataset("chest_xray").find(case), PneumoniaDetector(tiny_app)
    there, last = (
        detector.explain(film, target="Pneumonia", layer=layer).worth for layer in ("block2", None)
    )
    assert f"{there:.1f}" != f"{last:.1f}", "or this would not tell the stages apart"
    captions = [caption.value for caption in app.caption]
    assert f"Grad-CAM  \n{there:.1f} logit units" in captions


def test_the_nearest_training_films_are_named_by_their_labels(
    open_page: OpenPage, tiny_app: Run
) -> None:
    case = tiny_app.scores("test")["id"].iloc[0]
    app = open_page("misclassified", threshold="0", cell="all", case=case)
    detector = PneumoniaDetector(tiny_app)
    if detector.reference is None:
        assert words.NO_SIMILAR.format(run="tiny") in words_of(app)
        return
    codes = detector.novelty(load_dataset("chest_xray").find(case)).codes
    near = nearest(detector.reference, codes, without=(case,))
    positive = sum(one.label for one in near)
    assert f"**{positive} of {len(near)}** of them are labelled pneumonia." in words_of(app)


def test_near_copies_are_named_with_the_split_the_run_has_them_in(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = load_dataset("chest_xray").splits["train"].ids
    held_out = tiny_app.scores("val")["id"].iloc[0]
    trained = next(name for name in ids if name not in set(tiny_app.scores("val")["id"]))
    copies = [NearCopy(held_out, 1, 0.9999), NearCopy(trained, 0, 0.9991)]
    monkeypatch.setattr("pneumo_core.near_copies.Thumbnails.copies", lambda *_: tuple(copies))
    case = tiny_app.scores("test")["id"].iloc[0]
    written = words_of(open_page("misclassified", threshold="0", cell="all", case=case))
    plain = written.replace("\\", "")
    assert f"{held_out}, in validation, labelled pneumonia" in plain
    assert f"{trained}, in training, labelled normal" in plain


def test_many_films_in_files_are_compared_on_request(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.misclassified_films.AT_ONCE", 100)
    case = tiny_app.scores("test")["id"].iloc[0]
    app = open_page("misclassified", threshold="0", cell="all", case=case)
    assert words.NO_COPIES.format(count=112) not in words_of(app)
    app.button(key="look-for-copies").click().run()
    assert words.NO_COPIES.format(count=112) in words_of(app)
    assert not [one for one in app.button if one.key == "look-for-copies"], "they are at hand now"


def test_the_address_of_another_film_shows_it_by_itself(open_page: OpenPage, tiny_app: Run) -> None:
    normal = tiny_app.scores("test").query("label == 0")["id"].iloc[0]
    written = words_of(open_page("misclassified", threshold="1", case=normal))
    assert "**1 of 1**" in written
    assert "Labelled **normal**: rightly cleared." in written
    lost = open_page("misclassified", threshold="1", case="nobody")
    assert lost.warning[0].value == words.NO_SUCH_FILM


def noted(app: AppTest, image_id: str, tag: str, text: str) -> AppTest:
    app.selectbox(key=f"tag-{image_id}").set_value(tag).run()
    return app.text_area(key=f"note-{image_id}").set_value(text).run()


def test_a_note_stays_with_its_film_and_is_listed(open_page: OpenPage, tiny_app: Run) -> None:
    first, second = expected(tiny_app, "test", 1.0, "fn")["id"].iloc[:2]
    app = noted(open_page("misclassified", threshold="1", case=first), first, "label", " Clear. ")
    app.button(key="case-Right").click().run()
    assert app.text_area(key=f"note-{second}").value == ""
    app.button(key="case-Left").click().run()
    assert app.text_area(key=f"note-{first}").value == "Clear."
    assert app.selectbox(key=f"tag-{first}").value == "label"
    caption = next(one.value for one in tile_captions(app) if first in one.value)
    assert "Likely label error" in caption
    del app.query_params["case"]
    app.query_params["view"] = words.TABS["notes"]
    app.run()
    (row,) = app.dataframe[0].value.to_dict("records")
    truth = tiny_app.scores("test").set_index("id").loc[first]
    assert (row["film"], row["truth"], row["tag"], row["note"]) == (
        first,
        "Pneumonia",
        "Likely label error",
        "Clear.",
    )
    assert row["probability"] == pytest.approx(truth["probability"])
    assert "**1 note**" in words_of(app)


def test_notes_come_back_from_their_file(open_page: OpenPage, tiny_app: Run) -> None:
    film = tiny_app.scores("val")["id"].iloc[0]
    notes = [
        {"film": film, "tag": "film", "note": "Too dark"},
        {"film": "nobody", "tag": "", "note": "Lost"},
    ]
    content = json.dumps({"schema": 1, "data": "chest_xray", "notes": notes}).encode()
    app = view(open_page, "notes")
    assert words.NO_NOTES in words_of(app)
    app.file_uploader(key="notes-import").set_value(("n.json", content, "application/json")).run()
    assert app.success[0].value == (
        "1 note taken over; 1 on films that this model has no scores for left out."
    )
    assert app.dataframe[0].value["note"].tolist() == ["Too dark"]
    app.run()
    assert not app.success, "said once"


def test_a_file_of_no_notes_gets_a_sentence(open_page: OpenPage) -> None:
    app = view(open_page, "notes")
    app.file_uploader(key="notes-import").set_value(("x.json", b"PK", "application/json")).run()
    assert app.error[0].value.startswith("This is no JSON file")
    assert not app.exception
