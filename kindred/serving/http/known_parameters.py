"""Parameters of a query that a route does not take are refused, so that a slip in a name is noticed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request as HttpRequest

from kindred.domain.errors import RecordError


async def _only_known(request: HttpRequest) -> None:
    """Raises: RecordError: the query has a parameter that the documented route has not."""
    if not request.query_params:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    documented = (route.openapi_extra or {}).get("parameters", ())
    known = {field.alias for field in route.dependant.query_params}
    known |= {parameter["name"] for parameter in documented if parameter["in"] == "query"}
    check_known(request.query_params, known)


def check_known(given: Iterable[str], known: Collection[str]) -> None:
    """Checks that a route takes every parameter that it was given. Raises: RecordError."""
    for name in given:
        if name not in known:
            hint = f"it takes {', '.join(sorted(known))}" if known else "it takes no parameters in its query"
            raise RecordError(f"{name[:40]}: is not known", hint)


ONLY_KNOWN = Depends(_only_known)
"""For the routes that programs ask; pages leave alone what stands in their address."""
