"""Files from people who mean harm, given to Predict and to Batch: a picture or a sentence each.

Seconds are the processor's, so that a busy machine does not decide.
"""

import pickle
import resource
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pneumo_core.archive import candidates
from pneumo_core.dicom_process import TIME_LIMIT
from pneumo_core.errors import ImageError
from pneumo_core.images import read_image
from pneumo_core.runs import Run
from tests.hostile import ENDLESS_FILM, RAN, encoded, hostile_set, small
from tests.memory import KNOWN, peak
from tests.pages.conftest import OpenPage, words_of
from ui.words import batch as words

SECONDS, BYTES = 10, 2**30
"""What one file may take of the processor and of memory, over what is in use before."""

pytestmark = [
    pytest.mark.usefixtures("quickly_checked"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not KNOWN, reason="memory is measured on Linux only"),
]


def spent() -> float:
    """Seconds of the processor, of children that have ended as well."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def refused(data: bytes) -> str | None:
    """The sentence that refuses a file; None where it is read."""
    try:
        read_image(data)
    except ImageError as error:
        return str(error)
    return None


def report(capsys: pytest.CaptureFixture, figures: dict[str, tuple[float, float, int]]) -> None:
    """Print what took most."""
    with capsys.disabled():
        for place, unit in enumerate(("s of the processor", "s", "bytes of memory")):
            name = max(figures, key=lambda each: figures[each][place])
            print(f"\nmost {unit}: {figures[name][place]:,.2f} ({name[:60]})", end="")


@pytest.mark.timeout(900)
def test_predict_bears_every_file(open_page: OpenPage, capsys: pytest.CaptureFixture) -> None:
    app = open_page("predict")
    app.file_uploader(key="uploader").set_value(("first.png", encoded(small()), "")).run()
    figures = {}
    for name, hostile in hostile_set().items():
        start, clock = spent(), time.monotonic()
        with peak() as memory:
            app.file_uploader(key="uploader").set_value((name, hostile.data, "")).run(timeout=120)
        figures[name] = spent() - start, time.monotonic() - clock, memory.more
        assert not app.exception, name
        told = [element.value for element in app.error]
        refusal = refused(hostile.data)
        if refusal is None:
            assert hostile.outcome != "refused", name
            assert app.metric or told, f"{name}: a verdict, or why there is none"
        else:
            assert hostile.outcome != "read" or hostile.kind == "ZIP", name
            assert told == [refusal], name
            assert refusal.endswith("."), name
            assert not set("\n<>") & set(refusal), name
            assert not app.metric, f"{name}: the film before must not be taken for this one"
    report(capsys, figures)
    for name, (seconds, _, more) in figures.items():
        # A film that CharLS would read for ever is stopped by the clock, and by nothing before.
        assert seconds < SECONDS + TIME_LIMIT * (name == ENDLESS_FILM), name
        assert more < BYTES, name


@pytest.mark.timeout(900)
def test_batch_bears_all_files_at_once(
    open_page: OpenPage, tiny_app: Run, capsys: pytest.CaptureFixture
) -> None:
    del tiny_app
    files = {name: hostile.data for name, hostile in hostile_set().items()}
    crowd = files.pop("ZIP of 5000 files")  # too many with the others
    expected = list(candidates(files.items()))
    app, figures = open_page("batch"), {}
    start, clock = spent(), time.monotonic()
    app.file_uploader[0].set_value([(name, data, "") for name, data in files.items()])
    with peak() as memory:
        app.run(timeout=120)
    while True:
        assert not app.exception
        figures[f"step {len(figures) + 1}"] = spent() - start, time.monotonic() - clock, memory.more
        if not app.get("progress"):
            break
        start, clock = spent(), time.monotonic()
        with peak() as memory:
            app.run(timeout=120)
    report(capsys, figures)
    table = app.dataframe[0].value
    assert sorted(table["name"]) == sorted(file.name for file in expected)
    bad = table[table["probability"].isna() & (table["verdict"] == "")]
    assert words.DONE_BAD.format(judged=len(table) - len(bad), bad=len(bad)) in words_of(app)
    assert all(text.endswith(".") and not set("\n<>") & set(text) for text in bad["remark"])
    alone = set(table["name"]) & {
        name for name, each in hostile_set().items() if each.outcome == "refused"
    }
    assert len(alone) > 20
    assert alone <= set(bad["name"])
    # The endless film is among them.
    assert all(each[0] < SECONDS + TIME_LIMIT for each in figures.values()), "sixteen at a time"
    assert all(more < BYTES for _, _, more in figures.values())

    app.file_uploader[0].set_value([("crowd.zip", crowd, "")]).run(timeout=120)
    while app.get("progress"):
        app.run(timeout=120)
    assert [row["remark"] for row in app.dataframe[0].value.to_dict("records")] == [
        "This ZIP holds more than 1000 files: split it."
    ]


def test_no_pickle_runs_and_no_archive_writes() -> None:
    """The files were read by the tests above and are here again, so that it stands alone."""
    for name, hostile in hostile_set().items():
        if hostile.kind in ("pickle", "ZIP"):
            for candidate in candidates([(name, hostile.data)]):
                with suppress(ImageError):
                    read_image(candidate.data or b"")
    assert not RAN.exists()
    assert not Path("/tmp/slipped.png").exists()
    pickle.loads(hostile_set()["weights that are a pickle"].data)
    assert RAN.exists(), "it does harm to whoever loads it"
    RAN.unlink()
