"""A PostgreSQL of a test's own, on 127.0.0.1, from the programs that are on the machine."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
PASSWORD = "s3cret/of:a@test"


@dataclass
class Postgres:
    """A server whose data lie in a folder; it runs between `start` and `stop`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://reader:s3cret%2Fof%3Aa%40test@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Starts it, unless it runs already, and waits until it answers."""
        if self.process is not None:
            return
        command = [str(BINARIES[-1]), "-D", str(self.folder), "-p", str(self.port), "-c", "fsync=off"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, user=_owner())
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if self._answers():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.admin, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def admin(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=owner password={PASSWORD} dbname=postgres"

    def run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # fast shutdown: connections are cut
            self.process.wait(60)
            self.process = None


def new_postgres(folder: Path) -> Postgres:
    """A server that is set up and not started yet; its owner is `owner`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, secret = folder / "data", folder / "password"
    data.mkdir()
    secret.write_text(PASSWORD)
    if _owner() is not None:
        for path in (folder, data, secret):
            os.chown(path, pwd.getpwnam("postgres").pw_uid, -1)
        for parent in folder.parents[:3]:  # the server may run as somebody else, who has to get there
            parent.chmod(parent.stat().st_mode | 0o011)
    command = [str(BINARIES[-1].with_name("initdb")), "-D", str(data), "-U", "owner", "--auth=scram-sha-256"]
    command += [f"--pwfile={secret}", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=_owner())
    return Postgres(data, port)


def _owner() -> str | None:
    """Who runs it: PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None
