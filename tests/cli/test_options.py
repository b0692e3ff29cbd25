import shlex
from pathlib import Path

from typer.testing import CliRunner

from kindred.cli.app import app


def test_the_next_command_can_be_pasted_whatever_the_folders_are_called(tmp_path: Path) -> None:
    """What one command says to do next runs as it stands, whatever blanks and quotes are in their names."""
    made, data = tmp_path / "it's made", tmp_path / "my data"
    shape = ("--users", "9", "--products", "5", "--reviews", "20")
    done = CliRunner().invoke(app, ["--data-dir", str(data), "generate", "products", *shape, "--out", str(made)])
    following = shlex.split(done.stderr.partition("next: ")[2])
    assert following[:3] == ["kindred", "--data-dir", str(data)]
    loaded = CliRunner().invoke(app, [*following[1:], "--dry-run"])
    assert loaded.exit_code == 0, loaded.output
    assert "20" in loaded.stdout
