"""How long after `make app` the first page stands, against Streamlit's own first page.

    python -m benchmarks.first_page

run in the project's folder, with Chromium. All is set up before: `make app` then comes down to
`streamlit run app.py`. From the start of that process until the page's heading is visible in a
fresh browser context, by turns with `streamlit hello` (the demonstration that comes with Streamlit)
and with an app of a single line, the least that Streamlit can do. The browser itself is running; it
asks for the page as soon as the server answers. A second figure is taken when the server has run
the whole page to its end, charts and tables included.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.measure import Ratio, medians, record
from pneumo_core.files import PROJECT_FOLDER
from tests.browser.dashboard import FLAGS, PATIENCE, find_chromium

OURS, HELLO, LEAST = "the dashboard's Overview", "streamlit hello", "an app of one line"
AT_REST = """() => {
  const app = document.querySelector("[data-testid=stApp]");
  return app?.dataset.testScriptState === "notRunning";
}"""


def main() -> None:
    """Measure by turns, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how many rounds")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        line = Path(folder) / "line.py"
        line.write_text('import streamlit as st; st.title("One line")\n', encoding="utf-8")
        commands = {OURS: ["run", "app.py"], HELLO: ["hello"], LEAST: ["run", str(line)]}
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        # By turns as `alternated` does; but stopping a server is time that nobody waits for.
        for turn in range(1 + options.rounds):
            for name, command in commands.items():
                one = first_page(browser, command)
                if turn:
                    taken[name].append(one)
        browser.close()
    ratios = []
    for place, what, bar in ((0, "heading drawn", "<= 1.5"), (1, "whole page run", "")):
        took = medians({name: [one[place] for one in each] for name, each in taken.items()})
        ratios += [
            Ratio(
                f"{OURS}, {what}",
                against,
                took[OURS] / took[against],
                bar if against == HELLO else "",
                f"{took[OURS]:.2f} s and {took[against]:.2f} s",
            )
            for against in (HELLO, LEAST)
        ]
    record("first_page", ratios)


def first_page(browser: Any, command: Sequence[str]) -> tuple[float, float]:
    """Start a server; seconds until its heading is visible, and until its page has been run."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true"]
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", *command, *options],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://localhost:{port}"
        wait_for(f"{address}/_stcore/health", server)
        context = browser.new_context()
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.locator("h1").first.wait_for(timeout=PATIENCE)
        heading = time.perf_counter() - start
        page.wait_for_function(AT_REST, timeout=PATIENCE)
        whole = time.perf_counter() - start
        context.close()
    finally:
        server.kill()
        server.wait()
    return heading, whole


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return as soon as a server answers."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2)
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    main()
