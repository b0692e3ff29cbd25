"""What a browser is told where no page can be made: a small page, by which the log can be searched."""

from __future__ import annotations

import anyio
import httpx
import pytest

from kindred.serving.app import build_app
from kindred.serving.service import Service


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ui/status", 500),
        ("POST", "/ui/status", 405),
        ("GET", "/ui/static/none.js", 404),
        ("GET", "/ui/" + "x" * 9_000, 414),
    ],
)
def test_a_page_that_can_not_be_made_is_a_small_page(
    service: Service, monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int
) -> None:
    async def fails() -> None:
        raise RuntimeError("<b>unforeseen</b>")

    monkeypatch.setattr(service, "look_at_graph", fails)

    async def main() -> None:
        transport = httpx.ASGITransport(build_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://kindred") as client:
            reply = await client.request(method, path, headers={"x-request-id": "a-b-c"})
            assert reply.status_code == status
            assert reply.headers["content-type"].startswith("text/html")
            assert "a-b-c" in reply.text and reply.headers["x-request-id"] == "a-b-c"
            assert "script-src 'self'" in reply.headers["content-security-policy"]
            assert "unforeseen</b>" not in reply.text
            for_machines = await client.request(method, path.replace("/ui", "/v1", 1))
            assert for_machines.headers["content-type"] == "application/json"

    anyio.run(main)
