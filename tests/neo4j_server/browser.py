"""Neo4j Browser in a headless Chromium: what a person does there, as functions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.neo4j_server.server import Neo4jServer

NAME = "Neo4j Browser"
WAIT = 60_000  # milliseconds; a busy machine draws slowly
LOST_CONNECTION = "did you connect to Neo4j"
ATTEMPTS, RECONNECTION = 3, 5_000  # milliseconds
SETTLED = "() => (now => { const same = window.before === now; window.before = now; return same; })"
POSITIONS = "([...document.querySelectorAll('g.node')].map(node => node.getAttribute('transform')).join())"


def no_browser(reason: str) -> NoReturn:
    """Skips, and says why; fails where KINDRED_TEST_BROWSER=1 demands the test."""
    chromium.no_browser(reason, NAME)


@contextmanager
def chromium_page() -> Iterator[Page]:
    """An empty page of a headless Chromium; skips where there is none."""
    with chromium.chromium(NAME) as browser:
        page = browser.new_page(viewport={"width": 1680, "height": 760})
        page.set_default_timeout(WAIT)
        yield page


class Neo4jBrowser:
    """Neo4j Browser on a page, logged in through its form."""

    def __init__(self, page: Page, server: Neo4jServer) -> None:
        self.page = page
        page.goto(f"http://localhost:{server.http_port}/browser/?dbms=bolt://localhost:{server.bolt_port}")
        page.get_by_test_id("username").fill("neo4j")
        page.get_by_test_id("password").fill(server.password)
        page.get_by_test_id("connect").click()
        page.get_by_test_id("connect").wait_for(state="detached")

    def command(self, text: str) -> None:
        """Types a command or query into the editor and runs it."""
        self.page.get_by_test_id("activeEditor").click()
        self.page.keyboard.insert_text(text)
        self.page.get_by_test_id("editor-Run").click()

    def frame(self, command: str) -> Locator:
        """The newest frame whose command starts so, when it is there; spaces count as one."""
        frame = self.page.get_by_test_id("frame").filter(
            has=self.page.get_by_test_id("frameCommand").filter(has_text=" ".join(command.split())[:60])
        )
        frame.first.wait_for()
        return frame.first

    def answer(self, query: str) -> Locator:
        """The frame of a query that has answered, with a graph or a table.

        The Browser loses its connection now and then on a busy machine, and takes it up again by itself: asked anew.
        """
        for _ in range(ATTEMPTS):
            frame = self.frame(query)
            lost = frame.get_by_text(LOST_CONNECTION)
            frame.locator("g.node, table td, [role=cell]").or_(lost).first.wait_for()
            if not lost.count():
                break
            frame.get_by_title("Close").click()
            self.page.wait_for_timeout(RECONNECTION)
            self.command(query)
        return frame

    def errors(self) -> list[str]:
        """What the frames say that show an error."""
        texts = self.page.get_by_test_id("frame").all_inner_texts()
        return [text for text in texts if "ERROR" in text or "Neo.ClientError" in text or "Not found" in text]

    def drop(self, file: Path) -> None:
        """Drops a file onto the page, as if dragged there."""
        content = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(
            """([content, name]) => {
                const dragged = new DataTransfer();
                dragged.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
                for (const type of ['dragenter', 'dragover', 'drop']) {
                    const event = new DragEvent(type, {dataTransfer: dragged, bubbles: true, cancelable: true});
                    document.querySelector('.filedrop').dispatchEvent(event);
                }
            }""",
            [content, file.name],
        )

    def photograph(self, place: Page | Locator, file: Path) -> None:
        """Writes a picture when the graphs stand still; few colours keep it small."""
        from PIL import Image

        self.page.mouse.move(0, 0)
        self.page.evaluate("() => document.querySelectorAll('*').forEach(element => { element.scrollTop = 0; })")
        self.page.wait_for_function(f"{SETTLED}{POSITIONS}", polling=700)
        with Image.open(io.BytesIO(place.screenshot())) as picture:
            picture.convert("RGB").quantize(128).save(file, optimize=True)


def colours(frame: Locator, kind: str) -> set[str]:
    """Fill colours of what a graph shows: `g.node circle` or `g.relationship path`."""
    shapes = frame.locator(f"{kind}.b-outline")
    return set(shapes.evaluate_all("shapes => shapes.map(shape => shape.getAttribute('fill'))"))


def captions(frame: Locator) -> set[str]:
    """Texts in the nodes of a graph."""
    return {" ".join(text.split()) for text in frame.locator("g.node").all_text_contents()}
