"""Make the screenshots in this folder, of the model that weights/DEFAULT names.

    python docs/screenshots/make.py

Needs Chromium, the requirements of the tests, PneumoniaMNIST and one film of Kaggle's folder data
set, found where training finds them. Each page is shot as it first comes, 1440 pixels wide, and
kept in 256 colours.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from pneumo_core.datasets import find_dataset  # noqa: E402
from tests.browser.dashboard import FLAGS, find_chromium, serving, settle  # noqa: E402

FILM = "test/PNEUMONIA/person100_bacteria_475.jpeg"
SHOTS = {
    "overview": ("", "light", 1010),
    "predict": ("predict", "light", 1010),
    "predict-dark": ("predict", "dark", 1010),
    "threshold": ("threshold", "light", 1010),
    "models": ("models", "light", 1200),
    "misclassified": ("misclassified?cell=fp", "light", 1110),
}
"""Name of the picture: address of the page, colour scheme, height of the window."""


def shoot(browser: Any, address: str, name: str, film: Path) -> None:
    """Open a page, put something on it, and save what it looks like."""
    page_address, scheme, height = SHOTS[name]
    context = browser.new_context(
        viewport={"width": 1440, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{address}/{page_address}")
    page.wait_for_selector("h1")
    settle(page)
    if page_address == "predict":
        page.locator("input[type=file]").set_input_files(film)
        page.wait_for_selector(".viewer .zoom:not(:empty)")
    elif page_address.startswith("misclassified"):
        page.get_by_text("Heatmaps", exact=True).click()
        page.get_by_text("logit units").first.wait_for()
    settle(page, quiet=1500)
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # Median cut would give the rare colours away, a threshold's and the weak end of a map's.
    palette = shot.quantize(method=Image.Quantize.MAXCOVERAGE, kmeans=4)
    shot.quantize(palette=palette, dither=Image.Dither.NONE).save(
        HERE / f"{name}.png", optimize=True
    )
    context.close()


def main() -> None:
    """Serve the dashboard, and shoot every page."""
    from playwright.sync_api import sync_playwright

    film = find_dataset("chest_xray") / FILM
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "server.log") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for name in SHOTS:
            shoot(browser, address, name, film)
        browser.close()


if __name__ == "__main__":
    main()
