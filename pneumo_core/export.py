"""A run as one ONNX file, checked against torch before it is kept.

The graph takes grey squares and gives calibrated probabilities: everything from the square on is
inside (resizing to the input size, normalisation, the network, averaging with the mirror image,
temperature). What is left to do outside is what no graph can do well: read a file, crop, take it
down to the square with Pillow's filter. The file says how in its own metadata.

Resizing is written as two matrix products. The antialiased resize operator of ONNX is missing or
inexact in some runtimes; a product of matrices is the same everywhere.
"""

import json
import warnings
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core import CLASS_NAMES, NOTICE, __version__
from pneumo_core.calibration import probability
from pneumo_core.datasets import find_dataset, load_dataset
from pneumo_core.errors import DataError, RunError
from pneumo_core.evaluation import predict_logits, view_averaged_logits
from pneumo_core.files import written_whole
from pneumo_core.preprocess import Preprocess
from pneumo_core.runs import Run, default_run, read_run

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUTS = "squares", ("logit", "probability")

OPSET = 18
"""Version of ONNX's operators: torch's exporter's own, known to every runtime since 2023."""

TOLERANCE = 1e-4
"""By how much ONNX and torch may differ: in probability, and in logits relative to max(1, |logit|).

Rounding in float32 alone makes some 1e-6; no decision hangs on 1e-4.
"""

RANDOM_SQUARES = 256
_BATCH = 64


@dataclass(frozen=True)
class Parity:
    """How far an ONNX file departs from torch.

    Attributes:
        images: How many squares were compared.
        source: What they were, in words.
        logit: Largest difference of logits, each relative to max(1, |logit|).
        probability: Largest difference of calibrated probabilities.
        verdicts: Squares that get another verdict at one of the run's operating points.
        points: How many operating points that was asked for.
    """

    images: int
    source: str
    logit: float
    probability: float
    verdicts: int
    points: int

    @property
    def holds(self) -> bool:
        """Whether the file may stand for the run; a difference that is not a number may not."""
        return self.logit <= TOLERANCE and self.probability <= TOLERANCE and self.verdicts == 0

    @property
    def sentence(self) -> str:
        """All of it, for people."""
        return (
            f"Against torch over {self.source}: logits differ by up to {self.logit:.1e} (relative "
            f"to those above 1), probabilities by up to {self.probability:.1e}, the verdicts of "
            f"{self.verdicts} of {self.images} at {self.points} operating points."
        )


class ServingGraph(nn.Module):
    """What is exported: from grey squares to log-odds and calibrated probability."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        # Channels last makes the exporter write strided copies that no runtime is quick at.
        self.network = run.load_model().to(memory_format=torch.contiguous_format)
        self.preprocess = run.preprocess
        self.flip_average = run.flip_average
        self.temperature = run.temperature
        resized = run.preprocess.square_size != run.preprocess.input_size
        self.register_buffer("resize", resize_matrix(run.preprocess) if resized else None)

    def forward(self, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Map squares, float32 (N, 1, S, S) in [0, 1], to logits (N,) and probabilities (N,)."""
        grey = squares if self.resize is None else self.resize @ squares @ self.resize.T
        inputs = self.preprocess.normalised(grey)
        logits = view_averaged_logits(self.network, inputs, self.flip_average)
        return logits, torch.sigmoid(logits / self.temperature)


def resize_matrix(preprocess: Preprocess) -> Tensor:
    """The matrix M for which M @ square @ M.T is `Preprocess.resized`, up to rounding.

    Returns:
        float32 (input_size, square_size).
    """
    size = preprocess.square_size
    # Bilinear resizing is linear and treats rows and columns apart: column i of M is what becomes
    # of a line that is 1 at pixel i and 0 elsewhere.
    lines = torch.eye(size).reshape(1, 1, size, size)
    shape = (preprocess.input_size, size)
    return nn.functional.interpolate(
        lines, shape, mode="bilinear", align_corners=False, antialias=True
    )[0, 0]


def export(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `read_run` and `export_onnx`.
    """
    run = read_run(options.run) if options.run else default_run()
    target = Path(options.onnx).expanduser()
    parity = export_onnx(run, target, options.data)
    size = run.preprocess.square_size
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {run.name}, takes {size} × {size} px.")
    print(parity.sentence)
    return 0


def export_onnx(run: Run, target: Path, data: str | Path | None = None) -> Parity:
    """Write a run as one ONNX file and check it against torch.

    The check runs over the test set of the run's data where that is found, else over seeded random
    squares. The file appears only when it has passed; one of that name that was there before stays
    otherwise.

    Args:
        run: With weights.
        target: Where to; its folder must exist.
        data: The data set, or a folder that holds it; None to search for it.

    Returns:
        What the check found.

    Raises:
        RunError: If a package is missing, the run has no sound weights, the file cannot be
            written, or differs from torch by more than `TOLERANCE`.
        DataError: If `data` is named and holds no data set of that name, or it is damaged.
    """
    _need_packages()
    squares, source = check_squares(run, data)
    try:
        with written_whole(target) as temporary:
            _write(run, temporary)
            parity = compare(run, temporary, squares, source)
            if not parity.holds:
                raise RunError(
                    f"{target} was not kept, because it is not {run.name}'s equal. "
                    f"{parity.sentence}"
                )
    except OSError as error:
        raise RunError(f"{target} cannot be written ({error.strerror}).") from error
    return parity


def check_squares(run: Run, data: str | Path | None = None) -> tuple[np.ndarray, str]:
    """What to check an export on: uint8 (N, square_size, square_size), and what it is in words.

    Raises:
        DataError: As `export_onnx`.
    """
    try:
        find_dataset(run.data["name"], data)
    except DataError:
        if data is not None:
            raise
        size = run.preprocess.square_size
        shape = (RANDOM_SQUARES, size, size)
        squares = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return squares, f"{len(squares)} random squares, as {run.data['title']} is not here"
    # Test is the same however train and val are split.
    dataset = load_dataset(run.data["name"], data)
    squares = dataset.splits["test"].squares(run.preprocess)
    return squares, f"the {len(squares)} test images of {dataset.title}"


def compare(run: Run, path: Path, squares: np.ndarray, source: str) -> Parity:
    """Run an ONNX file and the run's own network over the same squares, on the CPU.

    Args:
        run: What the file should equal.
        path: The ONNX file.
        squares: uint8 (N, square_size, square_size).
        source: What they are, in words.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    grey = squares[:, None].astype(np.float32) / np.float32(255)
    batches = (grey[start : start + _BATCH] for start in range(0, len(grey), _BATCH))
    parts = [session.run(list(OUTPUTS), {INPUT: batch}) for batch in batches]
    logits, probabilities = (np.concatenate(part) for part in zip(*parts, strict=True))

    expected = predict_logits(
        run.load_model(), run.preprocess, squares, flip_average=run.flip_average
    )
    calibrated = probability(expected, run.temperature)
    thresholds = np.array([[point.threshold] for point in run.operating_points])
    other = ((probabilities >= thresholds) != (calibrated >= thresholds)).any(axis=0)
    return Parity(
        images=len(squares),
        source=source,
        logit=float(np.max(np.abs(logits - expected) / np.maximum(1, np.abs(expected)))),
        probability=float(np.max(np.abs(probabilities - calibrated))),
        verdicts=int(other.sum()),
        points=len(thresholds),
    )


def metadata(run: Run) -> dict[str, str]:
    """What the file says about itself: `metadata_props`, text by key, lists and records as JSON."""
    size = run.preprocess.square_size
    content = {
        "title": run.title,
        "run": run.name,
        "notice": NOTICE,
        "input": f"{INPUT}: float32 (batch, 1, {size}, {size}), grey in [0, 1], white is 1",
        "outputs": f"{OUTPUTS[0]}: float32 (batch,), log-odds of {CLASS_NAMES[1].lower()} before "
        f"the temperature; {OUTPUTS[1]}: float32 (batch,), calibrated, of {CLASS_NAMES[1].lower()}",
        "before_the_graph": square_words(run.preprocess),
        "in_the_graph": graph_words(run),
        "preprocess": run.preprocess.to_json(),
        "class_names": CLASS_NAMES,
        "flip_average": run.flip_average,
        "temperature": run.temperature,
        "operating_points": [point.to_json() for point in run.operating_points],
        "zones": run.zones.to_json(),
        "model": run.to_json()["model"],
        "data": {key: run.data[key] for key in ("name", "title", "fingerprint", "split_rule")},
        "weights_sha256": run.weights_sha256,
        "pneumolens": __version__,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in content.items()
    }


def square_words(preprocess: Preprocess) -> str:
    """How a film becomes a square (`Preprocess.square`), in sentences."""
    size = f"{preprocess.square_size} × {preprocess.square_size}"
    crop = {
        "centre": f"Cut out the centre square of the short side and take it to {size} pixels",
        "squash": f"Squeeze the whole film into {size} pixels",
        "pad": f"Add black bars to make the film a square and take it to {size} pixels",
    }[preprocess.crop]
    equalise = {
        "none": "",
        "histogram": " Equalise its histogram (OpenCV's equalizeHist).",
        "clahe": " Equalise it by CLAHE (OpenCV's: clip limit 2, up to 8 × 8 tiles of at least 16 "
        "pixels).",
    }[preprocess.equalise]
    sharpen = (
        f" Sharpen it: add {preprocess.sharpen:g} times what it differs by from its Gaussian blur "
        "(sigma 1 pixel, edges continued) and round again."
        if preprocess.sharpen
        else ""
    )
    return (
        "Read the film as one grey channel in which white is dense. "
        f"{crop} with Pillow's antialiased bilinear filter. Round to 8 bits.{sharpen}{equalise} "
        "Divide by 255."
    )


def graph_words(run: Run) -> str:
    """What happens from the square to the probability, in sentences."""
    preprocess = run.preprocess
    size, square = preprocess.input_size, preprocess.square_size
    resize = "" if size == square else f"Resize to {size} × {size} pixels (bilinear, antialiased). "
    mean, std = (", ".join(f"{x:g}" for x in each) for each in (preprocess.mean, preprocess.std))
    channels = " in each of three equal channels" if preprocess.channels == 3 else ""
    flip = "average its logit with that of the mirror image, " if run.flip_average else ""
    return (
        f"{resize}Subtract {mean} and divide by {std}{channels}. Run the network, {flip}"
        f"divide the logit by the temperature {run.temperature:.4g}, take the sigmoid."
    )


def _write(run: Run, path: Path) -> None:
    import onnx

    graph = ServingGraph(run).eval()
    size = run.preprocess.square_size
    with _quiet():
        program = torch.onnx.export(
            graph,
            # A batch of one would be taken for a fixed size.
            (torch.zeros(2, 1, size, size),),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    model = program.model_proto
    model.doc_string = f"{run.title}: pneumonia on chest X-rays. {NOTICE}"
    onnx.helper.set_model_props(model, metadata(run))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns about its own use of torch, which is no business of the user's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _need_packages() -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise RunError(
            f"Exporting needs {' and '.join(missing)}: run pip install {' '.join(missing)}."
        )
