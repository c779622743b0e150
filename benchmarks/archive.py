"""An archive scored by `python -m pneumo_core predict --input`: how near to the bare forward pass?

    OMP_NUM_THREADS=1 python -m benchmarks.archive
    OMP_NUM_THREADS=1 python -m benchmarks.archive --films 4000 --large 200

run in the project's folder. The bar: 20 000 files at no less than 0.8 times the films a second of
the bare forward pass at the same batch, and at the end no more than 1.1 times the memory of when
1000 were done.

Two archives of copies (hard links) of real films: PneumoniaMNIST's as PNGs of 28 x 28 pixels, and
full-size JPEGs, `uploads/` beside the data where there is such a folder, else `chest_xray`'s. The
command works on each in a process of its own, with one thread for the network as the forward pass
has, and is halted after each part (SIGSTOP) while the forward pass takes its turn: the same run's
network over half as many squares that are ready, in batches of the same size. What is timed of the
command is everything between two parts: files opened and decoded, scores, rows, the part on disk;
the first part, with the start of the process, is left out. Files are opened on a thread of their
own, which takes part of a second core: the processor's time for a film, all threads together, is
given for both. A sample of the rows is held against `PneumoniaDetector.predict`. The files are in
the system's cache, as just written. Linux only.
"""

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import Ratio, record
from pneumo_core.datasets import data_folders, find_dataset, load_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.evaluation import predict_logits
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.images import read_image
from pneumo_core.predict_cli import BATCH, PART
from pneumo_core.runs import default_run

SMALL, LARGE = "28 x 28 PNG", "full-size JPEG"
SAMPLE = 40
"""Rows that are held against the detector."""


@dataclass(frozen=True)
class Turns:
    """One archive: seconds of each part after the first, by turns, and memory after each part.

    Attributes:
        films: Of a part.
        ours: Seconds of the command for a part.
        busy: Seconds of the processor meanwhile, all its threads together.
        bare: Seconds of the forward pass for a part: twice those for half of one.
        bare_busy: Seconds of the processor for the same.
        resident: Bytes that the command holds after each part, the first included.
    """

    films: int
    ours: list[float]
    busy: list[float]
    bare: list[float]
    bare_busy: list[float]
    resident: list[int]


def main() -> None:
    """Measure, print and keep the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--films", type=int, default=20_000, help="small ones (default 20 000)")
    parser.add_argument("--large", type=int, default=800, help="large ones (default 800)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        for kind, films, part in ((SMALL, options.films, PART), (LARGE, options.large, 2 * BATCH)):
            folder = Path(name) / kind.replace(" ", "-")
            originals = _small(folder) if kind == SMALL else _large()
            archive = _copies(originals, films, folder / "films")
            turns = by_turns(archive, films, part, folder / "out")
            _check(archive, folder / "out")
            ratios += _ratios(kind, films, turns)
    record("archive", ratios, ["One thread for the network on either side; files in the cache."])


def by_turns(archive: Path, films: int, part: int, out: Path) -> Turns:
    """Let the command score an archive, halted after each part for the forward pass."""
    run = default_run()
    model, squares = run.load_model(), _squares(archive, part // 2)
    order = [sys.executable, "-m", "pneumo_core", "predict", "--workers", "1"]
    order += ["--input", str(archive), "--out", str(out), "--part-size", str(part)]
    turns = Turns(part, [], [], [], [], [])
    log = out.parent / "log.txt"
    with log.open("wb") as said, subprocess.Popen(order, cwd=PROJECT_FOLDER, stderr=said) as child:
        try:
            for number in range(films // part):
                start, before = time.perf_counter(), _busy(child.pid)
                while not (out / "scores" / f"part-{number:05d}.csv").exists():
                    if child.poll() is not None:
                        raise SystemExit(log.read_text(encoding="utf-8"))
                    time.sleep(0.002)
                seconds = time.perf_counter() - start
                os.kill(child.pid, signal.SIGSTOP)
                turns.resident.append(_resident(child.pid))
                if number:
                    turns.ours.append(seconds)
                    turns.busy.append(_busy(child.pid) - before)
                    start, before = time.perf_counter(), time.process_time()
                    predict_logits(
                        model,
                        run.preprocess,
                        squares,
                        flip_average=run.flip_average,
                        batch_size=BATCH,
                    )
                    turns.bare.append(2 * (time.perf_counter() - start))
                    turns.bare_busy.append(2 * (time.process_time() - before))
                os.kill(child.pid, signal.SIGCONT)
            if child.wait():
                raise SystemExit(log.read_text(encoding="utf-8"))
        except BaseException:
            child.kill()
            raise
    return turns


def _ratios(kind: str, films: int, turns: Turns) -> Iterator[Ratio]:
    ours, bare = turns.films / median(turns.ours), turns.films / median(turns.bare)
    own, other = (1000 * median(seconds) / turns.films for seconds in (turns.busy, turns.bare_busy))
    yield Ratio(
        what=f"archive of {films} files, {kind}",
        against="bare forward pass, films a second",
        ratio=median(b / o for o, b in zip(turns.ours, turns.bare, strict=True)),
        bar=">= 0.8" if kind == SMALL else "",
        detail=f"{ours:.0f} and {bare:.0f} films a second in batches of {BATCH}; "
        f"of the processor {own:.2f} and {other:.2f} ms a film; {len(turns.ours)} turns",
    )
    early = turns.resident[min(len(turns.resident) - 1, -(-1000 // turns.films) - 1)]
    yield Ratio(
        what=f"resident memory at the end, {kind}",
        against="when 1000 files were done" if films > 1000 else "after the first part",
        ratio=turns.resident[-1] / (early if films > 1000 else turns.resident[0]),
        bar="<= 1.1",
        detail=f"{turns.resident[-1] / 2**20:.0f} MiB at the end, "
        f"at most {max(turns.resident) / 2**20:.0f} MiB after a part",
    )


def _small(folder: Path) -> list[Path]:
    """PneumoniaMNIST's films as PNGs."""
    place = folder / "originals"
    place.mkdir(parents=True)
    paths = []
    for split in load_dataset("pneumoniamnist").splits.values():
        for position in range(len(split)):
            path = place / f"{len(paths)}.png"
            Image.fromarray(np.rint(split.read(position) * 255).astype(np.uint8)).save(path)
            paths.append(path)
    return paths


def _large() -> list[Path]:
    for folder in data_folders():
        if found := sorted((folder / "uploads").rglob("*.jp*g")):
            return found
    return sorted(find_dataset("chest_xray").glob("test/*/*.jp*g"))


def _copies(originals: list[Path], films: int, folder: Path) -> Path:
    """A folder of so many files, a thousand in each folder of it."""
    for number, path in enumerate(islice(cycle(originals), films)):
        place = folder / f"{number // 1000:03d}" / f"{number:06d}{path.suffix}"
        if number % 1000 == 0:
            place.parent.mkdir(parents=True)
        try:
            place.hardlink_to(path)
        except OSError:  # another disk
            place.write_bytes(path.read_bytes())
    return folder


def _squares(archive: Path, count: int) -> np.ndarray:
    preprocess = default_run().preprocess
    paths = islice(sorted(archive.rglob("*.*")), count)
    return np.stack([preprocess.square(read_image(path).pixels) for path in paths])


def _check(archive: Path, out: Path) -> None:
    """Every film has one row, and rows say what the detector says."""
    rows = []
    for part in sorted((out / "scores").iterdir()):
        with part.open(encoding="utf-8", newline="") as file:
            rows += [(row["file"], row["probability"]) for row in csv.DictReader(file)]
    files = sorted(path.relative_to(archive).as_posix() for path in archive.rglob("*.*"))
    if [file for file, _ in rows] != files:
        raise SystemExit("The rows are not those of the files.")
    detector = PneumoniaDetector()
    for file, chance in rows[:: max(1, len(rows) // SAMPLE)]:
        if abs(detector.predict(archive / file).probability - float(chance)) > 1e-6:
            raise SystemExit(f"{file}: the detector says something else.")


def _resident(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _busy(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
