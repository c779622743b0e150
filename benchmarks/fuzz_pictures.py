"""Mutants of PNG, JPEG, TIFF and ZIP files through the readers: a picture or a sentence, in time.

    python -m benchmarks.fuzz_pictures --minutes 10 --finds finds/

run in the project's folder. Seeds are made in memory, mutants are random; a mutant is read in a
child process, a batch a child, so that a crash or a hang is one more find and not the end. A find
is written to `--finds` as it is, to become a test: what crashes the reader, brings out anything but
`ImageError`, takes more than 10 s of processor time or more than 1 GiB of memory, or gives a
picture with values outside [0, 1]. DICOM has had its own hour: docs/dicom.md.
"""

import argparse
import io
import json
import os
import random
import resource
import struct
import time
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from pneumo_core.archive import candidates
from pneumo_core.errors import ImageError
from pneumo_core.images import read_image

BATCH = 200
"""Mutants a child reads."""

SECONDS, BYTES = 10.0, 2**30
"""What one mutant may take at most."""

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def main() -> None:
    """Fuzz, print counts, write the finds; ends with 1 where there are any."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finds", type=Path, default=Path("finds"))
    options = parser.parse_args()
    seeds, counts, finds = made_seeds(), Counter(), []
    slowest, most, batch = 0.0, 0, 0
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        start = 0
        while start < BATCH:  # what comes after a find has a child of its own
            told = read_in_child(seeds, (options.seed, batch), start)
            counts.update(told["counts"])
            slowest, most = max(slowest, told["slowest"]), max(most, told["most"])
            start = told["next"]
            if told["find"]:
                data = mutant_of(seeds, (options.seed, batch), start - 1)[1]
                options.finds.mkdir(parents=True, exist_ok=True)
                name = f"{options.seed}-{batch}-{start - 1}"
                (options.finds / name).write_bytes(data)
                finds.append(f"{name}: {told['find']}")
        batch += 1
    print(f"{sum(counts.values())} files of {len(seeds)} seeds in {options.minutes:g} minutes")
    print(
        f"slowest {slowest:.2f} s of processor time, most memory over idle {most / 2**20:.0f} MiB"
    )
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:6} {outcome:8} {count}")
    print("\n".join(finds) or "no finds")
    raise SystemExit(bool(finds))


def read_in_child(seeds: dict[str, bytes], batch: tuple[int, int], start: int) -> dict:
    """Read mutants of a batch from one on in a fork, up to its end or to a find."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if not child:
        os.close(inlet)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 2)  # libtiff's own words
        with os.fdopen(outlet, "w", buffering=1) as report:
            read_all(seeds, batch, start, report)
        os._exit(0)
    os.close(outlet)
    with os.fdopen(inlet) as report:
        lines = [json.loads(line) for line in report]
    status = os.waitpid(child, 0)[1]
    told = {"counts": Counter(), "slowest": 0.0, "most": 0, "find": None, "next": start}
    for line in lines:
        told["counts"][line["kind"], line["outcome"]] += 1
        told["slowest"] = max(told["slowest"], line["seconds"])
        told["most"] = max(told["most"], line["bytes"])
        told["next"] += 1
        if line["find"]:
            told["find"] = line["find"]
            return told
    if told["next"] < BATCH:
        told["next"] += 1
        told["find"] = f"the reader died with status {status}"
    return told


def read_all(seeds: dict[str, bytes], batch: tuple[int, int], start: int, report: TextIO) -> None:
    """Read mutants one after the other, with a line of JSON each."""
    warnings.simplefilter("ignore")
    # The processor's clock: this may run beside others. It ends the child.
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30,) * 2)
    idle = peak()
    for place in range(start, BATCH):
        kind, data = mutant_of(seeds, batch, place)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + 3 * SECONDS), -1))
        began = time.process_time()
        outcome, find = outcome_of(data)
        seconds, more = time.process_time() - began, peak() - idle
        if seconds > SECONDS:
            find = find or f"took {seconds:.1f} s"
        if more > BYTES:
            find = find or f"took {more / 2**20:.0f} MiB"
        line = {"kind": kind, "outcome": outcome, "seconds": seconds, "bytes": more, "find": find}
        report.write(json.dumps(line) + "\n")
        if find:
            return


def peak() -> int:
    """The most memory that this process has used, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def outcome_of(data: bytes) -> tuple[str, str | None]:
    """Whether a file was read or refused, and what is wrong with that."""
    outcome = "refused"
    try:
        for candidate in candidates([("film", data)]):
            if (candidate.data is None) == (candidate.error is None):
                return outcome, "a candidate with neither bytes nor a sentence, or with both"
            if candidate.data is None:
                continue
            try:
                pixels = read_image(candidate.data).pixels
            except ImageError as error:
                if not str(error).endswith("."):
                    return outcome, f"no sentence: {error}"
                continue
            outcome = "read"
            if pixels.dtype != np.float32 or not np.all((pixels >= 0) & (pixels <= 1)):
                return outcome, "pixels outside [0, 1]"
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {error}"
    return outcome, None


def mutant_of(seeds: dict[str, bytes], batch: tuple[int, int], place: int) -> tuple[str, bytes]:
    """The kind and the bytes of a mutant; the same for the same numbers."""
    dice = random.Random(f"{batch}-{place}")
    name = dice.choice(sorted(seeds))
    data = bytearray(seeds[name])
    for _ in range(dice.choice((1, 1, 2, 3, 6, 20))):
        change(data, seeds, dice)
    kind = name.split()[0]
    if kind == "PNG" and dice.random() < 0.7:
        data = with_right_sums(data)  # most flips are refused for their checksum otherwise
    return kind, bytes(data)


def change(data: bytearray, seeds: dict[str, bytes], dice: random.Random) -> None:
    """Change a file in one place, headers more often than the rest."""
    end = max(1, min(len(data), dice.choice((64, 300, len(data), len(data)))))
    at = dice.randrange(end)
    size = dice.choice((1, 2, 4, 8, 40))
    match dice.choice(
        ("flip", "flip", "byte", "number", "cut", "insert", "repeat", "splice", "end")
    ):
        case "flip":
            data[at : at + 1] = bytes([data[at] ^ 1 << dice.randrange(8)]) if data else b""
        case "byte":
            data[at : at + 1] = bytes([dice.randrange(256)])
        case "number":
            order, length = dice.choice("<>"), dice.choice("BHI")
            value = dice.choice(EDGES) & (256 ** struct.calcsize(length) - 1)
            packed = struct.pack(order + length, value)
            data[at : at + len(packed)] = packed
        case "cut":
            del data[at : at + size]
        case "insert":
            data[at:at] = dice.randbytes(size)
        case "repeat":
            data[at:at] = data[at : at + dice.choice((8, 64, 512))] * dice.choice((2, 50))
        case "splice":
            other = seeds[dice.choice(sorted(seeds))]
            begin = dice.randrange(len(other))
            data[at : at + size] = other[begin : begin + dice.choice((8, 64, 512))]
        case "end":
            if dice.random() < 0.3:
                del data[at:]
    if not data:
        data[:] = b"\0"


def with_right_sums(data: bytearray) -> bytearray:
    """Put right the checksum of every chunk of a PNG that can be found."""
    start = 8
    while start + 12 <= len(data):
        length = struct.unpack_from(">I", data, start)[0]
        end = start + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(memoryview(data)[start + 4 : end]))
        start = end + 4
    return data


def made_seeds() -> dict[str, bytes]:
    """Small sound files of every kind and many ways to store it."""
    rng = np.random.default_rng(5)
    grey = rng.integers(0, 256, (40, 30), dtype=np.uint8)
    smooth = np.add.outer(np.arange(48), np.arange(40) * 2).astype(np.uint8)
    colours = rng.integers(0, 256, (32, 24, 3), dtype=np.uint8)
    deep = smooth.astype(np.uint16) * 257
    one = Image.fromarray(smooth)
    seeds = {}

    def put(name: str, picture: Image.Image, kind: str, **options: object) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        seeds[f"{kind} {name}"] = buffer.getvalue()

    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", "Doe^Jane", zip=True)
    put("grey", one, "PNG")
    put("text", one, "PNG", pnginfo=text)
    put("deep", Image.fromarray(deep), "PNG")
    put("colour", Image.fromarray(colours), "PNG")
    put("opacity", Image.fromarray(np.dstack([colours, colours[..., 0]])), "PNG")
    put("palette", Image.fromarray(colours).quantize(16), "PNG", transparency=3)
    put("bits", one.convert("1"), "PNG")
    put("moving", one, "PNG", save_all=True, append_images=[Image.fromarray(grey).resize(one.size)])
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Doe^Jane"
    put("grey", Image.fromarray(grey), "JPEG")
    put("smooth", one, "JPEG", quality=50)
    put("colour", Image.fromarray(colours), "JPEG", progressive=True)
    put("cmyk", Image.fromarray(colours).convert("CMYK"), "JPEG")
    put("exif", one, "JPEG", exif=exif)
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        put(packing, one, "TIFF", compression=packing)
        put(f"colour {packing}", Image.fromarray(colours), "TIFF", compression=packing)
    put("fax", one.convert("1"), "TIFF", compression="group4")
    put("deep", Image.fromarray(deep), "TIFF", compression="tiff_lzw")
    put("float", Image.fromarray(smooth / np.float32(255)), "TIFF")
    put("pages", one, "TIFF", save_all=True, append_images=[one] * 3)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x0112], tags[270] = 6, "Doe^Jane"
    put("tags", one, "TIFF", tiffinfo=tags)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as packed:
            for kind in ("PNG grey", "JPEG exif", "TIFF tiff_lzw"):
                packed.writestr(f"study/{kind}", seeds[kind])
            packed.writestr("__MACOSX/._x", b"x")
        seeds[f"ZIP {name}"] = buffer.getvalue()
    return seeds


if __name__ == "__main__":
    main()
