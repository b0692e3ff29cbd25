from __future__ import annotations

import re
import tomllib
from pathlib import Path

from kindred.domain.errors import install_hint

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
CODE = [path for folder in ("kindred", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])


def test_no_message_or_page_asks_an_index_for_this_project() -> None:
    asked = re.compile(r"install[^\n]*\bkindred" + r"\[")
    assert [str(path) for path in (*PAGES, *CODE) if asked.search(path.read_text("utf-8"))] == []


def test_every_extra_that_is_advised_exists() -> None:
    hinted = {extra for path in CODE for extra in re.findall(r"install_hint\([\"'](\w+)", path.read_text("utf-8"))}
    written = {extra for path in PAGES for extra in re.findall(r"-e '\.\[(\w+)\]'", path.read_text("utf-8"))}
    assert {"als", "neo4j"} <= hinted and hinted | written <= EXTRAS
    assert install_hint("als") == "pip install -e '.[als]'"
