"""A dashboard on a free port, and a Chromium to walk through it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumo_core.files import PROJECT_FOLDER

PATIENCE = 90_000
"""Milliseconds that a page may take: machines that run tests are often busy with others."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """The browser that PNEUMO_CHROMIUM names, or the first of the usual names that is installed."""
    names = (os.environ.get("PNEUMO_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def serving(
    log: Path, script: str = "app.py", port: int | None = None, **environment: str
) -> Iterator[str]:
    """Serve the dashboard with further environment variables; yields its address.

    Its output goes to the file `log`. Another `script` is served in its place; a `port` is one
    that an earlier server had.
    """
    if port is None:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=PROJECT_FOLDER,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while not _answers(f"{address}/_stcore/health"):
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, "the dashboard did not start"
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # it lets a page that is being drawn come to its end
            server.kill()
            server.wait()


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def settle(page: Any, quiet: int = 400) -> None:
    """Wait until the server has run the page to its end and nothing has started for a while.

    Args:
        page: Playwright's page.
        quiet: Milliseconds without a run.
    """
    page.evaluate("window.lastBusy = performance.now()")
    page.wait_for_function(
        """quiet => {
          const app = document.querySelector("[data-testid=stApp]");
          const busy = app?.dataset.testScriptState !== "notRunning"
            || document.querySelector("[data-testid=stSpinner], [data-stale=true]");
          if (busy) window.lastBusy = performance.now();
          return performance.now() - window.lastBusy > quiet;
        }""",
        arg=quiet,
        timeout=PATIENCE,
    )
