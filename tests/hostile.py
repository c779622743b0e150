"""Files from people who mean harm and from disks that fail, by name: what every page must bear."""

import base64
import io
import os
import pickle
import random
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate

from tests.dicom_files import EXACT, LOSSY, dicom, film

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
LINKS = "![x](http://127.0.0.1:9/x) [y](javascript:window.hacked=1) **b** $x$ :red[r]"
MARKUP = f"{IMAGE}{SCRIPT}{LINKS}"

# A JPEG-LS of 20 x 24 pixels that breaks off: CharLS 2.4 reads on for ever.
ENDLESS = base64.b85decode(
    "|JeWc01F5J7yuLj0TBTI+5iXv0RR910F<D&fCYvN)!(#%WE(6XK*GXcC5GY<QV;`JLj*yH0S^"
)

ENDLESS_FILM = "DICOM without an end"
"""The name of the film in which that is."""

RAN = Path(tempfile.gettempdir()) / f"pneumolens-pickle-{os.getpid()}"
"""Is there once the pickle of the set has been loaded."""

Outcome = Literal["refused", "read", "either"]


@dataclass(frozen=True)
class Hostile:
    """One file.

    Attributes:
        data: Its bytes.
        kind: Of the file that it is or claims to be.
        outcome: Whether there is a picture to be read in it, or in one of an archive's members;
            "either" where chance decided.
    """

    data: bytes
    kind: str
    outcome: Outcome = "refused"


@cache
def hostile_set() -> dict[str, Hostile]:
    """Every file, the same each time, under a name that says what is wrong with it."""
    return dict(
        [*_damaged(), *_huge(), *_odd(), *_dicom_lies(), *_archives(), *_disguised(), *_marked_up()]
    )


def encoded(picture: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, rows: bytes = b"", extra: bytes = b"") -> bytes:
    """An 8-bit grey PNG by hand, true or not; `rows` are packed already."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", rows or zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + chunk(b"IEND", b"")


def tiff(tags: dict[int, int], pixels: bytes = b"", after: int = 0) -> bytes:
    """A little-endian TIFF by hand with one strip, and where the next page is said to be."""
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = sorted({**tags, 273: start, 279: len(pixels)}.items())
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return head + body + struct.pack("<I", after) + pixels


def packed(
    members: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


@cache
def small() -> np.ndarray:
    """A little film, uint8 (48, 40)."""
    noise = np.random.default_rng(4).integers(0, 40, (48, 40))
    return (np.add.outer(np.arange(48), np.arange(40)) + noise + 40).astype(np.uint8)


def _sound() -> dict[str, bytes]:
    grey = film(8)
    return {
        "PNG": encoded(small()),
        "JPEG": encoded(small(), "JPEG"),
        "TIFF": encoded(small(), "TIFF", compression="tiff_lzw"),
        "ZIP": packed({"a/film.png": encoded(small()), "b.jpg": encoded(small(), "JPEG")}),
        "DICOM": dicom(grey),
        **{
            f"DICOM {name}": dicom(grey, (EXACT | LOSSY)[name])
            for name in ("deflated", "RLE", "JPEG Lossless", "JPEG-LS", "JPEG 2000", "JPEG")
        },
    }


def _damaged() -> Iterator[tuple[str, Hostile]]:
    for kind, data in _sound().items():
        for share in (0.03, 0.5, 0.95):
            cut = data[: max(4, int(len(data) * share))]
            # What is left of an archive without its end, or of a JPEG, is for the readers to say.
            yield f"{kind} cut at {share:.0%}", Hostile(cut, kind, "either")
        dice = random.Random(kind)
        for number in range(3):
            mutant = bytearray(data)
            for _ in range(8):
                mutant[dice.randrange(4, len(data))] ^= 1 << dice.randrange(8)
            yield f"{kind} with flipped bits {number}", Hostile(bytes(mutant), kind, "either")


def _huge() -> Iterator[tuple[str, Hostile]]:
    blank = zlib.compress(bytes(6300 * 6301), 9)
    yield "PNG of 20000 x 20000", Hostile(png(20_000, 20_000), "PNG")
    yield "PNG of 2^31 x 2^31", Hostile(png(2**31 - 1, 2**31 - 1), "PNG")
    yield "PNG of 39.7 million black pixels", Hostile(png(6300, 6300, blank), "PNG", "read")
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100 * 2**20), 1))
    yield "PNG with a bomb of text", Hostile(png(40, 48, extra=text), "PNG")
    rows = zlib.compress(bytes(200 * 2**20), 1)
    yield "PNG with a bomb of pixels", Hostile(png(40, 48, rows), "PNG", "either")
    jpeg = encoded(small(), "JPEG")
    size = jpeg.index(b"\xff\xc0") + 5
    wide = jpeg[:size] + b"\xff\xff\xff\xff" + jpeg[size + 4 :]
    yield "JPEG of 65535 x 65535", Hostile(wide, "JPEG")
    steps = encoded(small(), "JPEG", progressive=True)
    last = steps[steps.rindex(b"\xff\xda") : -2]
    yield "JPEG of 5000 passes", Hostile(steps[:-2] + last * 5000 + b"\xff\xd9", "JPEG")
    tiles = {256: 32, 257: 32, 258: 8, 259: 8, 262: 1, 277: 1, 322: 30_000, 323: 30_000}
    tiles |= {324: 150, 325: 100}
    yield "TIFF of huge tiles", Hostile(tiff(tiles, zlib.compress(bytes(100_000))), "TIFF")
    tags = {256: 32, 257: 32, 258: 8, 259: 1, 262: 1, 277: 1, 278: 32}
    yield "TIFF of pages in a circle", Hostile(tiff(tags, bytes(1024), 8), "TIFF", "either")
    tags |= {256: 60_000, 257: 60_000}
    yield "TIFF of 60000 x 60000", Hostile(tiff(tags, bytes(1024)), "TIFF")


def _odd() -> Iterator[tuple[str, Hostile]]:
    rows = zlib.compress(bytes(16 * 2_400_001), 9)
    yield "PNG of 2400000 x 16", Hostile(png(2_400_000, 16, rows), "PNG", "read")
    rows = zlib.compress(bytes(2_400_000 * 17), 9)
    yield "PNG of 16 x 2350000", Hostile(png(16, 2_350_000, rows), "PNG", "read")
    yield "PNG of one pixel", Hostile(encoded(small()[:1, :1]), "PNG")
    yield "PNG all white", Hostile(encoded(np.full((64, 64), 255, np.uint8)), "PNG", "read")
    numbers = np.full((40, 40), np.nan, np.float32)
    yield "TIFF of no numbers", Hostile(encoded(numbers, "TIFF"), "TIFF")
    numbers[:] = 3e38
    numbers[0] = -3e38
    yield "TIFF of huge numbers", Hostile(encoded(numbers, "TIFF"), "TIFF", "either")
    yield "empty", Hostile(b"", "nothing")


def _dicom_lies() -> Iterator[tuple[str, Hostile]]:
    grey = film(8)
    for syntax in ("explicit", "RLE", "JPEG Lossless", "JPEG-LS", "JPEG 2000"):
        for side in (6000, 60_000):
            lie = dicom(grey, EXACT[syntax], Rows=side, Columns=side)
            yield f"DICOM {syntax} that says {side} x {side}", Hostile(lie, "DICOM")
    yield "DICOM of 999 frames", Hostile(dicom(grey, NumberOfFrames=999), "DICOM")
    data = dicom(film(8, shape=(24, 20)), LOSSY["JPEG-LS near"], PixelData=encapsulate([ENDLESS]))
    yield ENDLESS_FILM, Hostile(data, "DICOM")
    data = dicom(grey)
    start = 144 + int.from_bytes(data[140:144], "little")
    head, body = data[:start], data[start:]
    level = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    yield "DICOM nested 200000 deep", Hostile(head + level * 200_000 + body, "DICOM")
    many = head + b"\x09\0\1\0LO\0\0" * 1_000_000 + body
    yield "DICOM of a million tags", Hostile(many, "DICOM", "either")
    data = dicom(grey, EXACT["deflated"])
    head = data[: 144 + int.from_bytes(data[140:144], "little")]
    packing = zlib.compressobj(1, wbits=-15)
    bomb = b"".join(packing.compress(bytes(2**20)) for _ in range(140)) + packing.flush()
    yield "DICOM with a deflate bomb", Hostile(head + bomb, "DICOM")


def _archives() -> Iterator[tuple[str, Hostile]]:
    picture = encoded(small())
    slips = ["../../../../tmp/slipped.png", "/tmp/slipped.png", "..\\..\\slipped.png", "C:\\x.png"]
    yield "ZIP that slips", Hostile(packed(dict.fromkeys(slips, picture)), "ZIP", "read")
    yield "ZIP bomb", Hostile(packed({"x.png": bytes(60 * 2**20)}), "ZIP")
    lying = bytearray(packed({"x.png": bytes(50 * 2**20)}))
    for signature, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = lying.index(signature) + place
        lying[at : at + 4] = struct.pack("<I", 1000)
    yield "ZIP bomb that lies", Hostile(bytes(lying), "ZIP")
    inner = packed({"x.png": picture})
    for _ in range(5):
        inner = packed({f"{number}.zip": inner for number in range(3)})
    yield "ZIP in ZIP in ZIP", Hostile(inner, "ZIP")
    many = packed([(f"{number}.png", b"") for number in range(5000)])
    yield "ZIP of 5000 files", Hostile(many, "ZIP")
    both = packed({"a.png": picture, "b.png": picture}, zipfile.ZIP_STORED)
    second = both.rindex(b"PK\1\2")
    overlapping = both[: second + 42] + struct.pack("<I", 0) + both[second + 46 :]
    yield "ZIP that overlaps", Hostile(overlapping, "ZIP", "read")
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield "ZIP with a link", Hostile(buffer.getvalue(), "ZIP")
    bombs = {f"{number}.png": png(6300, 6300, zlib.compress(bytes(6300 * 6301))) for number in "12"}
    yield "ZIP of big films", Hostile(packed(bombs, zipfile.ZIP_STORED), "ZIP", "read")


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {RAN}",)


def _disguised() -> Iterator[tuple[str, Hostile]]:
    page = f"<!doctype html><html><body>{MARKUP}</body></html>".encode()
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPT}</svg>'.encode()
    yield "weights that are a pickle", Hostile(pickle.dumps(_Harm()), "pickle")
    yield "page", Hostile(page, "HTML")
    yield "drawing", Hostile(svg, "SVG")
    yield "PNG with a page behind", Hostile(encoded(small()) + page, "PNG", "read")
    yield "PNG with a page before", Hostile(page + encoded(small()), "PNG")


def _marked_up() -> Iterator[tuple[str, Hostile]]:
    """Names and tags that a browser could take for more than text."""
    yield f"{IMAGE}.png", Hostile(encoded(small()), "PNG", "read")
    yield f"{MARKUP}.txt", Hostile(MARKUP.encode(), "text")
    members = {f"{IMAGE}/{SCRIPT}.png": encoded(small()), f"{LINKS}.png": MARKUP.encode()}
    yield f"{SCRIPT}.zip", Hostile(packed(members), "ZIP", "read")
    texts = ("PatientName", "StudyDescription", "ImageComments", "WindowCenterWidthExplanation")
    codes = ("Modality", "ViewPosition", "BodyPartExamined", "PhotometricInterpretation")
    tags = dict.fromkeys(texts, MARKUP) | {"WindowCenter": 100, "WindowWidth": 200}
    yield "DICOM with markup in texts", Hostile(dicom(film(8), **tags), "DICOM", "read")
    for code in codes:
        data = dicom(film(8), **{code: IMAGE})
        yield f"DICOM with markup in {code}", Hostile(data, "DICOM", "either")
