"""Requests made from what the service's OpenAPI says of itself, right ones and wrong ones, in every state of a key.

Schemathesis makes the cases (Hatfield-Dodds and Dygalo, "Deriving Semantics-Aware Fuzzers from Web API Schemas", 2022,
arXiv 2112.10328) and says whether a reply has a status, a content type and a schema that the OpenAPI promises. Each
case is sent once in each state: no key made, none sent, a wrong one, a revoked one, and one of each scope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import httpx
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from kindred.serving.app import build_app
from kindred.serving.protection.access import needed_scope
from kindred.serving.protection.keys import Keys, Scope, keys_of
from kindred.serving.service import Service

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
OPEN = "no key made"
REFUSED = ("none sent", "wrong", "revoked")
NUM_STATES = 1 + len(REFUSED) + len(Scope)
_BASE = "http://kindred"


@dataclass
class Tally:
    """What came of the requests.

    Attributes:
        statuses: how often each status was answered.
        failures: what was wrong, each with one request that shows it.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def num_requests(self) -> int:
        return self.statuses.total()


class Asker:
    """Sends requests to a service in this process, whose event loop goes on between them."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self._client = client

    def ask(self, headers: Iterable[Mapping[str, str]], **request: Any) -> list[httpx.Response]:
        """The replies to one request that is sent once with each of these headers."""
        return self._portal.call(partial(self._replies, headers, request))

    async def _replies(self, headers: Iterable[Mapping[str, str]], request: Mapping[str, Any]) -> list[httpx.Response]:
        return [await self._client.request(**request, headers=each) for each in headers]


@contextmanager
def asking(service: Service) -> Iterator[tuple[FastAPI, Asker]]:
    """The application of a service, its background tasks running, and who asks it."""
    app = build_app(service)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(httpx.AsyncClient(transport=transport, base_url=_BASE)) as client,
    ):
        yield app, Asker(portal, client)


def key_states(keys: Keys) -> dict[str, dict[str, str]]:
    """The headers of each state but the one in which there is no key; the keys of it are made."""
    made = {str(scope): keys.create(f"key to {scope}", [scope])[1] for scope in Scope}
    revoked, secret = keys.create("revoked", [Scope.ADMIN])
    keys.revoke(revoked.id)
    secrets = {"wrong": made["admin"][:-1], "revoked": secret, **made}
    return {"none sent": {}} | {name: {"Authorization": f"Bearer {text}"} for name, text in secrets.items()}


def run_cases(service: Service, num_requests: int, known: Mapping[str, Sequence[str]], start: int = 0) -> Tally:
    """Sends at least so many requests, as many to each operation.

    Args:
        service: what is asked; it has no keys yet.
        num_requests: in all states together.
        known: name of a parameter or field → values that mean something, tried beside those that may not.
        start: of the random numbers.
    """
    tally = Tally()
    with asking(service) as (app, asker):
        schema = schemathesis.openapi.from_dict(_with_known(app.openapi(), known))
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        strategies = [op.as_strategy(generation_mode=mode) for op, mode in product(operations, modes)]
        keys = keys_of(service.settings.data_dir)
        for num_states in (1, NUM_STATES):
            states = {OPEN: dict[str, str]()} if num_states == 1 else key_states(keys)
            enough = num_requests * num_states // NUM_STATES
            while tally.num_requests < enough:
                each = -(-(enough - tally.num_requests) // (len(strategies) * len(states)))
                for strategy in strategies:
                    start += 1
                    _send_all(strategy, each, start, partial(_send, asker, tally, states))
    return tally


def _send_all(strategy: Any, count: int, start: int, send: Any) -> None:
    """Hands so many cases of a strategy to `send`."""

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    @given(case=strategy)
    def run(case: Case[Any]) -> None:
        send(case)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parameters
        run()


def _send(asker: Asker, tally: Tally, states: Mapping[str, Mapping[str, str]], case: Case[Any]) -> None:
    request = case.as_transport_kwargs(base_url=_BASE)
    request.pop("cookies")
    if "data" in request and not isinstance(request["data"], Mapping):
        request["content"] = request.pop("data")
    given_headers = request.pop("headers")
    try:
        replies = asker.ask([{**given_headers, **headers} for headers in states.values()], **request)
    except (httpx.InvalidURL, UnicodeEncodeError, TypeError):
        return  # no client can send it
    for state, reply in zip(states, replies, strict=True):
        tally.statuses[reply.status_code] += 1
        for what in _wrong(case, reply, state):
            tally.failures.setdefault(f"{case.operation.label}, {state}: {what}", f"{request} {reply.text[:300]}")


def _wrong(case: Case[Any], reply: httpx.Response, state: str) -> Iterator[str]:
    """What is not as the OpenAPI, or the state of the key, has it."""
    if reply.status_code >= 500 and reply.status_code != 503:
        yield f"status {reply.status_code}"
    path = reply.request.url.path
    is_open = path in ("/health/live", "/health/ready")
    if state in REFUSED and not is_open and reply.status_code != 401:
        yield f"status {reply.status_code} without a key"
    lacks = state in tuple(Scope) and state != Scope.ADMIN and state != needed_scope(case.method, path)
    if lacks and not is_open and reply.status_code != 403:
        yield f"status {reply.status_code} with a key that lacks the scope"
    try:
        case.validate_response(reply, checks=CHECKS)
    except FailureGroup as group:
        yield from (str(error.title) for error in group.exceptions if isinstance(error, Failure))
    except Failure as error:
        yield str(error.title)


def _with_known(description: dict[str, Any], known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The description, its parameters and fields of these names with values that mean something among others."""
    description = deepcopy(description)
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in known:
                parameter["schema"] = _either(parameter["schema"], known[parameter["name"]])
    for schema in description.get("components", {}).get("schemas", {}).values():
        for name, inner in schema.get("properties", {}).items():
            if name in known:
                schema["properties"][name] = _either(inner, known[name])
    return description


def _either(schema: dict[str, Any], values: Sequence[str]) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(values)}, schema]}
