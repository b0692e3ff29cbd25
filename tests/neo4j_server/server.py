"""A real Neo4j server without Docker: its jars from Maven, its home in a folder of its own, one process to stop.

`python tests/neo4j_server/server.py HOME --port 7687` runs one by hand, with the Browser, until Ctrl-C; the password is
read from KINDRED_GRAPH_PASSWORD. Needs Java 17 or newer, and Maven the first time.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
START_SECONDS = 180.0  # a start takes 8 s of CPU; a busy machine may need much longer
STOP_SECONDS = 60.0
# Only the first compiler, the simplest collector and no check of Neo4j's own classes: a server that lives for some
# minutes starts in half the CPU time.
UNCHECKED = ("-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote")
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=192m", "-XX:+UseSerialGC", *UNCHECKED)
HASH_ROUNDS = 1024


class ServerUnavailable(Exception):
    """Neo4j can't be run on this machine, or did not start; the message says why."""


def _neo4j_version() -> str:
    name = {"m": "http://maven.apache.org/POM/4.0.0"}
    version = ElementTree.parse(POM).getroot().findtext("m:properties/m:neo4j.version", namespaces=name)
    if not version:
        raise ServerUnavailable(f"{POM} names no neo4j.version")
    return version


def java_command() -> str:
    """Path of a Java that can run Neo4j.

    Raises:
        ServerUnavailable: no Java, or one that is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or not Path(java).exists():
        raise ServerUnavailable(f"no Java found; Neo4j needs Java {OLDEST_JAVA} or newer")
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', shown)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise ServerUnavailable(f"{java} is {shown.splitlines()[:1]}; Neo4j needs Java {OLDEST_JAVA} or newer")
    return java


def server_jars() -> Path:
    """Folder of Neo4j's jars, downloaded once (125 MB) into the user's cache; then neither network nor Maven is used.

    Raises:
        ServerUnavailable: Maven is missing, or the download failed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kindred"
    version = _neo4j_version()
    jars = cache / f"neo4j-{version}" / "lib"
    complete = jars.with_name("complete")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"neo4j-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once download once
        if complete.exists() and complete.read_text() == POM.read_text():
            return jars
        _download(jars)
        complete.write_text(POM.read_text())
    return jars


def _download(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerUnavailable("no Maven found (command mvn), which fetches Neo4j's jars the first time")
    sys.stderr.write(f"Fetching Neo4j's jars (125 MB, once) into {jars}\n")
    shutil.rmtree(jars, ignore_errors=True)
    jars.mkdir(parents=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run([maven, "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False)
    if done.returncode:
        shown = (done.stdout + done.stderr).strip().splitlines()
        raise ServerUnavailable(f"Maven could not fetch Neo4j: {shown[-1] if shown else 'no message'}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Neo4jServer:
    """A server with its data in `home`, reachable from this machine only, with a password.

    Attributes:
        home: folder of this server alone; it is made, and never deleted here.
        password: of the user `neo4j`; set before the first start.
        browser: whether Neo4j Browser is served as well, on `http_port`.
        heap: maximum Java heap.
        settings: further lines of neo4j.conf.
        jvm_options: options of the Java machine.
    """

    home: Path
    password: str = field(repr=False)
    browser: bool = False
    heap: str = "768m"
    settings: Mapping[str, str] = field(default_factory=dict)
    jvm_options: Sequence[str] = SHORT_LIVED
    bolt_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        return f"neo4j://127.0.0.1:{self.bolt_port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        """Process id of the running server. Raises: ServerUnavailable when it does not run."""
        if self._process is None:
            raise ServerUnavailable("the server does not run")
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU time that the running server has used; on Linux."""
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def start(self) -> None:
        """Starts the server and returns when it answers.

        Raises:
            ServerUnavailable: it stopped again or did not answer in time; the end of its log is in the message.
        """
        self._write_configuration()
        self._write_password()
        with (self.home / "console.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.home
            )
        deadline = time.monotonic() + START_SECONDS
        while b"Started." not in (self.home / "console.log").read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = (self.home / "console.log").read_text(errors="replace")[-2000:]
                raise ServerUnavailable(f"Neo4j did not start: {tail}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends the server in order, so that its files can be read by other programs."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the server and all its children at once, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def admin(self, *arguments: str) -> str:
        """Runs neo4j-admin on this home and returns what it printed.

        Raises:
            ServerUnavailable: it failed; the end of its output is in the message.
        """
        self._write_configuration()
        done = subprocess.run(
            [*self.admin_command(), *arguments], capture_output=True, text=True, check=False, cwd=self.home
        )
        if done.returncode:
            raise ServerUnavailable(f"neo4j-admin {arguments[0]} failed: {(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout

    def admin_command(self) -> list[str]:
        """The command line that stands for `neo4j-admin` on this home."""
        settings = [f"-Dbasedir={self.home}", "-cp", f"{server_jars()}/*"]
        places = ["env", f"NEO4J_HOME={self.home}", f"NEO4J_CONF={self.home / 'conf'}"]
        return [*places, java_command(), *self.jvm_options, *settings, "org.neo4j.server.startup.Neo4jAdminCommand"]

    def _command(self) -> list[str]:
        # The class that `neo4j console` would start as a child: started directly, there is one process to stop.
        java = [java_command(), f"-Xmx{self.heap}", *self.jvm_options, "-Dfile.encoding=UTF-8"]
        places = [f"--home-dir={self.home}", f"--config-dir={self.home / 'conf'}", "--console-mode"]
        command = [*java, "-cp", f"{server_jars()}/*", "org.neo4j.server.CommunityEntryPoint", *places]
        # A test run that is itself killed must not leave a server behind; setpriv is part of every Linux.
        return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command

    def _write_password(self) -> None:
        """What `neo4j-admin dbms set-initial-password` writes, without the 5 s of a Java machine."""
        file, salt = self.home / "data" / "dbms" / "auth.ini", secrets.token_bytes(32)
        if file.exists():
            return
        hashed = salt + self.password.encode()
        for _ in range(HASH_ROUNDS):
            hashed = hashlib.sha256(hashed).digest()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"neo4j:SHA-256,{hashed.hex()},{salt.hex()},{HASH_ROUNDS}:\n")
        file.chmod(0o600)

    def _write_configuration(self) -> None:
        settings = {
            "server.directories.data": str(self.home / "data"),
            "server.default_listen_address": "127.0.0.1",
            "server.default_advertised_address": "127.0.0.1",
            "server.bolt.listen_address": f"127.0.0.1:{self.bolt_port}",
            "server.bolt.advertised_address": f"127.0.0.1:{self.bolt_port}",
            "server.http.enabled": str(self.browser).lower(),
            "server.http.listen_address": f"127.0.0.1:{self.http_port}",
            "server.https.enabled": "false",
            "server.memory.pagecache.size": "128m",
            "dbms.usage_report.enabled": "false",
            "client.allow_telemetry": "false",
            "dbms.security.auth_enabled": "true",
            **self.settings,
        }
        (self.home / "conf").mkdir(parents=True, exist_ok=True)
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self.home / "conf" / "neo4j.conf").write_text("".join(lines))


def main() -> int:
    """Runs a server until it is interrupted; the exit code."""
    parser = argparse.ArgumentParser(description="Run Neo4j without Docker, for this machine only.")
    parser.add_argument("home", type=Path, help="folder of the server's data")
    parser.add_argument("--port", type=int, default=7687, help="port of the Bolt protocol (default 7687)")
    parser.add_argument("--http-port", type=int, default=7474, help="port of Neo4j Browser (default 7474)")
    arguments = parser.parse_args()
    password = os.environ.get("KINDRED_GRAPH_PASSWORD", "")
    if len(password) < 8:
        parser.error("set KINDRED_GRAPH_PASSWORD to the password to use, of 8 characters or more")
    server = Neo4jServer(
        arguments.home.resolve(), password, browser=True, jvm_options=(), heap="2g",
        bolt_port=arguments.port, http_port=arguments.http_port,
    )  # fmt: skip
    try:
        server.start()
        sys.stderr.write(f"{server.url} is up, its Browser at http://127.0.0.1:{server.http_port}; Ctrl-C stops it\n")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except ServerUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 4
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
