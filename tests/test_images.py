"""Every kind of file a user may give, made in memory, against the exact pixels or the sentence."""

import io
import logging
import os
import random
import struct
import threading
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pneumo_core import grey, images, picture_files
from pneumo_core.errors import ImageError
from pneumo_core.images import GreyImage, read_image

RANDOM = np.random.default_rng(20)
GREY = RANDOM.integers(0, 256, (40, 30), dtype=np.uint8)
GREY[0, :2] = 0, 255
SMOOTH = np.add.outer(np.arange(64), np.arange(48) * 2).astype(np.uint8)
COLOURS = RANDOM.integers(0, 256, (40, 30, 3), dtype=np.uint8)
OPACITY = RANDOM.integers(0, 256, (40, 30), dtype=np.uint8)
ON_BLACK = "transparent parts shown on black"
TO_GREY = "colours turned to grey"
UPRIGHT = "turned upright as its EXIF tag says"


def encoded(picture, kind="PNG", **options) -> bytes:
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def unit(values, full=255) -> np.ndarray:
    return np.asarray(values).astype(np.float32) / np.float32(full)


def assert_pixels(image: GreyImage, expected: np.ndarray) -> None:
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, expected)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, rows: bytes, *, depth=8, colour=0, before=b"", after=b"") -> bytes:
    """A PNG by hand; `rows` are unfiltered scan lines, each with its filter byte in front."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND", b"")


def grey_png(before=b"", after=b"") -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in GREY)
    return png(30, 40, rows, before=before, after=after)


def tiff(tags: dict[int, int], pixels: bytes) -> bytes:
    """A little-endian TIFF by hand, with one strip."""
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags = sorted({**tags, 273: start, 279: len(pixels)}.items())
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + pixels


def tiff_of(array: np.ndarray, sample_format: int, white_is_zero: bool = False) -> bytes:
    height, width = array.shape
    tags = {256: width, 257: height, 258: 8 * array.itemsize, 259: 1, 262: int(not white_is_zero)}
    return tiff(tags | {277: 1, 278: height, 339: sample_format}, array.tobytes())


def refusal(source) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(source)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_8_bit_grey_is_value_over_255(kind):
    image = read_image(encoded(GREY, kind))
    assert_pixels(image, unit(GREY))
    assert (image.kind, image.notes, image.colourful) == (kind, (), False)
    assert image.pixels.max() == 1
    assert image.pixels.min() == 0


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(compression):
    assert_pixels(read_image(encoded(GREY, "TIFF", compression=compression)), unit(GREY))


@pytest.mark.parametrize("colours", [GREY, COLOURS], ids=["grey", "colour"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_reads_as_pillow_does(colours, progressive):
    data = encoded(colours, "JPEG", quality=80, progressive=progressive)
    image = read_image(data)
    assert_pixels(image, unit(Image.open(io.BytesIO(data)).convert("L")))
    assert image.kind == "JPEG"
    assert image.colourful == (colours is COLOURS)


def test_path_str_and_pathlike_read_the_same_and_the_extension_does_not_matter(tmp_path):
    path = tmp_path / "really_a_png.jpeg"
    path.write_bytes(encoded(GREY))
    for source in (path, str(path)):
        image = read_image(source)
        assert_pixels(image, unit(GREY))
        assert image.kind == "PNG"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["RGB", "YCbCr", "CMYK", "HSV"])
def test_colours_become_pillows_luma(mode):
    picture = Image.fromarray(COLOURS).convert(mode)
    image = read_image(picture)
    assert_pixels(image, unit(picture.convert("L")))
    assert image.notes == (TO_GREY,)
    assert image.colourful


def test_luma_weighs_red_green_and_blue():
    stripes = np.zeros((16, 48, 3), np.uint8)
    for band in range(3):
        stripes[:, 16 * band : 16 * band + 16, band] = 255
    assert read_image(encoded(stripes)).pixels[0, ::16] * 255 == pytest.approx([76, 150, 29])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_grey_stored_as_colour_is_not_colourful(kind):
    image = read_image(encoded(np.dstack([SMOOTH] * 3), kind, quality=95))
    assert (image.notes, image.colourful) == ((), False)
    np.testing.assert_allclose(image.pixels, unit(SMOOTH), atol=2 / 255)


def test_what_counts_as_colour():
    def colourful(difference, pixels):
        picture = np.full((40, 50, 3), 100, np.uint8)
        picture.reshape(-1, 3)[:pixels, 2] += difference
        return read_image(encoded(picture)).colourful

    assert not colourful(16, 2000)
    assert colourful(17, 2000)
    assert not colourful(17, 2)  # one in a thousand
    assert colourful(17, 3)


def test_noise_in_the_colours_is_not_colour_but_a_mark_is():
    noisy = np.dstack([SMOOTH] * 3).astype(int) // 2 + 50 + RANDOM.integers(-4, 5, (64, 48, 3))
    noisy = noisy.astype(np.uint8)
    assert not read_image(encoded(noisy, "JPEG", quality=25)).colourful
    noisy[10:14, 10:14] = 250, 20, 20
    assert read_image(encoded(noisy)).colourful


def test_lab_tiff():
    data = encoded(Image.frombytes("LAB", (20, 20), bytes([255, 0, 0] * 400)), "TIFF")
    np.testing.assert_allclose(read_image(data).pixels, 1, atol=2 / 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(kind):
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:, 16:, 3] = 255
    image = read_image(encoded(Image.fromarray(ink, "CMYK"), kind))
    np.testing.assert_allclose(image.pixels[:, :12], 1, atol=0.02)
    np.testing.assert_allclose(image.pixels[:, 20:], 0, atol=0.02)
    assert not image.colourful


def test_palette():
    picture = Image.fromarray(GREY).convert("P")
    picture.putpalette(COLOURS.reshape(-1)[:768].tobytes())
    data = encoded(picture)
    image = read_image(data)
    assert_pixels(image, unit(Image.open(io.BytesIO(data)).convert("L")))
    assert image.colourful


def test_one_bit():
    image = read_image(encoded(Image.fromarray(GREY > 127)))
    assert_pixels(image, (GREY > 127).astype(np.float32))
    assert image.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_alpha_is_composited_over_black(kind):
    image = read_image(encoded(np.dstack([GREY, OPACITY]), kind))
    assert_pixels(image, unit(GREY) * unit(OPACITY))
    assert image.notes == (ON_BLACK,)

    rgba = np.dstack([COLOURS, OPACITY])
    image = read_image(encoded(rgba, kind))
    assert_pixels(image, unit(Image.fromarray(COLOURS).convert("L")) * unit(OPACITY))
    assert image.notes == (ON_BLACK, TO_GREY)


def test_opaque_alpha_changes_nothing_and_hidden_colour_is_no_colour():
    opaque = np.full_like(GREY, 255)
    assert read_image(encoded(np.dstack([GREY, opaque]))).notes == ()
    hidden = np.dstack([COLOURS, np.zeros_like(GREY)])
    image = read_image(encoded(hidden))
    assert_pixels(image, np.zeros((40, 30), np.float32))
    assert not image.colourful


def test_premultiplied_grey():
    image = read_image(Image.fromarray(np.dstack([GREY, OPACITY])).convert("La"))
    np.testing.assert_allclose(image.pixels, unit(GREY) * unit(OPACITY), atol=1 / 255)


def test_transparent_palette_entry_and_transparent_grey():
    picture = Image.fromarray(np.repeat([[0, 1]], 20, 0).repeat(10, 1).astype(np.uint8)).convert(
        "P"
    )
    picture.putpalette([200, 200, 200, 90, 90, 90])
    image = read_image(encoded(picture, transparency=bytes([0, 255])))
    assert image.pixels[0, [0, 19]].tolist() == unit([0, 90]).tolist()
    assert image.notes == (ON_BLACK,)
    assert read_image(encoded(GREY, transparency=255)).pixels[0, 1] == 0
    deep = GREY.astype(np.uint16) * 257
    data = png(30, 40, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep), depth=16,
               before=chunk(b"tRNS", b"\xff\xff"))  # fmt: skip
    assert_pixels(read_image(data), np.where(GREY == 255, 0, unit(GREY)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_copy_of_an_8_bit_picture_equals_it(kind):
    image = read_image(encoded(GREY.astype(np.uint16) * 257, kind))
    assert_pixels(image, unit(GREY))
    assert image.notes == ("read as 16-bit grey, the fewest bits that hold its largest value",)


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16383, 14),
     (16384, 16), (65535, 16)],
)  # fmt: skip
def test_deep_greys_use_the_fewest_bits_that_hold_them(largest, bits):
    values = np.linspace(0, largest, 400).astype(np.uint16).reshape(20, 20)
    for source in (encoded(values), encoded(values, "TIFF"), values, values.astype(">u2")):
        image = read_image(source)
        assert_pixels(image, unit(values, 2**bits - 1))
        assert f"{bits}-bit" in image.notes[0]


def test_big_endian_and_packed_12_bit_tiff():
    values = (GREY.astype(np.uint16) * 16).astype(np.uint16)
    big = encoded(Image.frombytes("I;16B", (30, 40), values.astype(">u2").tobytes()), "TIFF")
    assert big.startswith(b"MM")
    assert_pixels(read_image(big), unit(values, 4095))
    high, low = values[:, ::2], values[:, 1::2]
    packed = np.dstack([high >> 4, (high & 15) << 4 | low >> 8, low & 255]).astype(np.uint8)
    tags = {256: 30, 257: 40, 258: 12, 259: 1, 262: 1, 277: 1, 278: 40}
    assert_pixels(read_image(tiff(tags, packed.tobytes())), unit(values, 4095))


@pytest.mark.parametrize(("dtype", "sample_format"), [("<u2", 1), ("<f4", 3)])
def test_white_is_zero_is_swapped(dtype, sample_format):
    values = (GREY.astype(dtype) * 257).astype(dtype)
    image = read_image(tiff_of(values, sample_format, white_is_zero=True))
    assert_pixels(image, 1 - unit(GREY))
    assert "white as zero" in image.notes[-1]
    assert_pixels(read_image(tiff_of(GREY, 1, white_is_zero=True)), unit(255 - GREY))


def test_32_bit_integers():
    fits = GREY.astype(np.int32) * 4
    assert_pixels(read_image(tiff_of(fits, 2)), unit(fits, 1023))
    signed = GREY.astype(np.int16) * 10 - 1024
    image = read_image(tiff_of(signed, 2))
    np.testing.assert_allclose(image.pixels, unit(GREY), atol=1e-7)
    assert image.notes == ("values from -1024 to 1526 stretched from black to white",)
    unsigned = GREY.astype(np.uint32) * 16843009
    np.testing.assert_allclose(read_image(tiff_of(unsigned, 1)).pixels, unit(GREY), atol=1e-7)


def test_floats_in_a_tiff():
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    image = read_image(encoded(ramp, "TIFF"))
    assert_pixels(image, ramp)
    assert image.notes == ("numbers from 0 to 1 taken as black to white",)
    assert_pixels(read_image(encoded(GREY.astype(np.float32), "TIFF")), unit(GREY))
    image = read_image(encoded(ramp * 3 - 1.5, "TIFF"))
    np.testing.assert_allclose(image.pixels, ramp, atol=1e-6)
    assert image.notes == ("values from -1.5 to 1.5 stretched from black to white",)
    huge = np.where(ramp < 0.5, -3e38, 3e38).astype(np.float32)
    assert_pixels(read_image(encoded(huge, "TIFF")), (ramp >= 0.5).astype(np.float32))
    assert_pixels(read_image(encoded(np.full_like(ramp, 2.5), "TIFF")), np.zeros_like(ramp))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    values = np.full((20, 20), 0.5, np.float32)
    values[3, 4] = bad
    assert "infinite or no numbers" in refusal(encoded(values, "TIFF"))
    assert "between 0 and 1" in refusal(values)


def test_signed_8_bit_tiff_is_refused():
    assert "signed 8-bit" in refusal(tiff_of(GREY.view(np.int8), 2))


def test_16_bit_colours_are_cut_and_refused_where_that_turns_them_black():
    def deep_png(values):
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        return png(30, 40, rows, depth=16, colour=2)

    deep = np.dstack([GREY.astype(np.uint16) * 256 + 77] * 3)
    image = read_image(deep_png(deep))
    assert_pixels(image, unit(GREY))
    assert image.notes == ("16-bit channels cut to 8 bits",)
    assert "export it as grey" in refusal(deep_png(deep // 16))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_exif_orientation(kind, orientation):
    # Rows and columns of the stored picture, per the EXIF standard's table of orientations.
    stored = {
        1: SMOOTH, 2: SMOOTH[:, ::-1], 3: SMOOTH[::-1, ::-1], 4: SMOOTH[::-1],
        5: SMOOTH.T, 6: SMOOTH.T[::-1], 7: SMOOTH.T[::-1, ::-1], 8: SMOOTH.T[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": exif} if kind == "TIFF" else {"exif": exif, "quality": 100}
    data = encoded(np.ascontiguousarray(stored), kind, **options)
    for source in (data, Image.open(io.BytesIO(data))):
        image = read_image(source)
        np.testing.assert_allclose(image.pixels, unit(SMOOTH), atol=2 / 255)
        assert image.notes == ((UPRIGHT,) if orientation > 1 else ())


def test_orientation_of_16_bits_and_after_the_pixels_and_damaged():
    exif = Image.Exif()
    exif[0x0112] = 6
    values = SMOOTH.astype(np.uint16) * 257
    turned = read_image(encoded(values, exif=exif))
    assert_pixels(turned, np.rot90(unit(SMOOTH), -1))
    late = read_image(grey_png(after=chunk(b"eXIf", exif.tobytes()[6:])))
    assert_pixels(late, np.rot90(unit(GREY), -1))
    damaged = read_image(grey_png(before=chunk(b"eXIf", b"nonsense")))
    assert_pixels(damaged, unit(GREY))
    assert damaged.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_first_of_several_frames(kind):
    others = [Image.fromarray(255 - GREY), Image.fromarray(GREY[::-1].copy())]
    image = read_image(encoded(GREY, kind, save_all=True, append_images=others))
    assert_pixels(image, unit(GREY))
    assert image.notes == ("first of 3 frames",)


@pytest.mark.filterwarnings("ignore")
def test_counting_frames_stops_and_survives_a_damaged_page(monkeypatch):
    pages = [Image.fromarray(GREY)] * 5
    data = encoded(GREY, "TIFF", save_all=True, append_images=pages)
    monkeypatch.setattr(picture_files, "MAX_FRAMES", 4)
    assert read_image(data).notes == ("first of at least 4 frames",)
    assert_pixels(read_image(data[: len(data) // 2]), unit(GREY))


ONE_BIT_ROWS = bytes(2501 * 20_000)


@pytest.mark.parametrize(
    "data",
    [
        png(20_000, 20_000, b"", depth=1),
        png(20_000, 20_000, ONE_BIT_ROWS, depth=1),
        png(2**31 - 1, 2**31 - 1, b""),
        encoded(SMOOTH, "JPEG").replace(b"\0\x11\x08\0\x40\0\x30", b"\0\x11\x08\xff\xff\xff\xff")
        .replace(b"\0\x0b\x08\0\x40\0\x30", b"\0\x0b\x08\xff\xff\xff\xff"),
        tiff({256: 10_000, 257: 4001, 258: 8, 259: 1, 262: 1, 277: 1, 278: 4001}, b"\0"),
    ],
    ids=["claimed", "genuine", "overflowing", "jpeg", "tiff"],
)  # fmt: skip
def test_too_many_pixels_are_refused_before_decoding(data, monkeypatch):
    def fail(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr(Image.core, "new", fail)
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "at most 40 million pixels" in refusal(data)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_limits_themselves_are_allowed(monkeypatch):
    monkeypatch.setattr(grey, "MAX_PIXELS", GREY.size)
    assert_pixels(read_image(encoded(GREY)), unit(GREY))
    monkeypatch.setattr(grey, "MAX_PIXELS", GREY.size - 1)
    for source in (encoded(GREY), GREY, Image.fromarray(GREY), unit(GREY)):
        assert "30 x 40 pixels" in refusal(source)


def test_28_pixels_are_enough_and_1_is_not():
    assert read_image(encoded(GREY[:28, :28].copy())).pixels.shape == (28, 28)
    for source in (encoded(GREY[:1, :1].copy()), GREY[:1, :1], Image.new("L", (1, 1))):
        assert "1 x 1 pixels is too small to be an X-ray" in refusal(source)
    assert "too small" in refusal(GREY[:15])
    assert "too small" in refusal(np.zeros((0, 0)))


def test_too_many_bytes(tmp_path, monkeypatch):
    data = encoded(GREY)
    path = tmp_path / "x.png"
    path.write_bytes(data)
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    assert_pixels(read_image(path), unit(GREY))
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    monkeypatch.setattr(Path, "open", None)
    for source in (data, path):
        assert "bigger than" in refusal(source)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_truncated(kind, share):
    data = encoded(GREY, kind, compression="tiff_lzw")
    assert kind in refusal(data[: int(len(data) * share)])


def test_png_without_its_end_or_with_too_few_pixels():
    assert "cut short" in refusal(grey_png()[:-12])
    assert "cannot be read" in refusal(png(30, 40, bytes(31 * 39 + 5)))


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"IEND"])
def test_png_with_a_wrong_checksum(name):
    data = bytearray(grey_png())
    start = data.index(name)
    data[start + 4 + int.from_bytes(data[start - 4 : start], "big")] ^= 1
    assert "damaged" in refusal(bytes(data))


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.png", encoded(GREY))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"this is no picture at all", "of no kind we read"),
        (b"\x89PNG", "of no kind we read"),
        (b"\xff\xd8\xff", "JPEG cannot be read"),
        (b"II*\0", "TIFF cannot be read"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"<html>", "web page"),
        (b"%PDF-1.7\n", "PDF"),
        (zipped(), "ZIP"),
        (encoded(GREY, "GIF"), "GIF"),
        (encoded(GREY, "WEBP"), "WebP"),
        (encoded(GREY, "BMP"), "BMP"),
        (encoded(GREY, "AVIF"), "AVIF"),
        (encoded(GREY, "JPEG2000"), "JPEG 2000"),
        (bytes(128) + b"DICM" + bytes(50), "This DICOM"),
        (encoded(GREY, "TIFF")[:128] + b"DICM", "This DICOM"),
    ],
)  # fmt: skip
def test_other_kinds_are_named(data, words, tmp_path):
    message = refusal(data)
    assert words in message
    if "cannot be read" not in message and "DICOM is" not in message and data:
        assert message.endswith("export the image as DICOM, PNG, JPEG or TIFF.")
    path = tmp_path / "xray.png"
    path.write_bytes(data)
    assert refusal(path) == message


def compressed_bomb(name: bytes) -> bytes:
    packed = zlib.compress(bytes(100 * 2**20), 1)
    heads = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}
    return chunk(name, heads[name] + packed)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_bombs_in_png_text_and_profile(name, place, monkeypatch):
    monkeypatch.setattr(np, "asarray", None)  # refused before there is any picture
    assert "without metadata" in refusal(grey_png(**{place: compressed_bomb(name)}))


def test_jpeg_of_a_thousand_passes():
    data = encoded(SMOOTH, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert read_image(data[:-2] + last * 50 + b"\xff\xd9").pixels.shape == SMOOTH.shape
    assert "passes" in refusal(data[:-2] + last * 1000 + b"\xff\xd9")


def test_passes_of_a_thumbnail_or_of_what_follows_do_not_count(monkeypatch):
    monkeypatch.setattr(picture_files, "MAX_SCANS", 1)
    thumbnail = b"\xff\xe3" + struct.pack(">H", 402) + b"\xff\xda" * 200
    data = encoded(SMOOTH, "JPEG")
    data = data[:2] + thumbnail + data[2:] + b"\xff\xda\0\2" * 200
    np.testing.assert_allclose(read_image(data).pixels, unit(SMOOTH), atol=12 / 255)


def test_tiff_of_huge_tiles():
    tags = {256: 32, 257: 32, 258: 8, 259: 8, 262: 1, 277: 1, 322: 30_000, 323: 30_000}
    tags |= {324: 8 + 2 + 12 * 12 + 4, 325: 100}
    assert "tiles far too big" in refusal(tiff(tags, zlib.compress(bytes(100_000))))


def test_a_path_that_is_no_file(tmp_path):
    missing = tmp_path / "missing.png"
    assert refusal(missing) == f"There is no file {str(missing)!r}: check the path."
    assert "is a folder" in refusal(tmp_path)
    assert "is a folder" in refusal("")
    for name in ("nul\0", "x" * 5000):
        assert "cannot be opened" in refusal(name)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not an ordinary file" in refusal(pipe)


@pytest.mark.parametrize("source", [None, 3, [1, 2], io.BytesIO(b"x")])
def test_other_objects(source):
    assert f"not as {type(source).__name__}" in refusal(source)


def test_arrays():
    for source in (GREY, GREY[:, :, None], np.asfortranarray(GREY), Image.fromarray(GREY)):
        image = read_image(source)
        assert_pixels(image, unit(GREY))
        assert (image.kind, image.notes) == ("array", ())
    assert_pixels(read_image(COLOURS), unit(Image.fromarray(COLOURS).convert("L")))
    rgba = np.dstack([COLOURS, OPACITY])
    assert_pixels(read_image(rgba), unit(Image.fromarray(COLOURS).convert("L")) * unit(OPACITY))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_arrays_are_copied(dtype):
    values = (GREY / 255).astype(dtype)
    image = read_image(values)
    assert_pixels(image, values.astype(np.float32))
    assert not np.shares_memory(image.pixels, values)


def test_colour_arrays_of_floats_and_16_bits_agree_with_8_bits():
    luma = (COLOURS / 255) @ [0.299, 0.587, 0.114]
    for source in (COLOURS / 255, COLOURS.astype(np.uint16) * 257):
        image = read_image(source)
        np.testing.assert_allclose(image.pixels, luma, atol=1e-6)
        assert image.notes[-1] == TO_GREY
    rgba = np.dstack([COLOURS, OPACITY])
    for source in (rgba / 255, rgba.astype(np.uint16) * 257):
        image = read_image(source)
        np.testing.assert_allclose(image.pixels, luma * (OPACITY / 255), atol=1e-6)
        assert image.notes[-2:] == (ON_BLACK, TO_GREY)
    assert read_image(np.ones((20, 20, 3))).pixels.max() == 1


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((20, 20, 2), np.uint8), "shape (20, 20, 2)"),
        (np.zeros(400, np.uint8), "shape (400,)"),
        (np.zeros((20, 20), np.int64), "array of int64"),
        (np.zeros((20, 20), bool), "array of bool"),
        (np.zeros((20, 20), object), "array of object"),
        (np.full((20, 20), 1.5), "between 0 and 1"),
        (np.full((20, 20), -0.1), "between 0 and 1"),
    ],
)
def test_other_arrays(array, words):
    assert words in refusal(array)


def test_pil_image_that_fails_while_loading():
    data = encoded(GREY, "JPEG")
    assert "cannot be read" in refusal(Image.open(io.BytesIO(data[: len(data) // 2])))


def test_tags_reach_no_log_and_nothing_is_printed(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    read_image(encoded(GREY, "TIFF", tiffinfo={315: "Doe^Jane"}))
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", "Doe^Jane")
    read_image(encoded(GREY, pnginfo=info))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_threads_do_not_disturb_each_other():
    sources = [encoded(GREY), encoded(GREY, "TIFF"), png(20_000, 20_000, b""), b"no picture"]
    outcomes: list[list[str]] = [[] for _ in range(8)]

    def work(log):
        for source in sources * 10:
            try:
                log.append(str(read_image(source).pixels.sum()))
            except ImageError as error:
                log.append(str(error))

    threads = [threading.Thread(target=work, args=(log,)) for log in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(log == outcomes[0] and len(log) == 40 for log in outcomes)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "data",
    [
        encoded(SMOOTH),
        encoded(SMOOTH.astype(np.uint16) * 257),
        encoded(SMOOTH, "JPEG"),
        encoded(COLOURS, "JPEG", progressive=True),
        encoded(SMOOTH, "TIFF"),
        encoded(COLOURS, "TIFF", compression="tiff_lzw"),
    ],
    ids=["png", "deep png", "jpeg", "progressive", "tiff", "lzw tiff"],
)
def test_damaged_files_give_an_image_or_a_sentence(data):
    dice, refused = random.Random(7), 0
    for _ in range(60):
        mutant = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            # Half of the flips near the start, where the headers are.
            end = min(200, len(mutant)) if dice.random() < 0.5 else len(mutant)
            mutant[dice.randrange(end)] ^= 1 << dice.randrange(8)
        try:
            image = read_image(bytes(mutant))
        except ImageError:
            refused += 1
            continue
        assert image.pixels.dtype == np.float32
        assert image.pixels.ndim == 2
        assert np.all((image.pixels >= 0) & (image.pixels <= 1))  # false for NaN
    assert refused > 0
