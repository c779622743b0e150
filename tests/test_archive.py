"""Many files and archives at once: what comes out, under which name, and what is refused."""

import io
import random
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from pneumo_core import archive
from pneumo_core.archive import Candidate, candidates, is_archive, shown
from pneumo_core.errors import ImageError
from pneumo_core.images import read_image

LEVELS = np.random.default_rng(2).integers(0, 256, (20, 20), dtype=np.uint8)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(LEVELS).save(buffer, "PNG")
    return buffer.getvalue()


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def only(data: bytes) -> Candidate:
    (candidate,) = candidates([("films.zip", data)])
    assert candidate.data is None
    assert candidate.error.endswith(".")
    return candidate


def test_files_and_archives_by_content():
    files = [("a.png", png()), ("b.zip", png()), ("c.jpg", packed({"x/y.png": png(), "z": b"1"}))]
    assert list(candidates(files)) == [
        Candidate("a.png", png()),
        Candidate("b.zip", png()),
        Candidate("x/y.png", png()),
        Candidate("z", b"1"),
    ]


def test_one_at_a_time():
    def files():
        yield "a", b"1"
        raise AssertionError("asked for more than was wanted")

    assert next(candidates(files())).name == "a"


def test_one_bad_file_never_stops_the_rest():
    data = bytearray(packed({"1.png": png(), "2.png": png(), "3.png": png()}, zipfile.ZIP_STORED))
    second = data.index(png(), data.index(png()) + 1)
    data[second + 50] ^= 1
    outcomes = [(c.name, c.data, c.error) for c in candidates([("z", bytes(data)), ("4", b"")])]
    assert outcomes == [
        ("1.png", png(), None),
        ("2.png", None, "This file in the ZIP is damaged: pack it again."),
        ("3.png", png(), None),
        ("4", b"", None),
    ]


def test_litter_and_folders_are_left_out():
    names = ["a/", "__MACOSX/a/._x.png", "a/.DS_Store", "a/._x.png", "Thumbs.db", "a/x.png"]
    data = packed(dict.fromkeys(names, b"x"))
    assert [c.name for c in candidates([("z", data)])] == ["a/x.png"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\films\\..\\x.png", "C:/films/x.png"),
        ("a\nb\x00c\u202egnp.exe", "a b c gnp.exe"),
        ("", "(no name)"),
        ("..", "(no name)"),
        ("x" * 200 + ".dcm", "…" + "x" * 75 + ".dcm"),
        ("Müller/Größe.png", "Müller/Größe.png"),
    ],
)
def test_names(name, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown(name) == expected
    if "\0" not in name and name:
        assert [c.name for c in candidates([("z", packed({name: png()}))])] == [expected]
    assert list(tmp_path.iterdir()) == []


def test_a_member_without_a_name():
    data = packed({"x": png()})  # found by fuzzing: ZipInfo.is_dir() looks at the last letter
    central = data.index(b"PK\1\2")
    nameless = data[: central + 28] + struct.pack("<H", 0) + data[central + 30 : central + 46]
    nameless += data[central + 47 :]
    end = nameless.index(b"PK\5\6")
    size = end - central
    nameless = nameless[: end + 12] + struct.pack("<I", size) + nameless[end + 16 :]
    assert [c.name for c in candidates([("z", nameless)])] == ["(no name)"]


def test_an_archive_in_an_archive():
    inner = only(packed({"inner.png": packed({"x.png": png()})}))
    assert (inner.name, inner.error) == ("inner.png", "This is a ZIP in a ZIP: unpack it first.")


def test_a_password():
    data = bytearray(packed({"x.png": png()}))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + place] |= 1
    assert "password" in only(bytes(data)).error


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_ways_of_packing(method):
    assert "rare way" in only(packed({"x.png": png()}, method)).error


@pytest.mark.parametrize("size", [20 * 2**20, 70 * 2**20])
def test_bombs_by_the_size_they_state(size, monkeypatch):
    data = packed({"x.png": bytes(size)})
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert ("64 MiB" if size > 64 * 2**20 else "far more") in only(data).error


def test_bombs_that_state_less_than_they_hold():
    data = bytearray(packed({"x.png": bytes(50 * 2**20)}))
    for signature, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        start = data.index(signature) + place
        data[start : start + 4] = struct.pack("<I", 1000)
    assert "damaged" in only(bytes(data)).error


def test_many_members_and_many_bytes(monkeypatch):
    data = packed({f"{i}.png": png() for i in range(4)})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 4)
    assert len(list(candidates([("z", data)]))) == 4
    monkeypatch.setattr(archive, "MAX_UNPACKED", 4 * len(png()))
    assert len(list(candidates([("z", data)]))) == 4
    monkeypatch.setattr(archive, "MAX_UNPACKED", 4 * len(png()) - 1)
    assert "unpacks to more" in only(data).error
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # not even listed
    assert "more than 3 files" in only(data).error


def test_overlapping_members_are_refused():
    data = packed({"a": png(), "b": png()}, zipfile.ZIP_STORED)
    second = data.rindex(b"PK\1\2")
    both = data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :]
    outcomes = [c.error for c in candidates([("z", both)])]
    assert len(outcomes) == 2
    assert outcomes[1] == "This file in the ZIP is damaged: pack it again."


def test_empty_cut_short_and_office():
    assert "empty" in only(packed({})).error
    assert "empty" in only(packed({"__MACOSX/x": b""})).error
    assert "damaged or cut short" in only(packed({"x.png": png()})[:-10]).error
    assert "Office" in only(packed({"[Content_Types].xml": b"", "x.png": png()})).error


def test_an_archive_is_known_by_its_start():
    assert is_archive(packed({}))
    assert is_archive(packed({"x": b"1"}))
    assert not is_archive(b"PK\1\2")
    assert not is_archive(png())


def test_flipped_and_cut_archives_give_candidates():
    data = packed({"a/x.png": png(), "b.txt": b"hello" * 20})
    dice, refused = random.Random(3), 0
    for _ in range(300):
        mutant = bytearray(data[: dice.randrange(4, len(data))] if dice.random() < 0.2 else data)
        for _ in range(dice.randint(1, 6)):
            mutant[dice.randrange(len(mutant))] ^= 1 << dice.randrange(8)
        for candidate in candidates([("z", bytes(mutant))]):
            assert (candidate.data is None) == (candidate.error is not None)
            refused += candidate.data is None
            if candidate.data is not None:
                try:
                    read_image(candidate.data)
                except ImageError:
                    refused += 1
    assert refused > 100
