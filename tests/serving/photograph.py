"""Takes the pictures of the documents while the demo is served: `python tests/serving/photograph.py http://HOST:PORT`.

Needs Debian's package `chromium` (or Chrome) and the Python package `playwright`.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COLOURS = 200


def main(address: str) -> None:
    """Writes every picture, narrow and dark ones among them."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
            context = browser.new_context(
                base_url=address,
                viewport={"width": width, "height": 860 if width > 600 else 900},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            _visit(context.new_page(), "" if width > 600 else "-phone", "-dark" if scheme == "dark" else "")
        browser.close()


def _visit(page: Page, width: str, scheme: str) -> None:
    page.goto("/ui/products")
    user = page.locator(".lines a").nth(2).inner_text()
    page.goto(f"/ui/products/user?id={user}")
    if (width, scheme) in (("", ""), ("-phone", "-dark")):
        _photograph(page, f"page-user{width}{scheme}")
    page.goto(page.locator(".items .button").nth(2).get_attribute("href") or "")
    page.goto(page.url)  # the first one waits until the model is loaded
    if not scheme:
        _photograph(page, f"page-why{width}{scheme}")
    if not width and not scheme:
        page.goto("/ui/runs")
        page.locator("table a").first.click()
        _photograph(page, "page-run")
        page.goto("/ui/products/try")
        page.get_by_role("button", name="Add").first.click()
        _photograph(page, "page-try")
    if not width and scheme:
        page.goto("/ui/products/map")
        _photograph(page, "page-map-dark")


def _photograph(page: Page, name: str) -> None:
    """Few colours keep a picture small."""
    page.mouse.move(0, 0)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(IMAGES / f"{name}.png", optimize=True)
    print(IMAGES / f"{name}.png")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
