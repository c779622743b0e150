"""The Your films page: labelled films in, an answer out, and on to the threshold lab."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pneumo_core import batch
from pneumo_core.datasets import Dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.local_answer import local_answer
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, finish, words_of
from ui import local_session
from ui.threshold_lab import OWN, SOURCE
from ui.words import local as words
from ui.words import threshold

NAME = "<img src=x onerror=alert(1)> **bold**.png"


@pytest.fixture
def films(tiny_data: Path, tiny_dataset: Dataset) -> dict[str, bytes]:
    """The tiny test films by name, which begins with their class folder."""
    ids = tiny_dataset.splits["test"].ids
    folder = tiny_data / "chest_xray"
    return {name.removeprefix("test/"): (folder / name).read_bytes() for name in ids}


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    return open_page("local")


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def give(page: AppTest, files: dict[str, bytes]) -> None:
    """Upload files and wait for the last score."""
    given = [(name, content, "application/octet-stream") for name, content in files.items()]
    page.file_uploader[0].set_value(given).run()
    assert not page.exception
    finish(page)


def test_before_films_there_is_only_how_to_give_them(page: AppTest) -> None:
    assert page.title[0].value == words.TITLE
    assert [code.value for code in page.code] == [words.LAYOUT_FOLDERS, words.LAYOUT_CSV]
    assert not page.table


def test_a_zip_of_class_folders_gets_the_answer(
    page: AppTest, films: dict[str, bytes], tiny_app: Run, tiny_dataset: Dataset
) -> None:
    split = tiny_dataset.splits["test"]
    give(page, {"site.zip": packed({**films, f"NORMAL/{NAME}": b"no film"})})
    detector = PneumoniaDetector(tiny_app)
    chances = [one.probability for one in detector.predict_many(list(films.values()))]
    expected = local_answer(
        split.labels, chances, list(split.patients), tiny_app, tiny_app.operating_point
    )
    assert words.VERDICTS[expected.verdict] in page.header[0].value
    assert expected.reason[1:] in words_of(page)
    assert words.AMONG_PARTS["unread"].format(n=1) in words_of(page)
    figures = page.table[0].value.set_index(page.table[0].value.columns[0])
    found = expected.figures["sensitivity"].here
    assert figures.loc["Sensitivity", words.HERE].startswith(f"{100 * found.value:.1f} % (")
    test = tiny_app.metrics["test"]["auc"]
    assert figures.loc["AUC", words.TEST].startswith(f"{test[0]:.3f} ({test[1]:.3f}")
    cases = page.table[1].value.set_index(words.CASES_COLUMNS[0])
    assert cases.loc[words.CASES_HERE].tolist() == ["12", "12", "24"]
    assert page.get("plotly_chart")
    left_out = page.dataframe[0].value
    assert left_out["name"].tolist() == [f"NORMAL/{NAME}"]
    assert "of no kind we read" in left_out["reason"][0]
    assert NAME not in words_of(page)


def test_a_csv_beside_loose_films(page: AppTest, films: dict[str, bytes]) -> None:
    loose = {Path(name).name: content for name, content in films.items()}
    rows = [f"{Path(name).name},{int('PNEUMONIA' in name)}" for name in films]
    rows += ["elsewhere.png,1"]
    give(page, {**loose, "labels.csv": "\n".join(["file,label", *rows]).encode()})
    assert "24 films have a label in the CSV; 1 rows of the CSV" in words_of(page)
    assert page.table[1].value.iloc[-1].tolist() == [words.CASES_HERE, "12", "12", "24"]


def test_it_can_be_halted_and_goes_on(
    page: AppTest, films: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PATIENCE", 600)
    given = [("site.zip", packed(films), "application/zip")]
    page.file_uploader[0].set_value(given).run()
    page.button(key="local_halt").click().run()
    assert words.STOPPED.format(done=16, total=24) in words_of(page)
    assert page.header
    page.button(key="local_halt").click().run()
    page.run()
    assert "Stopped" not in words_of(page)
    assert page.table[1].value.iloc[-1].tolist()[1:] == ["12", "12", "24"]


def test_a_step_opens_no_more_films_than_memory_holds(
    page: AppTest, films: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    width, height = Image.open(io.BytesIO(next(iter(films.values())))).size
    monkeypatch.setattr(batch, "MOST_PIXELS", 3 * width * height)
    monkeypatch.setattr(batch, "PATIENCE", 600)
    page.file_uploader[0].set_value([("site.zip", packed(films), "application/zip")]).run()
    page.button(key="local_halt").click().run()
    assert words.STOPPED.format(done=3, total=24) in words_of(page)


def test_the_lab_opens_on_them(page: AppTest, films: dict[str, bytes], tiny_app: Run) -> None:
    give(page, {"site.zip": packed(films)})
    page.button(key="local_lab").click().run()
    assert not page.exception
    assert page.title[0].value == threshold.TITLE
    assert page.session_state[SOURCE] == OWN
    assert "24 images of your own, 50 % with pneumonia" in words_of(page)
    start = page.session_state["pneumolens/lab/own"].point
    assert start.threshold == tiny_app.operating_point.threshold
    one = page.session_state["pneumolens/own_scores"].source.sets[threshold.OWN_SPLIT]
    assert set(one.groups[threshold.KIND]) == {"normal", "bacteria", "virus"}
    assert len(set(one.patients)) < 24


def test_choices_change_the_answer(page: AppTest, films: dict[str, bytes]) -> None:
    give(page, {"site.zip": packed(films)})
    floors = page.table[0].value[words.FLOOR].tolist()
    page.segmented_control(key="local_margin").set_value(0.1).run()
    assert page.table[0].value[words.FLOOR].tolist() != floors
    page.segmented_control(key="local_count").set_value("familiar").run()
    assert not page.exception
    assert page.table or words.NOTHING_COUNTS in words_of(page)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.png": b"no film"}, words.NO_LABELS),
        ({"labels.csv": b"file,label\na.png"}, "Row 2 has 1 field"),
        ({"labels.csv": b"colour,label\nred,1\n", "a.png": b""}, "called file"),
        ({"NORMAL.zip": packed({"../NORMAL/a.png": b"no film"})}, words.NOTHING_COUNTS),
    ],
)
def test_what_cannot_be_used_is_said_in_words(
    page: AppTest, files: dict[str, bytes], said: str
) -> None:
    give(page, files)
    assert said in page.error[0].value


def test_the_films_can_be_removed(page: AppTest, films: dict[str, bytes]) -> None:
    give(page, {"site.zip": packed(films)})
    next(button for button in page.button if button.label == words.CLEAR).click().run()
    assert not page.table
    assert page.file_uploader[0].value == []
    kept = [key for key in page.session_state if "local/" in key]
    assert kept == ["pneumolens/local/turn"]


def test_more_than_a_session_may_hold_is_refused_in_words(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_session, "MOST_BYTES", 2**20)
    page = open_page("local")
    give(page, {"a.png": bytes(600_000), "b.png": bytes(600_000)})
    assert "more than the" in page.error[0].value
    assert not page.table


def test_it_works_without_the_data_set(
    open_page: OpenPage,
    films: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    page = open_page("local")
    give(page, {"site.zip": packed(films)})
    assert page.header
    assert not page.error
