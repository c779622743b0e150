"""How many visitors one process of the dashboard carries: memory for each, processor for a film.

    python -m benchmarks.many_users
    python -m benchmarks.many_users --users 40 --films 10

run in the project's folder; it needs the requirements of the tests and the folder data
set. A visitor here speaks the browser's side of streamlit's protocol without drawing anything: it
uploads a film of its own to Predict, a JPEG of 1500 x 1200 pixels, waits until the page is whole,
and uploads the next. So what is measured is the server: the memory it and its children hold for
each further visitor who has a film open, and the processor's seconds for each film, which cover the
verdict, the map, novelty, and whatever checks of the map come to their end before the next film.
Latencies are those with all visitors asking at once without a pause, the worst case. Users a core
follow from an assumption that is written beside them.
"""

import argparse
import io
import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import requests
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from benchmarks.measure import Ratio, record
from pneumo_core.datasets import load_dataset
from tests.browser.dashboard import serving
from tests.memory import family, resident

Files = list[tuple[str, bytes]]

SIZE = (1500, 1200)
"""Of the films that are uploaded, in pixels."""

PAUSE = 30.0
"""Seconds that a reader is taken to spend on a film."""

FOREVER = 600.0
"""Seconds after which a page is given up."""


@dataclass
class User:
    """One visitor with a session of its own."""

    address: str
    socket: ClientConnection
    web: requests.Session = field(default_factory=requests.Session)
    start: float = 0.0
    session: str = ""
    uploader: str = ""
    verdicts: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def come(self) -> None:
        """Open Predict, where nothing is uploaded yet."""
        # The server closes an idle connection, perhaps while the next upload is on its way.
        self.web.headers["Connection"] = "close"
        # The answer brings the cookie that an upload is believed by.
        self.web.get(f"{self.address}/_stcore/health", timeout=FOREVER)
        self._run(ClientState(page_name="predict"))

    def read(self, name: str, content: bytes) -> None:
        """Upload a film, in place of the one before, and wait until the page is whole.

        Raises:
            RuntimeError: If it comes without a verdict.
        """
        self.start = time.perf_counter()
        ask = BackMsg()
        ask.file_urls_request.request_id = name
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = self.session
        self.socket.send(ask.SerializeToString())
        answer = self._next()
        while answer.WhichOneof("type") != "file_urls_response":
            answer = self._next()
        (urls,) = answer.file_urls_response.file_urls
        token = {"X-Xsrftoken": self.web.cookies.get("_streamlit_xsrf", "")}
        place = f"{self.address}/{urls.upload_url.lstrip('/')}"
        sent = self.web.put(place, files={"file": (name, content)}, headers=token, timeout=FOREVER)
        sent.raise_for_status()
        given = UploadedFileInfo(file_id=urls.file_id, name=name, size=len(content), file_urls=urls)
        state = ClientState(page_name="predict")
        widget = state.widget_states.widgets.add(id=self.uploader)
        widget.file_uploader_state_value.uploaded_file_info.append(given)
        if "metric" not in self._run(state):
            raise RuntimeError("the page came without a verdict")
        self.seconds.append(time.perf_counter() - self.start)

    def _run(self, state: ClientState) -> set[str]:
        """Have the page drawn; returns the kinds of elements on it.

        Raises:
            RuntimeError: If it shows an exception.
        """
        self.socket.send(BackMsg(rerun_script=state).SerializeToString())
        kinds: set[str] = set()
        while True:
            answer = self._next()
            if answer.WhichOneof("type") == "new_session":
                self.session = answer.new_session.initialize.session_id
            element = answer.delta.new_element
            if element.WhichOneof("type") == "file_uploader":
                self.uploader = element.file_uploader.id
            if element.WhichOneof("type") == "metric" and "metric" not in kinds:
                self.verdicts.append(time.perf_counter() - self.start)
            kinds.add(element.WhichOneof("type") or "")
            if "exception" in kinds:
                raise RuntimeError("the page has failed")
            if answer.WhichOneof("type") == "script_finished":
                return kinds

    def _next(self) -> ForwardMsg:
        return ForwardMsg.FromString(self.socket.recv(FOREVER))


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--films", type=int, default=6, help="of each")
    options = parser.parse_args()

    films = large_films(3 + options.users * (1 + options.films))
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "server.log") as address:
        server = _listening(urlsplit(address).port or 0)
        first = User(address, _socket(address))
        first.come()
        for film in films[:3]:
            first.read(*film)
        alone = resident(server)
        users = [User(address, _socket(address)) for _ in range(options.users)]
        for user, film in zip(users, films[3:], strict=False):
            user.come()
            user.read(*film)
        together = resident(server)
        for user in users:
            user.verdicts.clear()
            user.seconds.clear()
        busy, start = processor(server), time.perf_counter()
        rush(users, films[3 + options.users :], options.films)
        spent, passed = processor(server) - busy, time.perf_counter() - start
        after = resident(server)
    count = options.users * options.films
    memory = (together - alone) / options.users / 2**20
    whole = sorted(second for user in users for second in user.seconds)
    verdicts = sorted(second for user in users for second in user.verdicts)
    ratio = Ratio(
        "processor of a film on Predict, whole page",
        "a core's second",
        spent / count,
        "",
        f"{count} films of {options.users} users in {passed:.0f} s, {spent:.0f} s of processor",
    )
    record(
        "many_users",
        [ratio],
        [
            f"Memory: {alone / 2**20:.0f} MiB with one visitor, {memory:.1f} MiB for each of "
            f"{options.users} more with a film open; {after / 2**20:.0f} MiB after "
            f"{options.films} more films each.",
            f"All {options.users} at once without a pause: the verdict after "
            f"{statistics.median(verdicts):.1f} s (median; {verdicts[-1]:.1f} at most), the page "
            f"with the checks of its map after {statistics.median(whole):.1f} s ({whole[-1]:.1f}).",
            f"A reader who spends {PAUSE:.0f} s on a film: {PAUSE * count / spent / 2:.0f} users "
            "a core, the core half busy.",
        ],
    )


def large_films(count: int) -> Files:
    """Test films as (name, JPEG), enlarged to the size that uploads have as a rule."""
    test = load_dataset("chest_xray").splits["test"]
    films = []
    for number in range(count):
        grey = Image.fromarray((test.read(number % len(test)) * 255).round().astype(np.uint8))
        buffer = io.BytesIO()
        grey.resize(SIZE, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        films.append((f"film-{number}.jpg", buffer.getvalue()))
    return films


def rush(users: list[User], films: Files, each: int) -> None:
    """All users at once, each with films of its own and without a pause.

    Raises:
        RuntimeError: If a page of one of them failed.
    """
    failed: list[Exception] = []

    def reads(user: User, own: Files) -> None:
        try:
            for film in own:
                user.read(*film)
        except Exception as error:
            failed.append(error)

    threads = [
        threading.Thread(target=reads, args=(user, films[number * each : (number + 1) * each]))
        for number, user in enumerate(users)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(users)} users failed") from failed[0]


def processor(pid: int) -> float:
    """Seconds of the processor that a process and its children have used."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _socket(address: str) -> ClientConnection:
    place = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    return connect(
        place, subprotocols=protocols, origin=Origin(address), max_size=None, legacy=True
    )


def _listening(port: int) -> int:
    """The child of this process that serves a port."""
    for pid in family()[1:]:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "--server.port" in words and str(port) in words:
            return pid
    raise RuntimeError("the server has ended")


if __name__ == "__main__":
    main()
