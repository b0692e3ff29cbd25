"""Who may come in, and with what: keys and scopes, requests per key and at once, size and depth of bodies."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kindred.domain.errors import ArtifactError
from kindred.serving.http.problems import is_page, problem
from kindred.serving.http.quick_routes import BODY
from kindred.serving.protection.keys import MAKE_ONE, Key, is_loopback, keys_of
from kindred.serving.protection.keys import Scope as KeyScope
from kindred.serving.protection.limits import TokenBuckets, json_refusal
from kindred.settings import Settings

_LONGEST_PATH = 8_192
_BODIES_AT_ONCE = 16
"""Bodies of the greatest size that may be held in memory at once."""
_OPEN = ("/health/live", "/health/ready", "/ui/static/")
_QUESTIONS = ("/recommendations", "/recommendations/batch", "/rank", "/reviews", "/similar", "/predict")
"""Ends of paths that are asked with a body and change nothing."""
NPY = b"\x93NUMPY"
"""How an array begins, and no JSON does."""
_AS_PASSWORD = "load the page again and give a key with the scope read as the password; any user name will do"
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")


class Refusal(Exception):
    """A request that is not let through, as the problem that answers it."""

    def __init__(self, status: int, code: str, message: str, hint: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.code, self.message, self.hint, self.headers = status, code, message, hint, headers


class Access:
    """Lets requests through, or answers 401, 403, 408, 413, 414, 415, 421, 422, 429 or 503 in the place of the service.

    The name of the key's owner is left in `scope["state"]["caller"]`, the whole body in `scope["state"][BODY]`. The key
    itself is neither kept nor logged.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = keys_of(settings.data_dir)
        self._is_public = not is_loopback(settings.serve_host)
        self._buckets = TokenBuckets(settings.serve_rate / settings.serve_workers, settings.serve_burst)
        self._most_at_once = settings.serve_concurrent
        self._most_bytes = settings.serve_body_bytes
        self._seconds = settings.serve_deadline_ms / 1000
        self._num_now = 0
        self._bytes_now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"].startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        held = 0
        self._num_now += 1
        try:
            self._admit(scope)
            if scope["method"] not in _WITHOUT_BODY:
                body = await self._body(scope, receive)
                held = len(body)
                self._bytes_now += held
                scope.setdefault("state", {})[BODY] = body
                receive = _again(body, receive)
            await self._app(scope, receive, send)
        except Refusal as refusal:
            reply = problem(scope, refusal.status, refusal.code, refusal.message, refusal.hint, refusal.headers)
            await reply(scope, receive, send)
        finally:
            self._num_now -= 1
            self._bytes_now -= held

    def _admit(self, scope: Scope) -> None:
        """Raises Refusal where the request is not let in, whatever its body is."""
        headers = dict(scope["headers"])
        if scope["method"] not in _WITHOUT_BODY and headers.get(b"sec-fetch-site") == b"cross-site":
            raise Refusal(403, "cross_site", "another site's page asked a browser to write here", "")
        if self._num_now > self._most_at_once:
            raise _busy(f"{self._most_at_once} requests are being answered")
        try:
            self._check_key(scope, headers)
        except ArtifactError as error:
            raise Refusal(503, "unavailable", "the keys can't be read", "see `kindred keys list`") from error
        if len(scope["path"]) + len(scope["query_string"]) > _LONGEST_PATH:
            raise Refusal(414, "too_long", f"the address is longer than {_LONGEST_PATH:,}", "send a body instead")

    def _check_key(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self._is_public and not self._keys.are_needed():
            _check_host(scope, headers)
            return
        key = self._keys.find(_secret_in(headers))
        if key is None:
            raise _unknown(scope["path"])
        scope.setdefault("state", {})["caller"] = key.name
        needed = needed_scope(scope["method"], scope["path"])
        if not key.allows(needed):
            raise Refusal(403, "forbidden", f"this key lacks the scope {needed}", f"make one with --scope {needed}")
        self._check_rate(key)

    def _check_rate(self, key: Key) -> None:
        if wait := self._buckets.wait(key.id):
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Refusal(429, "too_many", "this key asks too often", "wait, or raise KINDRED_SERVE_RATE", headers)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body. Raises Refusal where it is too big, too deep or too slow."""
        headers = dict(scope["headers"])
        if int(headers.get(b"content-length", b"0")) > self._most_bytes:
            raise self._too_big()
        if (coding := headers.get(b"content-encoding", b"identity").decode("latin-1")).lower() != "identity":
            raise Refusal(415, "compressed", f"a body in {coding!r} is not read", "send it as it is")
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._received(receive)
        except TimeoutError as error:
            hint = "send it faster, or in smaller parts"
            raise Refusal(408, "too_slow", f"no whole body within {self._seconds:g} s", hint) from error
        if not body.startswith(NPY) and (refused := json_refusal(body)):
            raise Refusal(422, "invalid", f"the body is {refused}", "send a flatter one, or several")
        return body

    async def _received(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "incomplete", "the connection ended within the body", "send it again")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most_bytes:
                raise self._too_big()
            if self._bytes_now + size > _BODIES_AT_ONCE * self._most_bytes:
                raise _busy("too many bodies are being read")
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_big(self) -> Refusal:
        hint = "send several, or raise KINDRED_SERVE_BODY_BYTES"
        return Refusal(413, "too_big", f"the body has more than {self._most_bytes:,} bytes", hint)


def needed_scope(method: str, path: str) -> KeyScope:
    """What a key must allow for a request: to ask, to write, or to delete."""
    if method == "DELETE":
        return KeyScope.ADMIN
    is_question = path.rstrip("/").endswith(_QUESTIONS) or is_page(path)
    return KeyScope.READ if method in _WITHOUT_BODY or is_question else KeyScope.WRITE


def _secret_in(headers: Mapping[bytes, bytes]) -> str:
    """The key that a request carries: `Authorization: Bearer KEY`, `X-API-Key: KEY`, or a browser's password."""
    kind, _, value = headers.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"basic":
        try:
            value = base64.b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            value = b""
    elif kind.lower() != b"bearer":
        value = headers.get(b"x-api-key", b"")
    return value.strip().decode("latin-1")


def _unknown(path: str) -> Refusal:
    # A browser that is challenged with `Basic` asks for a password, and sends the key as it.
    asks_for = "Basic" if is_page(path) else "Bearer"
    headers = {"WWW-Authenticate": f'{asks_for} realm="Kindred"'}
    hint = _AS_PASSWORD if is_page(path) else f"send `Authorization: Bearer KEY`; {MAKE_ONE}"
    return Refusal(401, "unauthorized", "no valid key", hint, headers)


def _check_host(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Without keys, a page whose name was made to lead to this machine must not ask in its visitor's name."""
    server = scope.get("server")
    if server is None or server[1] is None or not is_loopback(server[0]):
        return
    host = headers.get(b"host", b"").decode("latin-1")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name):
        raise Refusal(421, "other_host", f"this service is not {name!r}", "ask for 127.0.0.1, or make a key")


def _busy(why: str) -> Refusal:
    return Refusal(503, "overloaded", why, "ask again in a second", {"Retry-After": "1"})


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body, then whatever comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
