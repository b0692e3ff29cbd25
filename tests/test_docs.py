"""Pages that link: every link inside the project leads somewhere, and every experiment is in the index."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.core import TyperGroup

from kindred.cli.app import whole_tree
from tests.conftest import command_tree

app = whole_tree()

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
    assert pages and "\n## " not in index, "figures stand on the pages, the index leads to them"
    for page in pages:
        assert re.match(r"\d{4}-\d{2}-\d{2}-[a-z0-9-]+$", page.stem)
        date = page.stem[:10]
        is_verdict = r"# (?!\d{4}-|\d+ November)[^\n]+[:,;] [^\n]+\n\n"
        top = is_verdict + date + r"[^\n]* · \[all experiments\]\(\.\./experiments\.md\)"
        assert re.match(top, page.read_text("utf-8")), page
        assert f"(experiments/{page.name})" in index


def _commands() -> list[str]:
    """The commands in the code blocks of the pages, a line each, without comments, pipes and what is left out."""
    found: list[str] = []
    for page in PAGES:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            lines = block.replace("\\\n", " ").splitlines()
            found += [line for line in lines if line.startswith("kindred ") and not re.search(r"[…|\[]|[<>&] ", line)]
    return sorted(set(found))


@pytest.mark.parametrize("line", _commands())
def test_commands_of_the_pages_are_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = command_tree(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    assert command.make_context(line, words).command is command


def _said_of_commands() -> list[str]:
    """Every `kindred …` of the pages, in a line of code or in a sentence, with what is left out of it."""
    said: set[str] = set()
    for page in PAGES:
        if page.parent.name == "experiments":  # these tell of their day
            continue
        blocks = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
        text = page.read_text("utf-8")
        lines = [line for block in blocks.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"^    (\S.*)$", text, re.MULTILINE)
        lines += [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", blocks.sub("", text))]
        leads = r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:docker compose run --rm )?(kindred [a-z].*)"
        said |= {found[1].split(" # ")[0] for line in lines if (found := re.match(leads, line))}
    return sorted(said)


@pytest.mark.parametrize("line", _said_of_commands())
def test_commands_and_options_that_the_pages_name_are_there(line: str) -> None:
    words = line.split()[1:]
    command = command_tree(app)
    while isinstance(command, TyperGroup) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"(?<![\w'<-])--?[a-z][a-z-]*", " ".join(words))) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_extras_and_benchmarks_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {extra for named in re.findall(r"\.\[([\w,]+)\]'", text) for extra in named.split(",")}
    assert extras <= set(project["optional-dependencies"])
    assert [name for name in re.findall(r"python -m (benchmarks\.\w+)", text) if not find_spec(name)] == []
