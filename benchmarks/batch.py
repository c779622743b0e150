"""What an image of a batch costs: verdict, map, novelty, thumbnail.

    OMP_NUM_THREADS=1 python -m benchmarks.batch
    OMP_NUM_THREADS=1 python -m benchmarks.batch --images 30 --rounds 3 --json batch.json

run in the project's folder. The bar, with the default run on two cores: 150 ms an image with its
map. Two batches are read as the Batch page reads them, each with its thumbnails: PNGs of the size
of PneumoniaMNIST's (28 x 28) and JPEGs as large as uploads are (1500 x 1200). Both are smooth
pictures made from a seed. The bare forward pass is that of the same run's networks over as many
squares, ready and in batches of the same size. All are timed in every round, so that other work on
the machine weighs on all alike; besides the median milliseconds an image, the table has the
processor's own, which are nearly those of a quiet machine, and their ratio to a forward pass of the
same round, which other machines can be held against. Nothing passes or fails here.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.explanations import timed
from benchmarks.measure import machine
from pneumo_core.archive import candidates
from pneumo_core.batch import TOGETHER, read_batch
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.evaluation import predict_logits
from pneumo_core.explain_audit import best_reading
from pneumo_core.images import read_image

FORWARD = "bare forward pass"
SMALL, LARGE = "28 x 28 PNG", "1500 x 1200 JPEG"
Files = list[tuple[str, bytes]]


def main() -> None:
    """Measure, print, and write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", help="name or folder; by default the default run")
    parser.add_argument("--images", type=int, default=100, help="in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures and the machine")
    options = parser.parse_args()

    torch.set_num_threads(1)  # as the dashboard does
    detector = PneumoniaDetector(options.run)
    batches = {
        SMALL: made_files(options.images, (28, 28), "PNG"),
        LARGE: made_files(options.images, (1500, 1200), "JPEG"),
    }
    steps = {FORWARD: forward(detector, batches[SMALL])}
    steps |= {f"batch of {name}": batch(detector, files) for name, files in batches.items()}
    for step in steps.values():  # what is imported and kept at first
        step()
    rounds = [{name: timed(step) for name, step in steps.items()} for _ in range(options.rounds)]
    results = {name: result(name, rounds, options.images) for name in steps}
    print(f"{detector.run.name}, {options.images} images\n")
    print(f"{'':30}{'ms an image':>14}{'processor':>12}{'x forward':>12}")
    for name, found in results.items():
        wall, busy, ratio = found.values()
        print(f"{name:30}{wall:14.1f}{busy:12.1f}{ratio:12.1f}")
    if options.json:
        report = {"run": detector.run.name, "images": options.images, "results": results}
        report |= {"rounds": rounds, "threads": torch.get_num_threads(), **machine()}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def made_files(count: int, size: tuple[int, int], kind: str) -> Files:
    """Pictures of two dark fields in a brighter frame, no two alike, as (name, content)."""
    rng = np.random.default_rng(8)
    width, height = size
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    files = []
    for number in range(count):
        wide, high, dark = rng.uniform(0.06, 0.2), rng.uniform(0.5, 1), rng.uniform(30, 90)
        chest = 150 - dark * np.exp(-((abs(columns) - 0.45) ** 2 / wide + rows**2 / high))
        grain = rng.normal(0, 4, chest.shape)
        file = io.BytesIO()
        Image.fromarray((chest + grain).clip(0, 255).astype(np.uint8)).save(file, kind)
        files.append((f"film {number}", file.getvalue()))
    return files


def forward(detector: PneumoniaDetector, files: Files) -> Callable[[], object]:
    """The run's networks over squares that are ready."""
    run = detector.run
    model = run.load_model()
    squares = np.stack([run.preprocess.square(read_image(data).pixels) for _, data in files])

    def step() -> None:
        for start in range(0, len(squares), TOGETHER):
            part = squares[start : start + TOGETHER]
            predict_logits(model, run.preprocess, part, flip_average=run.flip_average)

    return step


def batch(detector: PneumoniaDetector, files: Files) -> Callable[[], object]:
    """A batch as the Batch page reads it, with what its table shows."""
    run = detector.run
    method, layer = best_reading(run)

    def step() -> None:
        for row in read_batch(detector, candidates(files), run.operating_point, method, layer):
            if not row.thumbnail:
                raise SystemExit(f"{row.name}: {row.error}")

    return step


def result(
    name: str, rounds: list[dict[str, tuple[float, float]]], images: int
) -> dict[str, float]:
    """Medians of a step over the rounds."""
    wall, busy = np.median([one[name] for one in rounds], axis=0) * 1000 / images
    ratio = np.median([one[name][1] / one[FORWARD][1] for one in rounds])
    return {
        "milliseconds": float(wall),
        "processor_milliseconds": float(busy),
        "to_forward": float(ratio),
    }


if __name__ == "__main__":
    main()
