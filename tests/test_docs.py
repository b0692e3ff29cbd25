"""Pages that link: every link inside the project leads somewhere, and every experiment is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    inside = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def test_every_experiment_is_dated_titled_with_its_verdict_and_in_the_index() -> None:
    index = (ROOT / "docs" / "experiments.md").read_text("utf-8")
    pages = list((ROOT / "docs" / "experiments").glob("*.md"))
    assert pages
    for page in pages:
        assert re.match(r"\d{4}-\d{2}-\d{2}-[a-z0-9-]+$", page.stem)
        assert re.match(r"# [^\n]+[:,] [^\n]+\n", page.read_text("utf-8")), page
        assert f"(experiments/{page.name})" in index
