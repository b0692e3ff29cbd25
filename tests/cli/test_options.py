import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.cli.times import seconds_in
from kindred.domain.errors import SettingsError
from kindred.recommenders.systems import SYSTEMS
from kindred.settings import OF_COMMANDS, unknown_settings

app = whole_tree()


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


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_command_that_loads_a_system_s_events_has_the_options_that_messages_name(name: str) -> None:
    program, *command = shlex.split(SYSTEMS[name].system.load_with)
    shown = CliRunner().invoke(app, [*command[:2], "--help"])
    assert program == "kindred" and shown.exit_code == 0, shown.output
    assert all(option in shown.stdout for option in command if option.startswith("--"))


def test_only_posts_have_a_target(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "train", "tracks", "--target", "clicks"])
    assert isinstance(done.exception, SettingsError) and "leave --target out" in str(done.exception)


def test_what_options_read_from_the_environment_is_not_called_unknown() -> None:
    commands, read = [typer.main.get_command(app)], set()
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        read |= {name for parameter in command.params for name in [parameter.envvar] if isinstance(name, str)}
    assert read == {*OF_COMMANDS} and not unknown_settings(dict.fromkeys(read, "x"))


@pytest.mark.parametrize(
    ("given", "told"),
    [("U1", "(U1); did you mean --user U1?"), ("U1 U2", "(U1 U2); did you mean --users FILE?")],
)
def test_an_id_without_its_option_is_told_the_option(given: str, told: str) -> None:
    done = CliRunner().invoke(app, ["recommend", *given.split(), "-k", "3"])
    assert done.exit_code == 2 and told in done.stderr


@pytest.mark.parametrize("text", ["", "5", "0m", "1w", "-3h", "9999999d"])
def test_a_length_of_time_has_a_unit_and_is_no_longer_than_a_century(text: str) -> None:
    assert [seconds_in(said) for said in ("90s", "30m", " 6h", "7 d")] == [90, 1_800, 21_600, 604_800]
    with pytest.raises(typer.BadParameter):
        seconds_in(text)
