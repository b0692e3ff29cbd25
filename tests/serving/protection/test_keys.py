"""Keys: made, found, revoked, kept as hashes; and the command that does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError, SettingsError
from kindred.serving.protection.keys import Keys, Scope, check_bind, is_loopback

app = whole_tree()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "data" / "keys.json")


def test_a_key_is_found_until_it_is_revoked_by_whatever_process(keys: Keys, tmp_path: Path) -> None:
    key, secret = keys.create("shop", [Scope.READ])
    elsewhere = Keys(tmp_path / "data" / "keys.json")
    assert keys.find(secret) == elsewhere.find(secret) == key
    elsewhere.revoke(key.id)
    assert keys.find(secret) is None
    assert keys.are_needed()
    assert not keys.active()


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + "x", lambda s: "", lambda s: "kd_", str.upper])
def test_what_is_not_the_key_finds_nothing(keys: Keys, change: object) -> None:
    _, secret = keys.create("shop", [Scope.READ])
    assert callable(change)
    assert keys.find(change(secret)) is None
    assert keys.find("\ud800") is None


def test_the_file_holds_no_secret_and_is_for_its_owner_alone(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.create("shop", [Scope.READ])
    path = tmp_path / "data" / "keys.json"
    assert secret.split("_", 2)[2] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_name_has_two_active_keys_at_most(keys: Keys) -> None:
    first, _ = keys.create("shop", [Scope.READ])
    keys.create("shop", [Scope.READ])
    with pytest.raises(SettingsError, match="2 active"):
        keys.create("shop", [Scope.READ])
    keys.create("other", [Scope.READ])
    keys.revoke(first.id)
    keys.create("shop", [Scope.WRITE])
    with pytest.raises(SettingsError, match="no active key"):
        keys.revoke(first.id)


def test_admin_allows_all_and_no_other_scope_more_than_itself(keys: Keys) -> None:
    writer, _ = keys.create("collector", [Scope.WRITE])
    admin, _ = keys.create("boss", [Scope.ADMIN])
    assert [writer.allows(scope) for scope in Scope] == [False, True, False]
    assert all(admin.allows(scope) for scope in Scope)


def test_a_damaged_file_is_an_error_and_lets_nobody_in(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.create("shop", [Scope.READ])
    path = tmp_path / "data" / "keys.json"
    path.write_text(path.read_text().replace('"shop"', '"shoq"'))
    with pytest.raises(ArtifactError, match=r"keys\.json"):
        keys.find(secret)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.7", "example.org"])
def test_an_address_that_others_reach_needs_a_key(keys: Keys, host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match="keys create"):
        check_bind(host, keys)
    key, _ = keys.create("shop", [Scope.READ])
    check_bind(host, keys)
    keys.revoke(key.id)
    with pytest.raises(SettingsError):
        check_bind(host, keys)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_this_machine_alone_needs_none(keys: Keys, host: str) -> None:
    assert is_loopback(host)
    check_bind(host, keys)


def test_the_command_makes_lists_and_revokes(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "keys", *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    secret = run("create", "--name", "shop", "--scope", "read", "--scope", "write").strip()
    assert Keys(tmp_path / "keys.json").find(secret) is not None
    listed = json.loads(run("list", "--json"))
    assert [(key["name"], key["scopes"], key["revoked"]) for key in listed] == [("shop", ["read", "write"], None)]
    assert secret not in run("list")
    run("revoke", listed[0]["id"])
    assert Keys(tmp_path / "keys.json").find(secret) is None
