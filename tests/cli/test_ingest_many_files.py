"""Several files at once, as shells hand them over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kindred.cli.many_files import repeated


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--clicks a b --dry-run", "--clicks a --clicks b --dry-run"),
        ("--clicks a --max-bad 0.5 x", "--clicks a --max-bad 0.5 x"),
        ("--clicks - b", "--clicks - --clicks b"),
        ("--clicks=a --clicks b c", "--clicks=a --clicks b --clicks c"),
        ("", ""),
    ],
)
def test_values_that_follow_an_option_belong_to_it(given: str, expected: str) -> None:
    assert list(repeated(given.split(), {"--clicks"})) == expected.split()


def test_files_that_a_shell_made_of_a_pattern_are_all_loaded(tmp_path: Path) -> None:
    for hour in range(3):
        rows = f"user_id,click_article_id,click_timestamp\n1,{hour},1577836800100\n"
        (tmp_path / f"{hour}.csv").write_text(rows)
    program = "import sys\nfrom kindred.cli import main\nsys.argv = ['kindred', *sys.argv[1:]]\nmain()"
    files = [str(tmp_path / f"{hour}.csv") for hour in range(3)]
    arguments = ["--data-dir", str(tmp_path / "data"), "ingest", "clicks", "--clicks", *files, "--dry-run", "--json"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert '"accepted": 3' in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        "interactions nofile.csv",
        "products --reviews nofile.csv",
        "tracks --metadata nofile.csv",
        "tags --tags nofile.csv",
    ],
)
def test_a_file_that_is_not_there_is_told_before_what_reads_files_is_imported(arguments: str, tmp_path: Path) -> None:
    heavy = "import atexit, sys\natexit.register(lambda: print({'numpy', 'pyarrow', 'torch'} & {*sys.modules}))\n"
    program = heavy + "from kindred.cli import main\nsys.argv = ['kindred', *sys.argv[1:]]\nmain()"
    asked = [sys.executable, "-c", program, "--data-dir", str(tmp_path), "ingest", *arguments.split()]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 3 and "nofile.csv: no such file" in done.stderr
    assert done.stdout.strip() == "set()"
