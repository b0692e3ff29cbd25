"""A web server of a test's own, on 127.0.0.1, that can break off, ask for a password and change its files."""

from __future__ import annotations

import threading
from base64 import b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCOUNT = "reader:s3cret"


@dataclass
class Site:
    """Files by path, and how they are served.

    Attributes:
        files: what is at each path.
        breaks: how many answers more end in the middle.
        is_closed: whether `ACCOUNT` is asked for.
        says_size: whether answers say how long they are.
        asked: each request, as it came.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: int = 0
    is_closed: bool = False
    says_size: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_content=False)

        def do_GET(self) -> None:
            self._answer(with_content=True)

        def _answer(self, with_content: bool) -> None:
            site.asked.append(f"{self.command} {self.path}")
            content = site.files.get(self.path.split("?")[0])
            account = f"Basic {b64encode(ACCOUNT.encode()).decode()}"
            if site.is_closed and self.headers.get("Authorization") != account:
                self.send_error(401)
            elif content is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("ETag", f'"{hash(content)}"')
                if site.says_size:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if with_content:
                    self._send(content)

        def _send(self, content: bytes) -> None:
            if site.breaks:
                site.breaks -= 1
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
