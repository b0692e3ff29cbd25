"""The server that the tests run: what it says when it can't, and that the rest of the suite hears it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import no_server
from tests.neo4j_server.server import ServerUnavailable, java_command, server_jars


def test_a_missing_or_old_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="no Java found"):
        java_command()
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    with pytest.raises(ServerUnavailable, match=r"Neo4j needs Java 17 or newer"):
        java_command()


def test_jars_come_from_the_cache_or_from_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="no Maven found"):
        server_jars()
    calls = tmp_path / "calls"
    maven = tmp_path / "mvn"
    maven.write_text(f"#!/bin/sh\necho call >> {calls}\n")
    maven.chmod(0o755)
    assert server_jars() == server_jars()
    assert calls.read_text() == "call\n"  # the second time there is nothing to fetch


def test_no_server_is_a_loud_skip_and_in_ci_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED on Neo4j: no Java"):
        no_server("no Java")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Neo4j must be tested: no Java"):
        no_server("no Java")
