"""A report opened in a real Chromium, as somebody opens the file that they saved."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def report_page(browser: Any, folder: Path, text: str) -> Iterator[Any]:
    """Open a report; in the end nothing may have been fetched and nothing have gone wrong."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    requests, faults = [], []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: faults.append(message.text))
    page.goto(file.as_uri())
    yield page
    page.close()
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]
    assert faults == []


def sheets(page: Any) -> int:
    """How many sheets of paper it is printed on."""
    return len(re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True)))


def overhang(page: Any) -> int:
    """By how many pixels it is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
