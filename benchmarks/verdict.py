"""How long from an upload's bytes to its verdict and Grad-CAM, against the bare forward pass.

    OMP_NUM_THREADS=1 python -m benchmarks.verdict

run in the project's folder. The network is a ResNet-50 at 224 px with random weights (the shipped
run of it has figures only), on one thread, as the dashboard runs it. The opponent is the network
itself on one image that is ready, in `torch.inference_mode`, weights and image channels last, the
faster layout. Ours decodes the file, crops and scales it, judges it and draws the map of the class
it calls. The film comes once as a 28-pixel PNG and once as a JPEG of 1500 x 1200. Both sides must
agree on the log-odds to the last bit, and the map must be `explain`'s own. The run keeps nothing of
training images, so novelty is not among the work; a further line has all of it with the default
run, as the Predict page asks for it, flip averaging, three members and novelty included.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.batch import made_files
from benchmarks.measure import Ratio, alternated, medians, record
from pneumo_core.architectures import ModelSpec, create_model, pneumonia_logit
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.explain_audit import best_reading
from pneumo_core.files import sha256_of
from pneumo_core.images import read_image
from pneumo_core.preprocess import Preprocess
from pneumo_core.runs import WEIGHTS_FILE, default_run

BARE = "bare forward pass"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def main() -> None:
    """Measure by turns, print and keep."""
    torch.set_num_threads(1)
    small, large = (
        made_files(1, size, kind)[0][1]
        for size, kind in (((28, 28), "PNG"), ((1500, 1200), "JPEG"))
    )
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        detector = resnet50(Path(folder))
        inputs = detector.run.preprocess(read_image(large).pixels)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        network = detector.run.load_model()

        @torch.inference_mode()
        def bare() -> torch.Tensor:
            return network(inputs)

        check(detector, large, float(pneumonia_logit(bare())))
        seconds = alternated(
            {
                BARE: bare,
                "28-pixel PNG": lambda: detector.read(small),
                "1500 x 1200 JPEG": lambda: detector.read(large),
                "file read": lambda: read_image(large),
            },
            rounds=15,
        )
    took = medians(seconds)
    decoding = f", of which {1000 * took['file read']:.1f} ms are decoding"
    for name, more in (("28-pixel PNG", ""), ("1500 x 1200 JPEG", decoding)):
        ratios.append(
            Ratio(
                f"{name} to verdict and Grad-CAM, ResNet-50 at 224 px",
                BARE,
                took[name] / took[BARE],
                "<= 2.0",
                f"{1000 * took[name]:.1f} ms and {1000 * took[BARE]:.1f} ms{more}",
            )
        )
    ratios.append(default(large))
    record("verdict", ratios, ["One thread. A ratio below 1.4 is what was aimed at."])


def resnet50(folder: Path) -> PneumoniaDetector:
    """A detector of a run like the shipped ones, but of random weights."""
    torch.manual_seed(0)
    spec = ModelSpec("resnet50", outputs=2)
    save_file(create_model(spec).half().state_dict(), folder / WEIGHTS_FILE)
    return PneumoniaDetector(
        replace(
            default_run(),
            path=folder,
            model=spec,
            preprocess=Preprocess(224, channels=3, **IMAGENET),
            flip_average=False,
            weights_sha256=sha256_of(folder / WEIGHTS_FILE),
        )
    )


def check(detector: PneumoniaDetector, film: bytes, logit: float) -> None:
    """Stop where the two sides do not do the same work."""
    found = detector.read(film)
    expected = detector.explain(film, "gradcam", found.prediction.prediction)
    np.testing.assert_allclose(found.explanation.map, expected.map, atol=1e-5)
    if found.prediction.logit != logit:
        raise SystemExit(f"The sides differ: {found.prediction.logit} and {logit}.")


def default(film: bytes) -> Ratio:
    """All that the Predict page first asks of the default run, against its bare passes."""
    detector = PneumoniaDetector()
    run, (method, layer) = detector.run, best_reading(detector.run)
    network = run.load_model()
    inputs = run.preprocess(read_image(film).pixels).contiguous(memory_format=torch.channels_last)
    views = [inputs, inputs.flip(-1)] if run.flip_average else [inputs]

    @torch.inference_mode()
    def bare() -> None:
        for view in views:
            network(view)

    names = ("all at once", BARE)
    steps = (lambda: detector.read(film, None, method, layer), bare)
    took = medians(alternated(dict(zip(names, steps, strict=True)), rounds=15))
    return Ratio(
        f"1500 x 1200 JPEG to verdict, members, novelty and map, {run.name}",
        f"its forward passes over {len(views)} views",
        took[names[0]] / took[BARE],
        "",
        f"{1000 * took[names[0]]:.1f} ms and {1000 * took[BARE]:.1f} ms",
    )


if __name__ == "__main__":
    main()
