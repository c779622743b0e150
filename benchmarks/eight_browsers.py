"""Eight browsers at once, twenty films each: does anything cross over, is the memory given back?

    python -m benchmarks.eight_browsers
    python -m benchmarks.eight_browsers --films 5 --json eight_browsers.json

run in the project's folder; it needs the requirements of the tests, Chromium and the folder data
set. The dashboard runs with the default model. In every round each browser is given a film of its
own, all of them before any is looked at; then its probability, its verdict, the film and the map on
its canvas are held against `PneumoniaDetector` called for that film, and again once all are done.
The name of a picture is a digest of its pixels: no browser may ever be sent a name of another's.
Memory is that of the server and its children: after a first round by eight other browsers that have
left, and after these eight have. It ends with 1 where anything is amiss.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from pneumo_core.datasets import find_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.explain_audit import best_reading
from pneumo_core.images import read_image
from tests.browser.conftest import Visitor
from tests.browser.dashboard import FLAGS, PATIENCE, find_chromium, serving
from tests.browser.test_main_path import percent
from tests.memory import family, resident
from ui.viewer import pack, reduced

GROWTH = 0.15
"""Share of memory that may be held on to."""

KEPT = 5
"""Seconds for which the server keeps a session whose browser has left; by default they are 120."""

_NAME = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


@dataclass(frozen=True)
class Film:
    """A film and what the detector makes of it, called for it alone."""

    data: bytes
    names: frozenset[bytes]
    probability: str
    verdict: str
    plain: np.ndarray
    mapped: np.ndarray


@dataclass
class Browser:
    """One visitor, the names of all pictures that came, and what went wrong."""

    visitor: Visitor
    films: list[Film]
    came: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def listen(self) -> None:
        """Note the name of every picture that the server sends."""

        def hear(payload: str | bytes) -> None:
            raw = payload if isinstance(payload, bytes) else payload.encode()
            self.came |= set(_NAME.findall(raw))

        self.visitor.page.on("websocket", lambda each: each.on("framereceived", hear))

    def check(self, film: Film) -> bool:
        """Wait for a film's verdict and map, and hold them against the detector's."""
        page = self.visitor.page
        try:
            page.wait_for_function(
                """([probability, verdict]) => {
                  const shown = ".st-key-probability [data-testid=stMetricValue]"
                  return document.querySelector(shown)?.innerText === probability
                    && [...document.querySelectorAll("h2")].some((h) => h.innerText === verdict)
                }""",
                arg=[film.probability, film.verdict],
                timeout=PATIENCE,
            )
            self.visitor.looks_at(film.plain, "plain")
            self.visitor.looks_at(film.mapped)
        except Exception as error:  # one failure is a figure here, not the end
            self.wrong.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
            return False
        return True


def main() -> None:
    """Run, print, write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--browsers", type=int, default=8)
    parser.add_argument("--films", type=int, default=20, help="of each browser")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    films = chosen_films(options.browsers * (options.films + 1))
    first, films = films[: options.browsers], films[options.browsers :]
    shares = [films[number :: options.browsers] for number in range(options.browsers)]

    folder = Path(tempfile.mkdtemp())
    kept = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(KEPT)}
    memory = {}
    with (
        sync_playwright() as playwright,
        serving(folder / "server.log", **kept) as address,
        playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS) as chromium,
    ):
        server = server_of()
        memory["idle"] = resident(server)
        with visiting(chromium, address, [[film] for film in first]) as browsers:
            rounds(browsers, 1, server)
            wrong = [text for each in browsers for text in each.wrong]
        memory["before"] = after_leaving(chromium, address, server)
        with visiting(chromium, address, shares) as browsers:
            start = time.monotonic()
            memory["most seen between rounds"] = rounds(browsers, options.films, server)
            took = time.monotonic() - start
        memory["after"] = after_leaving(chromium, address, server)
    every = [name for each in browsers for film in each.films for name in film.names]
    crossed = {name for name in set(every) if every.count(name) > 1}  # the same map by chance
    wrong += [text for each in browsers for text in each.wrong]
    strangers = 0
    for each in browsers:
        own = {name for film in each.films for name in film.names}
        assert len(each.came & own) >= len(each.films) // 2, "names of pictures are heard"
        strangers += len((each.came & set(every)) - own - crossed)
    growth = memory["after"] / memory["before"] - 1
    seconds = [took for each in browsers for took in each.seconds]
    figures = {
        "browsers": options.browsers,
        "films": len(seconds),
        "wrong": len(wrong),
        "pictures of others": strangers,
        "median seconds": round(statistics.median(seconds), 1),
        "slowest seconds": round(max(seconds), 1),
        "minutes": round(took / 60, 1),
        **{f"{name} MiB": round(held / 2**20) for name, held in memory.items()},
        "growth": round(growth, 3),
    }
    print("\n".join(f"{name:28} {value}" for name, value in figures.items()))
    print("\n".join(wrong[:20]))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    sys.exit(bool(wrong or strangers or growth > GROWTH))


def chosen_films(count: int) -> list[Film]:
    """As many different test films as asked for, of those that get a verdict unasked."""
    detector = PneumoniaDetector()
    method, layer = best_reading(detector.run)
    folder = find_dataset("chest_xray") / "test"
    paths = sorted(folder.rglob("*.jp*g"), key=lambda path: path.name[::-1])
    found: dict[bytes, Film] = {}
    for path in paths:
        data = path.read_bytes()
        image = read_image(data)
        novelty = detector.novelty(image)
        name, _ = pack(reduced(image.pixels))
        if (novelty is not None and novelty.withheld) or name.encode() in found:
            continue
        said = detector.predict(image)
        drawn = detector.explain(image, method, said.prediction, layer)
        if not drawn.map.any():
            continue
        found[name.encode()] = Film(
            data,
            frozenset((name.encode(), pack(drawn.map)[0].encode())),
            percent(said.probability),
            f"Called {said.prediction.lower()}",
            middle(drawn.overlay(0)),
            middle(drawn.overlay()),
        )
        if len(found) == count:
            return list(found.values())
    raise SystemExit(f"There are {len(found)} films that get a verdict, {count} are needed.")


def middle(picture: np.ndarray, most: int = 301) -> np.ndarray:
    """The middle of a picture, its sides as even or odd as before: what a frame shows of it."""
    spare = [max(0, (side - most) // 2) for side in picture.shape[:2]]
    (top, left), (height, width) = spare, picture.shape[:2]
    return picture[top : height - top, left : width - left].copy()


@contextmanager
def visiting(chromium: Any, address: str, shares: list[list[Film]]) -> Iterator[list[Browser]]:
    """Browsers on the Predict page, which leave in the end."""
    browsers = []
    for films in shares:
        browser = Browser(Visitor(chromium, address), films)
        browser.listen()
        browser.visitor.open("predict")
        browsers.append(browser)
    yield browsers
    for browser in browsers:
        try:
            browser.visitor.leave()
        except AssertionError as error:
            browser.wrong.append(f"at leaving: {error}")


def rounds(browsers: list[Browser], films: int, server: int) -> int:
    """Give every browser one film after the other; all get theirs before any is looked at.

    Returns:
        The most memory that the server was seen to hold.
    """
    most = 0
    for number in range(films):
        for browser in browsers:
            browser.visitor.give(browser.films[number].data, f"{number}.jpeg")
        start = time.monotonic()
        for browser in browsers:
            browser.check(browser.films[number])
            browser.seconds.append(time.monotonic() - start)
        for browser in browsers:  # nothing may have come over it since
            browser.check(browser.films[number])
        most = max(most, resident(server))
        print(f"round {number + 1}: {time.monotonic() - start:.1f} s", flush=True)
    return most


def server_of() -> int:
    """The process of the dashboard."""
    return next(
        pid
        for pid in family()
        if b"streamlit" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    )


def after_leaving(chromium: Any, address: str, server: int) -> int:
    """Memory once the sessions of those who have left are gone.

    The server drops them when the next visitor comes or goes.
    """
    for _ in range(2):
        time.sleep(KEPT + 1)
        visitor = Visitor(chromium, address)
        visitor.open()
        visitor.context.close()
    time.sleep(KEPT + 1)
    return resident(server)


if __name__ == "__main__":
    main()
