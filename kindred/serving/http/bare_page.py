"""A page that needs nothing of the service: what a browser is told where no page can be made."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{status} · Kindred</title>
<link rel="icon" href="/ui/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ui/static/style.css">
</head>
<body class="page">
<main id="content"><header class="hero"><p class="kicker">{status}</p><h1>This page can't be shown</h1>
<p class="lead" role="alert">{said}.</p>
<p class="soft">Request <code>{request_id}</code>. <a href="/ui">Go to the first page</a></p></header></main>
</body>
</html>
"""


def bare_page(
    status: int, message: str, hint: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """What went wrong, what to do next, and the id that the request goes by in the log."""
    said = message[:1].upper() + message[1:] + (f": {hint}" if hint else "")
    page = _PAGE.format(status=status, said=escape(said), request_id=escape(request_id))
    return HTMLResponse(page, status, {**HEADERS, **(headers or {})})
