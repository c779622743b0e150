"""How long a clinician's round takes a browser and the server: DICOM in, report out.

    python -m benchmarks.clinician_round
    python -m benchmarks.clinician_round --rounds 5 --json round.json

run in the project's folder. Starts the dashboard with the default run, opens it in Chromium, and
then as `tests/browser/test_clinician.py` does: goes to Predict, uploads a film of 12 bits as large
as a digital radiograph, reads the verdict, zooms, fades the map and saves the PDF. The bar is 60 s.
The first round includes loading the model. Opening an empty page of the same server is measured in
every round, so that other machines can be held against it.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.explanations import made_film
from pneumo_core.images import read_image
from tests.browser.conftest import Visitor
from tests.browser.dashboard import FLAGS, find_chromium, serving
from tests.browser.test_clinician import walk
from tests.dicom_files import dicom


def main() -> None:
    """Measure, print, and write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    film = as_dicom(made_film())
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "server.log") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        rounds = [measured(browser, address, film) for _ in range(options.rounds)]
        browser.close()
    print("round   opening   the whole   ratio")
    for number, one in enumerate(rounds, 1):
        ratio = one["whole"] / one["opening"]
        print(f"{number:5d} {one['opening']:7.1f} s {one['whole']:9.1f} s {ratio:7.1f}")
    median = statistics.median(one["whole"] for one in rounds)
    print(f"median {median:.1f} s, slowest {max(one['whole'] for one in rounds):.1f} s; bar 60 s")
    if options.json:
        options.json.write_text(json.dumps(rounds, indent=2), "utf-8")


def as_dicom(picture: bytes) -> bytes:
    """A film in 12 bits, uncompressed, seen through its whole range."""
    grey = np.rint(read_image(picture).pixels * 4095).astype(np.uint16)
    window = {"WindowCenter": 2047.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"}
    return dicom(grey, bits=12, PatientAge="004Y", ViewPosition="AP", **window)


def measured(browser: Any, address: str, film: bytes) -> dict[str, float]:
    """Seconds until the first page is drawn, and until the report is there, in a new window."""
    visitor = Visitor(browser, address, viewport={"width": 1440, "height": 1000})
    start = time.perf_counter()
    visitor.open()
    opening = time.perf_counter() - start
    pdf = walk(visitor, film)
    whole = time.perf_counter() - start
    assert pdf.startswith(b"%PDF")
    visitor.leave()
    return {"opening": opening, "whole": whole}


if __name__ == "__main__":
    main()
