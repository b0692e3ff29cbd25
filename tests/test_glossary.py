"""The words that the glossary rules out appear nowhere in the package, whole or as part of a name, its pages too."""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "kindred").rglob("*.py"))
SHOWN = sorted(path for end in ("cypher", "html", "js") for path in (ROOT / "kindred").rglob(f"*.{end}"))
GENERATED_WORDS = {"shop.py", "phrases.py"}  # what shops and people say in the sample is data
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def ruled_out() -> set[str]:
    """The last column of the glossary's table."""
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rows = [line.strip().strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    return {word.strip() for row in rows[2:] for word in row[-1].split(",") if word.strip()}


def names_of_others(source: str) -> set[str]:
    """What is imported from other packages: they are called as they are."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("kindred"):
            found |= {node.module, *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if not alias.name.startswith("kindred")}
    return found


def words_of(source: str) -> set[str]:
    """Every word of a source, parts of names too, in small letters."""
    names = sorted(map(re.escape, names_of_others(source)), key=len, reverse=True)
    return words_in(re.sub(rf"\b(?:{'|'.join(names)})\b", "", source) if names else source)


def words_in(text: str) -> set[str]:
    """The same of what is no Python."""
    return {word.lower() for word in PARTS.findall(text)}


def test_the_page_rules_words_out() -> None:
    assert {"anyone", "nobody", "block", "core", "places", "moment", "likeness", "climb", "cut", "draw"} <= ruled_out()
    assert {"town", "crowd", "world"} <= ruled_out()


def test_no_word_that_is_ruled_out_is_used() -> None:
    used = {path: words_of(path.read_text("utf-8")) for path in CODE if path.name not in GENERATED_WORDS}
    assert ruled_out_of(used) == {}


def test_nor_on_what_people_see() -> None:
    texts = {path: path.read_text("utf-8") for path in SHOWN if not path.name.endswith(".min.js")}
    own = {path: re.sub(r"{%-? *(?:end)?block|display: *block", "", text) for path, text in texts.items()}
    assert ruled_out_of({path: words_in(text) for path, text in own.items()}) == {}


def ruled_out_of(used: dict[Path, Set[str]]) -> dict[str, list[str]]:
    """The words of each file that are ruled out; only files that use some."""
    words = ruled_out()
    return {str(path.relative_to(ROOT)): sorted(own & words) for path, own in used.items() if own & words}


def test_words_are_seen_as_parts_of_names_and_names_of_others_are_not() -> None:
    source = "from engine import Core\nfirst_moment = Core()\nclass WorldMap:  # NOBODY\n    pass\n"
    assert {"moment", "world", "nobody", "map"} <= words_of(source) and "core" not in words_of(source)
