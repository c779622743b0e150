"""How long the Threshold page takes from letting go of the thumb to its last change.

Drives the real page in Chromium: drags the thumb, and measures from pointerup to the last change of
the page's DOM. In the same browser an app with an empty fragment is measured alike, from the click
of its button: what Streamlit itself takes on this machine at this moment. The ratio of the two
says what the page adds, whatever the machine.

    python benchmarks/threshold_release.py                 the default run's scores
    python benchmarks/threshold_release.py --own 1000000   own scores, that many, uploaded first

Measured on two cores with nothing else running: an empty fragment 23 to 24 ms; the default run's
scores 47 ms (Two models) to 140 ms (Your clinic, which draws two charts anew); a million own scores
33 to 128 ms, 1.3 s from the file to the first drawing, 0.15 MB sent for it.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from tests.browser.dashboard import FLAGS, find_chromium  # noqa: E402

EMPTY_APP = """
import streamlit as st

@st.fragment
def empty():
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.button("Run")
    st.text(st.session_state["runs"])

empty()
"""
WATCH = """() => {
  window.released = window.changed = 0;
  const let_go = () => { window.released = window.changed = performance.now(); };
  addEventListener("pointerup", let_go, true);
  const main = document.querySelector("[data-testid=stMain]");
  new MutationObserver(() => { window.changed = performance.now(); })
    .observe(main, { subtree: true, childList: true, attributes: true, characterData: true });
}"""
QUIET = 700
"""Milliseconds without a change after which the page has settled."""


@contextlib.contextmanager
def served(script: Path, **environment: str) -> Iterator[str]:
    """Serve a Streamlit script on a free port; yields its address."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    server = subprocess.Popen(
        # As the project's own configuration has it, so that both are served alike.
        [*command, "--server.headless", "true", "--runner.postScriptGC", "false"],
        cwd=script.parent,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def settled(page: Page) -> float:
    """Milliseconds from the last pointerup to the last change, once the page is quiet."""
    page.wait_for_function(
        f"performance.now() - Math.max(window.changed, window.released) > {QUIET}", timeout=60_000
    )
    return page.evaluate("window.changed - window.released")


def empty_fragment(page: Page, address: str, repeats: int) -> list[float]:
    """Milliseconds that an empty fragment takes."""
    page.goto(address)
    button = page.get_by_role("button", name="Run")
    button.wait_for()
    page.evaluate(WATCH)
    times = []
    for _ in range(repeats + 2):
        button.click()
        times.append(settled(page))
    return times[2:]  # the first ones warm up


def releases(page: Page, repeats: int) -> list[float]:
    """Milliseconds from release to settled, of drags to places all over the axis."""
    slider = page.locator(".slider")
    times = []
    for place in np.random.default_rng(0).permutation(np.linspace(0.2, 0.8, repeats + 2)):
        slider.scroll_into_view_if_needed()
        box, value = slider.bounding_box(), float(slider.evaluate("slider => slider.value"))
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 10 + value * (box["width"] - 20), y)
        page.mouse.down()
        page.mouse.move(box["x"] + 10 + place * (box["width"] - 20), y, steps=4)
        page.mouse.up()
        times.append(settled(page))
    return times[2:]


def write_scores(path: Path, rows: int) -> None:
    """Write made-up scores of so many images."""
    import pandas as pd

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, rows)
    scores = 1 / (1 + np.exp(-rng.normal(2 * labels - 1, 1.4)))
    hospitals = rng.choice(["north", "south", "west"], rows)
    table = pd.DataFrame({"label": labels, "score": scores.round(7), "hospital": hospitals})
    table.to_csv(path, index=False)


def bring(page: Page, path: Path, received: list[int]) -> tuple[float, float]:
    """Upload own scores: seconds until the live control stands, and megabytes that came for it."""
    page.get_by_text("Your own scores").click()
    page.wait_for_selector("input[type=file]", state="attached")
    page.wait_for_timeout(1000)
    before = sum(received)
    start = time.perf_counter()
    page.set_input_files("input[type=file]", path)
    page.wait_for_selector(".histogram .cut", state="attached", timeout=120_000)
    return time.perf_counter() - start, (sum(received) - before) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--own", type=int, metavar="ROWS", help="measure on own scores")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    (folder / "empty.py").write_text(EMPTY_APP, encoding="utf-8")
    with (
        served(PROJECT / "app.py") as address,
        served(folder / "empty.py") as empty,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        base = statistics.median(empty_fragment(page, empty, options.repeats))
        print(f"{'empty fragment':<28} {base:6.0f} ms")

        received: list[int] = []
        page.on(
            "websocket", lambda ws: ws.on("framereceived", lambda data: received.append(len(data)))
        )
        page.goto(f"{address}/threshold")
        page.wait_for_selector(".histogram .cut", state="attached", timeout=60_000)
        if options.own:
            write_scores(folder / "own.csv", options.own)
            seconds, megabytes = bring(page, folder / "own.csv", received)
            print(f"{'file to first drawing':<28} {seconds:6.2f} s, {megabytes:.2f} MB")
        page.wait_for_timeout(2000)
        page.evaluate(WATCH)
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_timeout(2500)
            median = statistics.median(releases(page, options.repeats))
            print(f"{tab.inner_text():<28} {median:6.0f} ms {median / base:6.2f} x empty")
        browser.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
