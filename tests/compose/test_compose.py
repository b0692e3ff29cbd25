"""The compose file, without a container engine: its form, what it opens, the secrets and commands that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.cli.browser_guide import PORT
from kindred.settings import Settings, load_settings
from tests.compose.compose_file import COMPOSE, ROOT, SERVICES, neo4j_settings, variables
from tests.conftest import no_server
from tests.neo4j_server.server import Neo4jServer, ServerUnavailable

app = whole_tree()

DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_the_file_is_of_the_compose_specification() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    assert list(Draft7Validator(schema).iter_errors(COMPOSE)) == []
    broken = {**COMPOSE, "services": {"x": {"image": "y", "prots": []}}}
    assert list(Draft7Validator(schema).iter_errors(broken))  # the schema does look


def test_every_port_listens_on_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 5
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports)
    assert not any("network_mode" in service for service in SERVICES.values())


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    required = set()
    for service in SERVICES.values():
        for name, value in variables(service).items():
            if re.search("AUTH|PASSWORD|SECRET|KEY|TOKEN", name):
                secret = re.fullmatch(r"(?:neo4j/)?\$\{([A-Z0-9_]+):\?[^}]+\}", value)
                assert secret, f"{name} must be ${{NAME:?what to do}}"
                required.add(secret[1])
    example = (ROOT / ".env.example").read_text()
    given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    assert given == dict.fromkeys(required, "")  # named, and empty: nothing to forget to change
    optional = set(re.findall(r"\$\{(\w+):-", (ROOT / "docker-compose.yml").read_text()))
    assert optional <= set(re.findall(r"^#(\w+)=", example, re.MULTILINE))
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_kindred_outside_reads_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / ".env.example").read_text().replace("#KINDRED_", "KINDRED_")
    (tmp_path / ".env").write_text(lines.replace("PASSWORD=\n", "PASSWORD=pass-word\n").replace("KEY=\n", "KEY=k\n"))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.graph_password.get_secret_value() == "pass-word" and settings.graph_url == "neo4j://localhost:7687"
    assert settings.vector_api_key.get_secret_value() == "k" and settings.vector_url == "http://localhost:6333"


def test_settings_and_commands_named_there_exist() -> None:
    for text in [*map(str, SERVICES.values()), DOCKERFILE, (ROOT / ".env.example").read_text()]:
        assert {name.lower() for name in re.findall(r"KINDRED_(\w+)", text)} <= set(Settings.model_fields)
    entry = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert entry is not None and 'ENTRYPOINT ["kindred"]' in DOCKERFILE
    for command in [json.loads(entry[1]), *(SERVICES[name]["command"] for name in OURS)]:
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0, command
        assert CliRunner().invoke(app, [*command, "--no-such-option", "--help"]).exit_code == 2


def test_containers_have_no_more_rights_than_they_need() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged") and "cap_add" not in service, name
    for name in OURS:
        assert SERVICES[name]["read_only"] is True and SERVICES[name]["tmpfs"], name
    assert re.search(r"^USER (?!root|0)", DOCKERFILE, re.MULTILINE)
    mounted = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert mounted == set(COMPOSE["volumes"])  # named volumes only: no folder of the host, no socket of the engine


def test_every_service_is_watched_and_pinned() -> None:
    for name, service in SERVICES.items():
        lives = service.get("profiles") != ["tools"]
        assert lives == ("restart" in service), name
        if name not in OURS:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert re.search(r":v?\d+\.\d+", service["image"]), name
    assert f"127.0.0.1:{PORT}/style.grass" in DOCKERFILE and "HEALTHCHECK" in DOCKERFILE
    for name in ("kindred", "service"):
        waited = SERVICES[name]["depends_on"]
        assert {name: how["condition"] for name, how in waited.items()} == {
            "neo4j": "service_healthy",
            "qdrant": "service_healthy",
        }
    assert f"127.0.0.1:{Settings.model_fields['serve_port'].default}/" in SERVICES["service"]["healthcheck"]["test"][-1]


def test_the_image_is_built_of_files_that_are_there_and_no_address() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert all((ROOT / source).exists() and f"!{source}" in ignored for source in sources)
    assert ignored[1] == "*"  # so .env, data and caches never reach an image
    addresses = re.findall(r"https?://[^\s'\"]+", DOCKERFILE)
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def test_neo4j_knows_every_setting_that_it_is_given(tmp_path: Path) -> None:
    settings = neo4j_settings()
    assert settings["browser.remote_content_hostname_whitelist"] == "localhost"
    assert f"http://localhost:{PORT}/guide.html" in settings["browser.post_connect_cmd"]
    try:
        Neo4jServer(tmp_path / "right", "not-started", settings=settings).admin("server", "validate-config")
    except ServerUnavailable as error:
        if "validate-config" in str(error) or "Unrecognized" in str(error):
            raise
        no_server(str(error))
    with pytest.raises(ServerUnavailable, match=r"browser\.post\.connect\.cmd"):
        wrong = {"browser.post.connect.cmd": "play start"}
        Neo4jServer(tmp_path / "wrong", "not-started", settings=wrong).admin("server", "validate-config")
