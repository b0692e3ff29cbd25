"""The pages in a headless Chromium, as people use them: by clicking, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import uvicorn

from kindred.domain.recommendation import Request
from kindred.domain.records import Reviewed
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.serving.app import build_app
from kindred.serving.running import listening
from kindred.serving.service import Service
from tests.chromium import chromium
from tests.recommenders.conftest import write, write_product
from tests.serving.conftest import Published, opened, settings_in
from tests.serving.pages.run_report import write_report

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</script><img src=x onerror=window.ran=1>\"'{{7*7}}"
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


SMALL_LETTERS = """() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim(), on = texts.currentNode.parentElement;
    if (!text || !on.getBoundingClientRect().width) continue;
    const scale = on.ownerSVGElement ? on.ownerSVGElement.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(on).fontSize) * scale;
    if (size < 11) found.push(`${text}: ${size.toFixed(1)}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def shop(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The shop, with a product and a user whose names are attacks."""
    settings = settings_in(published, tmp_path_factory.mktemp("pages") / "data")
    store = open_graph(settings.effective_graph_url)
    write_product(store, "p/1?x=<b>", HOSTILE)
    store.upsert_nodes(graph_schema().node("User"), pa.table({"id": [HOSTILE]}))
    liked = published.reviews[0]["asin"]
    for number, product in enumerate(("p/1?x=<b>", liked)):
        review = Reviewed(event_id=f"h{number}", source_id=HOSTILE, target_id=product, rating=5.0, at=1_600_000_000)
        write(store, review.model_copy(update={"text": HOSTILE}))
    store.close()
    with opened(settings) as service:
        yield service


@pytest.fixture(scope="module")
def address(shop: Service) -> Iterator[str]:
    """Where the shop is served."""
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(build_app(shop), log_config=None, lifespan="on"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def watched(browser: Browser, address: str, width: int = 1280, scheme: str = "light") -> Iterator[Page]:
    """A page; afterwards nothing was written to its console, no policy broken and nothing asked of elsewhere."""
    context = browser.new_context(
        base_url=address, viewport={"width": width, "height": 800}, reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )  # fmt: skip
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith((address, "blob:")) or wrong.append(request.url))
    page.on("domcontentloaded", lambda page: wrong.extend(page.evaluate("window.violations ?? []")))
    yield page
    assert not wrong
    context.close()


@pytest.fixture(scope="module")
def user(shop: Service, published: Published) -> str:
    """Somebody to whom something is recommended with evidence."""
    recommender = shop.system("products").recommender
    for user in sorted({str(row["reviewerID"]) for row in published.reviews}):
        best = recommender(Request(user_id=user, k=1)).recommendations
        if best and recommender.why(user, best[0].item_id).paths:
            return user
    raise AssertionError("nobody has evidence")


def test_a_visit(browser: Browser, address: str, user: str) -> None:
    with watched(browser, address) as page:
        page.goto("/ui")
        page.get_by_role("searchbox").fill(user[:4])
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=user, exact=True).click()
        arrives(page, "h1", user)
        title = page.locator(".items .title").first.inner_text()
        assert page.locator(".items li").count() == 10 and page.locator(".history li").count() >= 1
        page.get_by_role("link", name="Why").first.click()
        arrives(page, "h1", title)
        assert page.locator("svg.paths.wide").is_visible() and page.locator("svg.paths.narrow").is_hidden()
        assert page.locator(".told li").count() == page.locator("table.plain tbody tr").count() >= 1
        page.locator("table.plain a").first.click()
        page.locator("#legend .count").first.wait_for()
        assert page.locator("#graph").is_visible() and page.locator("#tables table").first.is_hidden()
        shown = page.locator("#legend .count").first.inner_text()
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function("before => document.querySelector('#legend .count').textContent !== before", arg=shown)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save PNG").click()
        assert download.value.path().read_bytes().startswith(b"\x89PNG")
        page.get_by_role("link", name="Map").click()
        arrives(page, "h1", "Map of products")
        page.locator("#map circle").nth(3).hover()
        name = page.locator("#named").inner_text().split(" · ")[0]
        page.locator("#map circle").nth(3).click()
        arrives(page, "h1", name)
        assert page.locator(".items li").count() > 3


def arrives(page: Page, selector: str, text: str) -> None:
    """Waits for the page that says so."""
    page.locator(selector, has_text=text).first.wait_for()
    page.wait_for_load_state()
    assert page.locator(selector).first.inner_text() == text


def test_comparing_runs_and_status(browser: Browser, address: str, user: str) -> None:
    with watched(browser, address) as page:
        page.goto("/ui/products/compare")
        page.get_by_label("User").fill(user)
        page.get_by_role("button", name="Compare").click()
        page.locator(".items li").nth(14).wait_for()
        page.get_by_role("link", name="Runs", exact=True).click()
        arrives(page, "h1", "Runs")
        page.locator("table a").first.click()
        page.locator(".chart polyline").first.wait_for()
        assert page.get_by_text("not evaluated").is_visible()
        page.get_by_text("As a table").first.click()
        page.locator(".chart table").first.wait_for()
        page.get_by_role("link", name="Status").click()
        page.get_by_text("All is well").wait_for()


def test_trying_it(browser: Browser, address: str) -> None:
    with watched(browser, address) as page:
        page.goto("/ui/products/try")
        page.get_by_role("button", name="Add").first.click()
        page.get_by_text("encoded just now").wait_for()
        first = page.locator(".items .title").all_inner_texts()
        assert page.locator(".items .reason").count() > 0
        page.get_by_role("combobox").select_option("1")
        with page.expect_navigation():
            page.get_by_role("button", name="Recommend").click()
        assert page.get_by_role("combobox").input_value() == "1"
        assert page.locator(".items .title").all_inner_texts() != first
        with page.expect_navigation():
            page.get_by_role("button", name="Remove").click()
        assert page.locator(".items").count() == 0


def test_by_keyboard_alone(browser: Browser, address: str, user: str) -> None:
    with watched(browser, address) as page:
        page.goto("/ui/products")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        tab_to(page, "#q")
        page.keyboard.type(user)
        page.keyboard.press("Enter")
        page.wait_for_url("**?q=*")
        tab_to(page, ".chips a")
        page.keyboard.press("Enter")
        page.wait_for_url("**/user?id=*")
        tab_to(page, ".items .button")
        outline = page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/why?*")
        page.locator(".kicker", has_text="Why").wait_for()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_on_a_phone_in_the_dark_nothing_is_cut_off_or_too_small(
    browser: Browser, address: str, user: str, shop: Service
) -> None:
    recommender = shop.system("products").recommender
    item = recommender(Request(user_id=user, k=1)).recommendations[0].item_id
    places = ["", f"/user?id={user}", f"/why?user={user}&item={item}", f"/item?id={item}", "/map", "/try"]
    places += [f"/graph?label=User&id={user}", f"/compare?user={user}"]
    for scheme, dark in (("dark", True), ("light", False)):
        with watched(browser, address, 390, scheme) as page:
            run = f"/ui/run?system=products&name={write_report(shop, 'nothing')}"
            for place in [*(f"/ui/products{place}" for place in places), "/ui/runs", run, "/ui/status"]:
                page.goto(place)
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
                assert page.evaluate(SMALL_LETTERS) == [], place
                light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
                assert (light < 60) == dark, place
                if place == run:
                    assert page.get_by_text("+0.050 to +0.150, better").is_visible()


@pytest.mark.parametrize("width", [390, 640, 900, 905, 1070, 1170, 1175])
def test_drawings_can_be_read_at_every_width(
    browser: Browser, address: str, user: str, shop: Service, width: int
) -> None:
    """As on a tablet, or where a page of 1,280 pixels is zoomed to twice its size."""
    item = shop.system("products").recommender(Request(user_id=user, k=1)).recommendations[0].item_id
    run = f"/ui/run?system=products&name={write_report(shop, 'nothing')}"
    with watched(browser, address, width) as page:
        for place, drawn in ((f"/ui/products/why?user={user}&item={item}", ".paths:visible"), (run, ".chart:visible")):
            page.goto(place)
            assert page.locator(drawn).count() >= 1 and page.evaluate(SMALL_LETTERS) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".bars th").first.evaluate("name => { name.textContent = 'regressions'; }")
        assert page.locator(".bars th").first.evaluate("name => name.scrollWidth <= name.clientWidth")


def test_the_map_by_keyboard(browser: Browser, address: str) -> None:
    with watched(browser, address) as page:
        page.goto("/ui/products/map")
        tab_to(page, "#map")
        page.keyboard.press("ArrowRight")
        first, before = page.locator("#named a").inner_text(), page.locator("#map .chosen").get_attribute("cx")
        page.keyboard.press("ArrowRight")
        second, after = page.locator("#named a").inner_text(), page.locator("#map .chosen").get_attribute("cx")
        assert second != first and float(after or 0) > float(before or 0)
        page.keyboard.press("Enter")
        arrives(page, "h1", second.split(" · ")[0])


def test_a_finger_beside_a_point_of_the_map_names_it(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto("/ui/products/map")
    boxes = [box for point in page.locator("#map circle").all() if (box := point.bounding_box())]
    centres = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    names = page.locator("#map circle title").all_text_contents()
    x, y = centres[0][0] + 9, centres[0][1] + 7
    away = [math.dist((x, y), centre) for centre in centres]
    assert max(box["width"] for box in boxes) < 7, "none lies under the finger"
    page.touchscreen.tap(x, y)
    page.locator("#named a").wait_for()
    assert page.locator("#named a").inner_text() == names[away.index(min(away))]
    page.locator("#named a").tap()
    arrives(page, "h1", names[away.index(min(away))].split(" · ")[0])
    context.close()


def test_long_names_and_tables_do_not_widen_a_phone(browser: Browser, address: str, user: str) -> None:
    long = "W" * 500
    places = [f"/products?q={long}", f"/products/item?id={long}", f"/products/try?q={long}", f"/{long}"]
    places += [f"/products/compare?user={long}", f"/products/user?id={long}", f"/run?system={long}&name={long}"]
    with watched(browser, address, 390) as page:
        page.goto(f"/ui/products/graph?label=User&id={user}")
        page.get_by_text("The same as tables").click()
        page.locator("#tables table").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context = browser.new_context(base_url=address, viewport={"width": 390, "height": 800})
    page = context.new_page()
    for place in places:
        page.goto(f"/ui{place}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place[:30]
    context.close()


def test_going_on_from_the_panel_of_the_graph_keeps_the_keyboard_there(
    browser: Browser, address: str, user: str
) -> None:
    with watched(browser, address) as page:
        page.goto(f"/ui/products/graph?label=User&id={user}")
        page.locator("#panel li button").first.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "panel"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#panel') !== null")


def test_attacks_are_shown_as_text(browser: Browser, address: str, shop: Service) -> None:
    with watched(browser, address) as page:
        page.goto("/ui/products")
        page.get_by_role("searchbox").fill(HOSTILE)
        page.keyboard.press("Enter")
        page.locator(".chips a").click()
        arrives(page, "h1", HOSTILE)
        page.locator(".history a", has_text="onerror").click()
        page.locator(".kicker", has_text="p/1?x=<b>").wait_for()
        arrives(page, "h1", HOSTILE)
        page.get_by_role("link", name="Graph around it").click()
        arrives(page, "#panel h2", HOSTILE)
        page.goto("/ui/products/map?only=" + "%3Cscript%3Ealert(1)%3C/script%3E")
        assert page.evaluate("window.ran") is None and page.locator("img").count() == 0


def test_without_scripts_everything_is_said(browser: Browser, address: str, user: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/ui/products/graph?label=User&id={user}")
    assert page.locator("#tables table").first.is_visible() and page.locator("#graph").is_hidden()
    page.goto("/ui/products/map")
    page.locator(".legend-list a").first.click()
    page.locator(".lines.two a").nth(3).wait_for()
    context.close()
