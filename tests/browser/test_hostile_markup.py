"""Markup in names, tags, members, cells and addresses is text: nothing of it becomes an element."""

import json
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from pneumo_core.film_notes import NotedFilm, to_json
from pneumo_core.history import FORMAT, Reading
from pneumo_core.history import to_json as history_json
from pneumo_core.runs import Run
from tests.browser.conftest import DRAWN, Visit, Visitor
from tests.hostile import IMAGE, LINKS, MARKUP, SCRIPT, hostile_set
from ui.words import batch as batch_words
from ui.words import misclassified as film_words

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)

# All elements, those of components as well, that the markup would make if it were not text.
FOUND = """() => {
  const found = window.hacked === undefined ? [] : ["a script has run"]
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      const [source, link] = [each.getAttribute("src"), each.getAttribute("href")]
      const text = each.textContent.trim()
      if (each.hasAttribute("onerror")) found.push("handler: " + each.outerHTML)
      if (each.localName === "img" && (source === "x" || source?.includes(":9/")))
        found.push("image: " + each.outerHTML)
      if (each.localName === "script" && text.includes("hacked")) found.push("script: " + text)
      if (link?.startsWith("javascript:") || (each.localName === "a" && text === "y"))
        found.push("link: " + each.outerHTML)
      if (each.localName === "strong" && text === "b") found.push("bold: " + each.outerHTML)
      if (each.classList.contains("katex")) found.push("formula: " + each.outerHTML)
      if (each.shadowRoot) look(each.shadowRoot)
    }
  }
  look(document)
  return found.map((each) => each.slice(0, 200))
}"""


def markup(page: Page) -> list[str]:
    """What of the markup became more than text."""
    return page.evaluate(FOUND)


def give(visitor: Visitor, *files: tuple[str, bytes]) -> None:
    chosen = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    visitor.page.locator("input[type=file]").first.set_input_files(chosen)


def named(start: str) -> tuple[str, bytes]:
    """A file of the hostile set, under its own name."""
    name = next(name for name in hostile_set() if name.startswith(start))
    return name, hostile_set()[name].data


def on_predict(visitor: Visitor) -> None:
    visitor.open("predict")
    give(visitor, (f"{IMAGE}{SCRIPT.replace('/', '')}.dcm", named("DICOM with markup in texts")[1]))
    expect(visitor.page.get_by_text("Read as DICOM")).to_be_visible()
    visitor.settle()
    assert markup(visitor.page) == []
    give(visitor, (f"{LINKS.replace('/', '')}.png", MARKUP.encode()))
    expect(visitor.page.get_by_text("of no kind we read")).to_be_visible()
    visitor.settle()


def on_batch(visitor: Visitor) -> None:
    visitor.open("batch")
    marked = [named(IMAGE), named(SCRIPT), named("DICOM with markup in ViewPosition")]
    marked.append((LINKS.replace("/", ""), named("PNG all white")[1]))
    give(visitor, *marked)
    expect(visitor.page.get_by_text(batch_words.DONE_BAD.format(judged=4, bad=1))).to_be_visible()
    visitor.settle()
    assert markup(visitor.page) == []
    box = visitor.page.locator("[data-testid=stDataFrame]").bounding_box()
    for row in range(4):
        visitor.page.mouse.click(box["x"] + 15, box["y"] + 90 + 97 * row)
        visitor.settle()
        assert markup(visitor.page) == []


def on_threshold(visitor: Visitor) -> None:
    visitor.open("threshold")
    visitor.page.get_by_text("Your own scores").click()
    visitor.page.wait_for_selector("input[type=file]", state="attached")
    heads = ["label", "score", IMAGE, LINKS, "![x](http://127.0.0.1:9/x)"]
    cells = [(IMAGE, "**b**", "![x](http://127.0.0.1:9/x)"), ("plain", "[y](x)", SCRIPT)]
    rows = [[str(i % 2), f"0.{i % 9 + 1}", *cells[i % 3 == 0]] for i in range(60)]
    table = "\n".join(",".join(f'"{field}"' for field in line) for line in [heads, *rows])
    give(visitor, (f"{IMAGE}.csv", table.replace('"score"', f'"{LINKS}"', 1).encode()))
    expect(visitor.page.get_by_test_id("stAlert").first).to_be_visible()
    visitor.settle()
    assert markup(visitor.page) == []
    give(visitor, (f"{IMAGE}.csv", table.encode()))
    expect(visitor.page.get_by_text("images of your own")).to_be_visible()
    visitor.page.get_by_role("tab", name="By group").click()
    visitor.settle()


def on_misclassified(visitor: Visitor, run: Run) -> None:
    visitor.open("misclassified", "?threshold=1")
    visitor.page.get_by_role("tab", name=film_words.TABS["notes"]).click()
    visitor.settle()
    film = run.scores("test")["id"].iloc[0]
    noted = NotedFilm(film, "test", "Normal", 0.5, "other", MARKUP)
    of_others = to_json([noted], data=LINKS, model=MARKUP, threshold=0.5)
    give(visitor, ("notes.json", of_others.encode()))
    expect(visitor.page.get_by_text("These notes are on films of")).to_be_visible()
    visitor.settle()
    assert markup(visitor.page) == []
    own = to_json([noted], data=run.data["name"], model=MARKUP, threshold=0.5)
    give(visitor, ("notes.json", own.encode()))
    expect(visitor.page.get_by_role("button", name=film_words.NOTES_JSON)).to_be_visible()
    visitor.settle()


def on_session(visitor: Visitor) -> None:
    visitor.open("session")
    reading = Reading(
        "2026-01-02T03:04:05Z", MARKUP, MARKUP, "Normal", 0.2, 0.5, "agree", MARKUP, "Normal"
    )
    for content in (
        history_json([reading]),
        json.dumps({"format": FORMAT, "readings": [asdict(reading) | {"verdict": MARKUP}]}),
    ):
        give(visitor, ("history.json", content.encode()))
        expect(visitor.page.get_by_test_id("stAlert").first).to_be_visible()
        visitor.settle()
        assert markup(visitor.page) == []


def by_address(visitor: Visitor) -> None:
    for page in ("predict", "threshold", "misclassified", "models"):
        odd = "&".join(f"{key}={quote(MARKUP)}" for key in ("run", "threshold", "split", "cell"))
        visitor.open(page, f"?{odd}")
        assert markup(visitor.page) == []


def test_markup_stays_text(visit: Visit, tiny_run: Run) -> None:
    visitor = visit()
    ways: list[Callable[[Visitor], None]] = [
        on_predict,
        on_batch,
        on_threshold,
        lambda visitor: on_misclassified(visitor, tiny_run),
        on_session,
        by_address,
    ]
    for way in ways:
        way(visitor)
        assert markup(visitor.page) == []
    # What this test looks for would be found.
    visitor.page.set_content(f"<p>{IMAGE}<script>{SCRIPT[8:-9]}</script><a>y</a><strong>b</strong>")
    visitor.page.wait_for_function("window.hacked")
    kinds = [found.partition(":")[0] for found in markup(visitor.page)]
    assert sorted(kinds) == ["a script has run", "bold", "handler", "image", "link", "script"]
    visitor.faults.clear()  # the image that is not there
    visitor.urls[:] = [url for url in visitor.urls if not url.endswith("/x")]


@pytest.mark.parametrize("name", ["PNG of 2400000 x 16", "PNG of 16 x 2350000"])
def test_a_film_of_odd_shape_is_drawn_or_refused(visit: Visit, name: str) -> None:
    visitor = visit("predict")
    give(visitor, ("odd.png", hostile_set()[name].data))
    visitor.page.wait_for_selector(f"{DRAWN}, [data-testid=stAlert]")
    visitor.settle()
    assert "Traceback" not in visitor.page.content()
