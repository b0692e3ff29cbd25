"""Serves the Browser pack over HTTP, with the headers that Neo4j Browser needs to fetch from another port.

The Browser asks first (OPTIONS) because it sends headers of its own with every request: `pragma`, and those of the
service that it reports errors to, which change with its version. So all are allowed.
"""

from __future__ import annotations

import errno
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kindred.domain.errors import SettingsError, StoreError
from kindred.graph.browser.pack import pack_files

_TYPES = {
    "html": "text/html; charset=utf-8",
    "grass": "text/plain; charset=utf-8",
    "cypher": "text/plain; charset=utf-8",
    "json": "application/json",
    "zip": "application/zip",
}
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def open_pack_server(host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens already; `serve_forever` answers, `server_close` ends it. Port 0 picks a free one.

    Raises:
        StoreError: the port is taken.
        SettingsError: it can't listen there at all.
    """
    try:
        return ThreadingHTTPServer((host, port), _PackHandler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StoreError(
                f"port {port} of {host} is taken", "stop what listens there, or name another --port"
            ) from error
        raise SettingsError(
            f"can't listen on port {port} of {host!r}: {error.strerror}",
            "name an address of this machine and a free port",
        ) from error


class _PackHandler(BaseHTTPRequestHandler):
    """Answers GET, HEAD and OPTIONS from memory; nothing of the disk can be asked for."""

    server_version = "kindred"
    sys_version = ""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/") or "guide.html"
        files = pack_files(f"http://{self._asked_host()}")
        if name in files:
            self._answer(HTTPStatus.OK, _TYPES[name.rpartition(".")[2]], files[name])
        else:
            self._answer(HTTPStatus.NOT_FOUND, _TYPES["cypher"], ("\n".join(["here are:", *files]) + "\n").encode())

    do_HEAD = do_GET

    def do_OPTIONS(self) -> None:
        self._answer(HTTPStatus.NO_CONTENT, "", b"")

    def _asked_host(self) -> str:
        """Host and port as the browser sees this server, for links back to it."""
        host = self.headers.get("Host", "")
        if _HOST.fullmatch(host):
            return host
        return f"localhost:{self.connection.getsockname()[1]}"

    def _answer(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the terminal shows what to type, not what was fetched."""
