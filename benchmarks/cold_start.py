"""A fresh process until its first verdict, against the least that torch itself takes.

    OMP_NUM_THREADS=1 python -m benchmarks.cold_start

run in the project's folder. Ours imports `pneumo_core`, loads a run and judges one film from the
bytes of a PNG. The opponent imports torch, builds the same network the way its makers do (the small
CNN by `create_model`, ResNet-18 by torchvision with the run's stem and head), gives it the same
weights with safetensors' `load_file` and runs it on one image that is ready, and on its mirror
image, as the runs' verdicts do. Each is a process of its own, timed from its start to its end, by
turns, and both must end with the same log-odds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import Ratio, alternated, medians, record
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import WEIGHTS_FILE, default_run, read_run

OURS = """
from pathlib import Path
from pneumo_core import PneumoniaDetector
print(repr(PneumoniaDetector(RUN).predict(Path(FILM).read_bytes()).logit))
"""

CNN = """
import torch
from safetensors.torch import load_file
from pneumo_core.architectures import ModelSpec, create_model
network = create_model(ModelSpec(**SPEC))
"""

RESNET18 = """
import torch
import pneumo_core.vision  # or torchvision does not load beside the CPU build of torch
from safetensors.torch import load_file
from torch import nn
from torchvision.models import resnet18
network = resnet18()
network.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
network.maxpool = nn.Identity()
network.fc = nn.Sequential(nn.Dropout(), nn.Linear(512, 1))
"""

FORWARD = """
network.load_state_dict(load_file(WEIGHTS))
network.eval()
image = torch.load(IMAGE, weights_only=True)
with torch.inference_mode():
    logit = network(image)[0, 0]
    if FLIP:
        logit = (logit + network(image.flip(-1))[0, 0]) / 2
print(repr(float(logit)))
"""


def main() -> None:
    """Measure by turns, print and keep."""
    ratios = []
    for name, build in ((default_run().name, CNN), ("resnet18", RESNET18)):
        with tempfile.TemporaryDirectory() as folder:
            ratios.append(against_torch(name, build, Path(folder)))
    record("cold_start", ratios, ["One thread. A ratio below 1.2 is what was aimed at."])


def against_torch(name: str, build: str, folder: Path) -> Ratio:
    """Our first verdict with a run against the bare network's first output."""
    run = read_run(name)
    film, image = folder / "film.png", folder / "image.pt"
    grey = np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8)
    Image.fromarray(grey).save(film)
    torch.save(run.preprocess(grey.astype(np.float32) / 255), image)
    given = {
        "RUN": None if run.name == default_run().name else run.name,
        "FILM": str(film),
        "SPEC": vars(run.model),
        "WEIGHTS": str(run.path / WEIGHTS_FILE),
        "IMAGE": str(image),
        "FLIP": run.flip_average,
    }
    head = "".join(f"{key} = {value!r}\n" for key, value in given.items())
    said = {}

    def process(who: str, code: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", head + code],
            capture_output=True,
            text=True,
            check=True,
            cwd=PROJECT_FOLDER,
        )
        said[who] = float(done.stdout)

    steps = {"ours": lambda: process("ours", OURS)}
    steps["bare"] = lambda: process("bare", build + FORWARD)
    took = medians(alternated(steps, rounds=9, warmup=1))
    if abs(said["ours"] - said["bare"]) > 1e-4:
        raise SystemExit(f"The sides differ: {said}.")
    return Ratio(
        f"a process until its first verdict, {run.name}",
        "import torch, the bare network, one forward pass of each view",
        took["ours"] / took["bare"],
        "<= 1.5",
        f"{took['ours']:.2f} s and {took['bare']:.2f} s",
    )


if __name__ == "__main__":
    main()
