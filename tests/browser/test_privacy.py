"""Pixels, names and tags of uploads: on no disk, in no log, no address, no other's browser."""

import base64
import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import expect

from pneumo_core.audit_log import COLUMNS, read_log
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import DEFAULT_FILE, Run
from tests.browser.conftest import DRAWN, Visitor
from tests.browser.dashboard import serving
from tests.browser.leaks import Planted, Surroundings, token
from tests.conftest import planted_film
from tests.dicom_files import dicom, written
from ui.words import batch as batch_words
from ui.words import common as common_words
from ui.words import local as local_words
from ui.words import predict as predict_words
from ui.words import report as report_words

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)

TAGS = {
    "PatientName": "PN",
    "PatientID": "LO",
    "StudyDescription": "LO",
    "ViewPosition": "CS",
    "WindowCenterWidthExplanation": "LO",
    "private": "LO",
    "private text": "UT",
}
NAMES = ("png name", "dicom name", "broken name", "batch name", "archive name", "member name")
LABELLED = ("labelled name", "labelled patient", "labelled group")
"""Of films of the user's own, whose labels are in a CSV."""

TYPED = ("typed name", "typed notes")


def large_film(seed: int) -> np.ndarray:
    """A film like those of the tiny run, uint8 (1000, 1300): over 1 MB in any kind of file."""
    rng = np.random.default_rng(seed)
    film = np.kron(planted_film(1, rng), np.ones((25, 25), np.uint8))
    return np.clip(film + rng.integers(-4, 5, film.shape), 0, 255).astype(np.uint8)


def run_of(film: np.ndarray) -> bytes:
    """Some pixels in the middle of a film."""
    middle = film[film.shape[0] // 2]
    return middle[600:624].tobytes()


@dataclass
class Given:
    """Files with something planted in each, and what that is."""

    planted: Planted
    png: bytes
    dicom: bytes
    broken: bytes
    batch: bytes
    archive: bytes
    pasted: bytes
    labelled: bytes


@pytest.fixture
def given() -> Given:
    texts = {
        name: token() for name in (*TAGS, "png text", *NAMES, "pasted name", *LABELLED, *TYPED)
    }
    kinds = ("png", "dicom", "batch", "zip", "pasted", "labelled")
    films = {name: large_film(seed) for seed, name in enumerate(kinds)}
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", texts["png text"])
    png, batch, zipped, pasted, labelled = (
        encoded(films[name], pnginfo=info) for name in kinds if name != "dicom"
    )
    dataset = pydicom.dcmread(io.BytesIO(dicom(films["dicom"].astype(np.uint16) * 16, bits=12)))
    dataset.WindowCenter, dataset.WindowWidth = 2040, 4080
    block = dataset.private_block(0x0099, texts["private"], create=True)
    for number, (name, kind) in enumerate(TAGS.items()):
        if name.startswith("private"):
            block.add_new(number, kind, texts[name])
        else:
            setattr(dataset, name, texts[name])
    whole = written(dataset)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{texts['member name']}/{texts['member name']} ä&<b>.png", zipped)
        archive.writestr(f"{texts['member name']}.dcm", whole[:5000])
    site = io.BytesIO()
    with zipfile.ZipFile(site, "w") as archive:
        name, patient, group = (texts[each] for each in LABELLED)
        members = (f"{name}.png", f"{name}.dcm", f"{name} broken.dcm")
        for member, data in zip(members, (labelled, whole, whole[:9000]), strict=True):
            archive.writestr(member, data)
        rows = [f"{member},{i % 2},{patient},{group}" for i, member in enumerate(members)]
        archive.writestr("labels.csv", "\n".join(["file,label,patient,group", *rows]))
    runs = {f"pixels of {name}": run_of(film) for name, film in films.items()}
    runs |= {
        f"bytes of {name}": data[-5000:-4976] for name, data in (("png", png), ("zip", zipped))
    }
    planted, archives = Planted(texts, runs), (packed.getvalue(), site.getvalue())
    return Given(planted, png, whole, whole[:9000], batch, archives[0], pasted, archives[1])


def encoded(film: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(film).save(buffer, "PNG", compress_level=0, **options)
    assert len(buffer.getvalue()) > 2**20, "small uploads are treated otherwise"
    return buffer.getvalue()


class Heard(Visitor):
    """A visitor who keeps what the server says."""

    def __init__(self, browser: Any, address: str) -> None:
        self.received: list[bytes] = []
        self.pages: list[str] = []
        super().__init__(browser, address)
        self.page.on("framenavigated", lambda frame: self.pages.append(frame.url))

    def _listen(self, socket: Any) -> None:
        super()._listen(socket)
        socket.on("framereceived", lambda payload: self.received.append(as_bytes(payload)))

    def give_several(self, *files: tuple[str, bytes]) -> None:
        chosen = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
        self.page.locator("input[type=file]").set_input_files(chosen)

    def paste(self, content: bytes, name: str) -> None:
        """Paste a film on the Predict page and wait until it is read."""
        self.page.evaluate(
            """([coded, name]) => {
              const clipboardData = new DataTransfer()
              const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0))
              clipboardData.items.add(new File([bytes], name))
              document.body.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
            }""",
            [base64.b64encode(content).decode(), name],
        )
        self.page.wait_for_selector(DRAWN)
        self.settle()

    def addresses(self) -> bytes:
        """Every address that was asked for or shown, but for those that carry their content."""
        asked = [url for url in self.urls if not url.startswith(("data:", "blob:"))]
        assert asked, "nothing was listened to"
        return "\n".join([*asked, *self.pages, self.page.url]).encode()


def kept_by(page: Any) -> bytes:
    """What the page has put into the browser's own storage and cookies."""
    places = "{...localStorage}, {...sessionStorage}, document.cookie"
    kept = page.evaluate(f"JSON.stringify([{places}])")
    return kept.encode()


def as_bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


@pytest.fixture
def around(tmp_path: Path, tiny_run: Run, tiny_data: Path) -> Surroundings:
    weights, data = tmp_path / "weights", tmp_path / "data"
    shutil.copytree(tiny_run.path, weights / "tiny")
    shutil.copy(tiny_run.path.parent / DEFAULT_FILE, weights)
    shutil.copytree(tiny_data, data)
    around = Surroundings(tmp_path / "around", weights, data, PROJECT_FOLDER)
    around.environment |= {"PNEUMO_WEIGHTS": str(weights), "PNEUMO_DATA": str(data)}
    around.environment |= {"PNEUMO_AUDIT_DB": str(audit_log(around))}
    return around


def audit_log(around: Surroundings) -> Path:
    """Where the server logs verdicts: among what is watched."""
    return around.folder / "HOME" / "verdicts.sqlite"


def leaks(planted: Planted, around: Surroundings, log: Path, addresses: bytes) -> list[str]:
    """Where what is planted was found."""
    places = {"the log": log.read_bytes(), "an address": addresses}
    places |= {str(path): path.read_bytes() for path in around.written() if path != log}
    found = [f"{what} in {place}" for place in places for what in planted.found_in(places[place])]
    return found + [f"{path}: written and gone" for path in around.vanished()]


def read_on_predict(visitor: Heard, given: Given) -> None:
    """One from the clipboard, a PNG, with all that can be made of it, a DICOM, a broken one."""
    names, page = given.planted.texts, visitor.page
    visitor.paste(given.pasted, f"{names['pasted name']}.png")
    visitor.upload(given.png, f"{names['png name']}.png")
    visitor.do("actual", "invert")
    visitor.download(predict_words.DOWNLOAD)
    page.get_by_role("button", name=report_words.OPEN).click()
    page.get_by_role("textbox", name=report_words.NAME).fill(names["typed name"])
    page.get_by_role("textbox", name=report_words.NOTES).fill(names["typed notes"])
    assert visitor.download(report_words.PDF).startswith(b"%PDF")
    written = visitor.download(report_words.HTML)
    assert given.planted.only("typed name", "typed notes").found_in(written) == [*TYPED]
    assert given.planted.only("png name", "png text").found_in(written) == []
    page.keyboard.press("Escape")
    visitor.give(given.dicom, f"{names['dicom name']}.dcm")
    expect(page.get_by_text(predict_words.TAKEN_AS.split("{")[0] + "DICOM")).to_be_visible()
    page.wait_for_selector(DRAWN)
    visitor.settle()
    visitor.give(given.broken, f"{names['broken name']}.dcm")
    expect(page.get_by_text("This DICOM")).to_be_visible()
    visitor.settle()


def read_on_batch(visitor: Heard, given: Given) -> None:
    """Films and an archive at once; their table, and one of them on Predict."""
    names, page = given.planted.texts, visitor.page
    visitor.go("Batch")
    visitor.give_several(
        (f"{names['batch name']}.png", given.batch),
        (f"{names['archive name']}.zip", given.archive),
        (f"{names['broken name']}.dcm", given.broken),
    )
    expect(page.get_by_text(batch_words.DONE_BAD.format(judged=2, bad=2))).to_be_visible()
    visitor.settle()
    table = visitor.download(batch_words.CSV)
    assert given.planted.only("batch name", "member name").found_in(table) == [
        "batch name",
        "member name",
    ]
    visitor.download(batch_words.OVERLAYS)


def read_on_local(visitor: Heard, given: Given) -> None:
    """Films of the user's own with their labels, and on to the threshold lab."""
    names, page = given.planted.texts, visitor.page
    page.locator(".st-key-links").get_by_role("link", name=common_words.PAGE_LOCAL).click()
    page.wait_for_url("**/local?**")
    visitor.settle()
    visitor.give_several((f"{names['labelled name']}.zip", given.labelled))
    page.get_by_text(local_words.LEFT_OUT.format(count=1)).click()
    visitor.settle()
    table = visitor.download(local_words.CSV)
    assert given.planted.only(*LABELLED).found_in(table) == [*LABELLED]
    page.get_by_role("button", name=local_words.LAB).click()
    page.wait_for_url("**/threshold?**")
    expect(page.get_by_text("2 images of your own")).to_be_visible()
    visitor.settle()


@pytest.fixture
def strangers() -> Iterator[list[Heard]]:
    """Everybody who came, to close their browsers."""
    come: list[Heard] = []
    yield come
    for visitor in come:
        visitor.context.close()


def test_nothing_of_an_upload_is_left_behind(
    browser: Any, around: Surroundings, given: Given, tmp_path: Path, strangers: list[Heard]
) -> None:
    log = tmp_path / "server.log"
    with serving(log, STREAMLIT_LOGGER_LEVEL="debug", **around.environment) as address:
        other = Heard(browser, address)
        visitor = Heard(browser, address)
        strangers += [other, visitor]
        for each in strangers:
            each.open("predict")
        read_on_predict(visitor, given)
        read_on_batch(visitor, given)
        read_on_local(visitor, given)
        tags = given.planted.only(*TAGS, "png text")
        assert visitor.received
        assert tags.found_in(b"".join(visitor.received)) == []
        assert given.planted.found_in(kept_by(visitor.page)) == []
        other.page.reload()
        other.page.wait_for_selector("h1")
        other.settle()
        assert given.planted.found_in(b"".join(other.received)) == []
        visitor.leave()
        other.leave()
        strangers.clear()
    assert "Beginning script thread" in log.read_text("utf-8"), "the log is as talkative as can be"
    assert around.opened(), "the journal works"
    assert audit_log(around) in around.written(), "it is looked at, too"
    assert leaks(given.planted, around, log, visitor.addresses()) == []
    logged = {row[COLUMNS.index("image_sha256")] for row in read_log(audit_log(around))}
    films = (given.png, given.dicom, given.batch, given.pasted)
    assert {hashlib.sha256(film).hexdigest() for film in films} <= logged
    assert len(logged) == 6, "and one in each archive; the DICOM was given twice"


def test_a_leak_would_be_found(
    browser: Any, around: Surroundings, given: Given, tmp_path: Path, strangers: list[Heard]
) -> None:
    log = tmp_path / "server.log"
    script = str(Path(__file__).with_name("leaky.py"))
    with serving(log, script, **around.environment) as address:
        visitor = Heard(browser, address)
        strangers.append(visitor)
        visitor.open()
        visitor.give(given.png, f"{given.planted.texts['png name']}.png")
        expect(visitor.page.get_by_text("That was")).to_be_visible()
        visitor.settle()
    found = leaks(given.planted, around, log, visitor.addresses())
    assert "png name in the log" in found
    assert "png name in an address" in found
    assert f"bytes of png in {around.folder / 'HOME' / 'film.txt'}" in found
    assert f"{around.folder / 'TMPDIR'}: written and gone" in found


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text,
        lambda text: text.lower(),
        lambda text: text.decode().encode("utf-16-le"),
        lambda text: text.decode().encode("utf-16-be"),
        lambda text: text.hex().encode(),
        lambda text: text.hex(" ").upper().encode(),
        lambda text: "".join(f"%{each:02X}" for each in text).encode(),
        lambda text: repr(text.decode()).encode(),
    ],
)
def test_a_planted_text_is_found_in_every_form(form: Any) -> None:
    planted = Planted({"name": token(), "other": token()}, {})
    text = planted.texts["name"].encode()
    assert planted.found_in(b"before " + form(text) + b" after") == ["name"]
    assert planted.found_in(b"before " + form(text[:-1]) + b" after") == []


@pytest.mark.parametrize("before", range(6))
def test_what_is_planted_is_found_within_base64(before: int) -> None:
    pixels = os.urandom(24)
    planted = Planted({"name": token()}, {"pixels": pixels})
    around = b"x" * before
    for what, plain in (("name", planted.texts["name"].encode()), ("pixels", pixels)):
        for coded in (base64.b64encode, base64.urlsafe_b64encode):
            assert planted.found_in(b"data:" + coded(around + plain + b"yz")) == [what]


def test_planted_pixels_are_found_in_every_form() -> None:
    film = large_film(1)
    run, planted = run_of(film), Planted({}, {"pixels": run_of(film)})
    row = film[500]
    for content in (
        film.tobytes(),
        film.astype("<u2").tobytes(),
        (film / np.float32(255)).astype("<f4").tobytes(),
        str(row.tolist()).encode(),
        repr(row.tobytes()).encode(),
        film.tobytes().hex().encode(),
    ):
        assert planted.found_in(content) == ["pixels"]
    assert planted.found_in(film[::-1].tobytes()[: 400 * 1300]) == []
    assert len(set(run)) > 4
