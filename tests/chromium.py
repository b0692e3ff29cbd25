"""A headless Chromium for tests that look at pages.

Needs Debian's package `chromium` (or Chrome) and the Python package `playwright`, which brings no browser of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def no_browser(reason: str, of: str = "a browser") -> NoReturn:
    """Skips, and says why; fails where KINDRED_TEST_BROWSER=1 demands the test."""
    if os.environ.get("KINDRED_TEST_BROWSER") == "1":
        pytest.fail(f"KINDRED_TEST_BROWSER=1 demands {of}: {reason}")
    pytest.skip(f"NOT TESTED in {of}: {reason}")


@contextmanager
def chromium(of: str = "a browser") -> Iterator[Browser]:
    """A headless Chromium; skips where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        no_browser("no Chromium found (on Debian: apt-get install chromium)", of)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        no_browser("the Python package playwright is not installed", of)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
