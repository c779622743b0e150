"""DICOM from people who mean harm, and from disks that fail: a picture or a sentence, in time."""

import os
import random
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate

from pneumo_core import dicom_process
from pneumo_core.dicom import read_dicom
from pneumo_core.errors import ImageError
from pneumo_core.images import read_image
from tests.dicom_files import EXACT, LOSSY, UNCOMPRESSED, dicom, film
from tests.hostile import ENDLESS

GREY = film(8)
SYNTAXES = EXACT | LOSSY


def sentence_or_none(data: bytes) -> str | None:
    """The sentence that refuses a file, None for a picture; checks either."""
    try:
        image = read_image(data)
    except ImageError as error:
        message = str(error)
        assert message.endswith(".")
        assert not set("\n<>/\\") & set(message)
        return message
    assert image.pixels.dtype == np.float32
    assert np.all((image.pixels >= 0) & (image.pixels <= 1))
    return None


def parts(syntax: str = "explicit") -> tuple[bytes, bytes]:
    """A sound file, cut where file meta ends."""
    data = dicom(GREY, SYNTAXES[syntax])
    start = 144 + int.from_bytes(data[140:144], "little")
    return data[:start], data[start:]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_truncated_anywhere(syntax):
    data = dicom(GREY, SYNTAXES[syntax])
    for share in (0.1, 0.25, 0.4, 0.6, 0.9):
        assert sentence_or_none(data[: int(len(data) * share)]) is not None


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_flipped_bits(syntax, monkeypatch):
    monkeypatch.setattr(dicom_process, "TIME_LIMIT", 1.0)
    data, dice, refused = dicom(GREY, SYNTAXES[syntax]), random.Random(syntax), 0
    for _ in range(25):
        mutant = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            end = 600 if dice.random() < 0.5 else len(mutant)
            mutant[dice.randrange(132, end)] ^= 1 << dice.randrange(8)
        refused += sentence_or_none(bytes(mutant)) is not None
    assert refused > 0


def test_a_decoder_that_never_ends_is_stopped_and_the_next_film_is_read(monkeypatch):
    monkeypatch.setattr(dicom_process, "TIME_LIMIT", 0.5)
    data = dicom(film(8, shape=(24, 20)), LOSSY["JPEG-LS near"], PixelData=encapsulate([ENDLESS]))
    assert "takes too long" in sentence_or_none(data)
    monkeypatch.undo()
    assert sentence_or_none(dicom(GREY)) is None


def children_that(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have children run a script from now on."""
    start, command = subprocess.Popen, [sys.executable, "-c", script]
    monkeypatch.setattr(dicom_process, "_idle", [])
    monkeypatch.setattr(
        dicom_process.subprocess, "Popen", lambda _, **options: start(command, **options)
    )


def test_neither_pydicom_nor_gdcm_is_loaded_where_films_are_wanted():
    script = (
        "import sys; from pneumo_core.images import read_image; "
        "print(read_image(sys.stdin.buffer.read()).kind, {'pydicom', 'gdcm'} & set(sys.modules))"
    )
    folder = Path(dicom_process.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        input=dicom(GREY),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.decode().split() == ["DICOM", "set()"]


DYING = "import os; os.write(1, b'+'); os.read(0, 8); os.abort()"


def test_a_decoder_that_dies_is_a_damaged_file_and_the_next_film_is_read(monkeypatch):
    children_that(DYING, monkeypatch)
    assert "cannot be read" in sentence_or_none(dicom(GREY))
    assert dicom_process._idle == []
    monkeypatch.undo()
    assert sentence_or_none(dicom(GREY)) is None


def test_what_one_film_broke_does_not_harm_the_next(monkeypatch):
    children_that(DYING, monkeypatch)
    broken = dicom_process._started()
    monkeypatch.undo()
    dicom_process._idle.append(broken)
    assert sentence_or_none(dicom(GREY)) is None
    assert broken.returncode is not None


def test_an_answer_without_sense_is_no_answer(monkeypatch):
    answer = "b'+' + bytes([9]) + bytes(7) + b'nonsense!'"
    children_that(f"import os; os.write(1, {answer}); os.read(0, 999)", monkeypatch)
    assert "cannot be read" in sentence_or_none(dicom(GREY))


def test_a_child_that_died_while_idle_is_replaced():
    sentence_or_none(dicom(GREY))
    for child in dicom_process._idle:
        child.kill()
        child.wait()
    assert sentence_or_none(dicom(GREY)) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_fork_does_not_talk_to_its_parents_children():
    sentence_or_none(dicom(GREY))
    assert dicom_process._idle
    fork = os.fork()
    if not fork:
        os._exit(len(dicom_process._idle))
    assert os.waitpid(fork, 0)[1] == 0
    assert dicom_process._idle


def test_many_threads_share_few_children():
    outcomes: list[list[float]] = [[] for _ in range(6)]

    def work(means: list[float]) -> None:
        for i in range(5):
            means.append(
                float(read_image(dicom(np.full((20, 20), 50 * i, np.uint8))).pixels.mean())
            )

    threads = [threading.Thread(target=work, args=(means,)) for means in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = pytest.approx([50 * i / 255 for i in range(5)])
    assert all(means == expected for means in outcomes)
    assert 1 <= len(dicom_process._idle) <= dicom_process.PROCESSES


@pytest.mark.parametrize("syntax", [*UNCOMPRESSED, "JPEG Lossless", "JPEG-LS", "JPEG 2000", "JPEG"])
def test_sizes_that_lie(syntax):
    words = "cut short, or lies" if syntax in UNCOMPRESSED else "lies about the size"
    assert words in sentence_or_none(dicom(GREY, SYNTAXES[syntax], Rows=6000, Columns=6000))
    assert "40 million" in sentence_or_none(dicom(GREY, SYNTAXES[syntax], Rows=60000, Columns=9000))


def test_a_coded_picture_that_claims_more_than_the_header():
    for syntax, head in (
        ("JPEG", b"\x08" + struct.pack(">2H", *GREY.shape)),
        ("JPEG-LS", b"\x08" + struct.pack(">2H", *GREY.shape)),
        ("JPEG 2000", struct.pack(">2I", *GREY.shape[::-1])),
    ):
        data = dicom(GREY, SYNTAXES[syntax])
        assert head in data
        huge = head[:-4] + b"\xff\xff\xff\xff"
        assert "lies about the size" in sentence_or_none(data.replace(head, huge, 1))


@pytest.mark.parametrize("frames", [2, 999])
def test_frames_that_are_not_there(frames):
    assert "cut short, or lies" in sentence_or_none(dicom(GREY, NumberOfFrames=frames))
    with pytest.raises(ImageError):
        read_dicom(dicom(GREY, EXACT["RLE"], NumberOfFrames=frames), frames - 1)


def test_deep_nesting():
    head, body = parts()
    level = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    assert sentence_or_none(head + level * 5 + bytes.fromhex("feff0de000000000feffdde000000000") * 5
                            + body) is None  # fmt: skip
    for depth in (2000, 200_000):
        assert "cannot be read" in sentence_or_none(head + level * depth + body)


def test_more_elements_than_there_is_time_for(monkeypatch):
    monkeypatch.setattr(dicom_process, "TIME_LIMIT", 1.0)
    head, body = parts()
    start = time.monotonic()
    assert "takes too long" in sentence_or_none(head + b"\x09\0\1\0LO\0\0" * 3_000_000 + body)
    assert time.monotonic() - start < 10


def test_a_deflate_bomb():
    head, _ = parts("deflated")
    packing = zlib.compressobj(1, wbits=-15)
    bomb = b"".join(packing.compress(bytes(2**20)) for _ in range(140)) + packing.flush()
    assert "unpacks to more than 128 MiB" in sentence_or_none(head + bomb)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux only")
def test_memory_is_limited(monkeypatch):
    patched = "from pneumo_core import dicom_process as d; d.MEMORY_LIMIT = 2**24; d._serve()"
    children_that(patched, monkeypatch)
    assert "too much memory" in sentence_or_none(dicom(np.zeros((2500, 2500), np.uint8)))
    dicom_process._end_idle()


@pytest.mark.filterwarnings("ignore")
def test_markup_in_tags_reaches_no_sentence():
    script = "<script>alert(1)</script>"
    for name in ("Modality", "SOPClassUID", "PhotometricInterpretation", "PatientName"):
        sentence_or_none(dicom(GREY, **{name: script}))


@pytest.mark.parametrize("size", [131, 132, 140, 200])
def test_little_but_a_signature(size):
    assert sentence_or_none((bytes(128) + b"DICM" + bytes(200))[:size]) is not None
