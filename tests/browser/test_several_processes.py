"""Two processes of the dashboard behind nginx: visitors stay with theirs, and outlive the other."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.serve import free_ports, nginx_config
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run
from tests.browser.conftest import DRAWN, Visitor
from tests.browser.dashboard import PATIENCE
from tests.browser.test_session import said

pytestmark = pytest.mark.browser

COOKIE = "pneumolens_process"


@dataclass(frozen=True)
class Service:
    """The address that visitors come to, and the number of each process behind it."""

    address: str
    processes: tuple[int, ...]


@pytest.fixture
def service(tiny_run: Run, tiny_data: Path, tmp_path: Path) -> Iterator[Service]:
    environment = {"PNEUMO_WEIGHTS": str(tiny_run.path.parent), "PNEUMO_DATA": str(tiny_data)}
    (port,) = free_ports(1)
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "deploy.serve", "--port", str(port)],
            cwd=PROJECT_FOLDER,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            # Where a shell started the tests in the background, Ctrl-C would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while f"http://localhost:{port}" not in log.read_text("utf-8"):
            if "nginx is not installed" in log.read_text("utf-8"):
                pytest.skip("needs nginx")
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.2)
        lines = [line.split() for line in log.read_text("utf-8").splitlines()]
        numbers = tuple(int(words[1]) for words in lines if words[:1] == ["process"])
        yield Service(f"http://localhost:{port}", numbers)
        assert "Traceback" not in log.read_text("utf-8")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def given(address: str, known: str = "") -> str | None:
    """The process that a visitor is told to stay with; None where nothing is told."""
    headers = {"Cookie": f"{COOKIE}={known}"} if known else {}
    answer = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20)
    cookie = SimpleCookie(answer.headers.get("Set-Cookie", ""))
    return cookie[COOKIE].value if COOKIE in cookie else None


def visitor_at(browser: Any, address: str, process: str) -> Visitor:
    visitor = Visitor(browser, address)
    visitor.context.add_cookies([{"name": COOKIE, "value": process, "url": address}])
    visitor.open("predict")
    return visitor


def test_visitors_stay_with_their_process_and_outlive_the_other(
    browser: Any, service: Service, tiny_run: Run, tiny_data: Path
) -> None:
    drawn = [given(service.address) for _ in range(40)]
    assert set(drawn) == {"p0", "p1"}, "newcomers are shared out"
    assert given(service.address, "p1") is None, "and keep what they were given"
    assert given(service.address, "p7") in {"p0", "p1"}, "an unknown process is given anew"

    scores = tiny_run.scores("test")
    film = (tiny_data / "chest_xray" / scores["id"][scores["logit"].idxmax()]).read_bytes()
    visitors = [visitor_at(browser, service.address, name) for name in ("p0", "p1")]
    for visitor in visitors:
        visitor.upload(film)
        expect(visitor.page.locator(DRAWN).first).to_be_visible(timeout=PATIENCE)

    os.kill(service.processes[0], signal.SIGKILL)
    lost, other = visitors
    expect(said(lost)).to_be_visible(timeout=PATIENCE)
    lost.upload(film)
    expect(lost.page.locator(DRAWN).first).to_be_visible(timeout=PATIENCE)
    assert said(other).count() == 0
    other.page.get_by_role("link", name="Overview").click()
    other.page.wait_for_url("**/?**")
    other.settle()
    assert said(other).count() == 0, "nothing of the other process's end is felt"
    other.leave()
    # Its console has what the broken connection left there.
    lost.context.close()


def test_every_process_is_another_s_stand_in():
    text = nginx_config(8500, [8601, 8602, 8603])
    assert "@" not in text.split("daemon off;")[1]
    assert (
        "upstream p1 { server 127.0.0.1:8602 fail_timeout=5s; server 127.0.0.1:8603 backup; "
        "server 127.0.0.1:8601 backup; }"
    ) in text
    assert "    33.33% p0;\n    33.33% p1;\n    * p2;" in text
    assert "listen 127.0.0.1:8500;" in text
