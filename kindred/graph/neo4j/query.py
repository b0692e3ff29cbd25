"""A user's own query on Neo4j: read-only by five gates, bounded in rows and seconds.

The gates: the words of the query (`cypher.py`), the server's own plan of it (type and every operator), access mode
READ, a timeout, a row limit. Community Edition has no roles, so nothing on the server does this for us.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kindred.domain.errors import SchemaError
from kindred.graph.answers import answer_table
from kindred.graph.cypher import check_read_only
from kindred.graph.neo4j.connection import Neo4jConnection, first_line
from kindred.graph.neo4j.values import plain
from kindred.graph.store import QueryLimits

if TYPE_CHECKING:
    from neo4j import Session

# The planner calls these reading too, but they read files, run procedures, or show and end other people's work.
REFUSED_OPERATORS = ("LoadCSV", "ProcedureCall", "Show", "Terminate", "AdministrationCommand")
TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"  # the code goes on with who set the limit


def run_read_only(
    connection: Neo4jConnection, cypher: str, parameters: Mapping[str, object], limits: QueryLimits
) -> pa.Table:
    """At most `limits.rows` rows of the answer.

    Raises:
        SchemaError: the query would write, does not parse, fails, or takes longer than `limits.seconds`.
        StoreError: the server is gone.
    """
    import neo4j.exceptions

    check_read_only(cypher)
    with connection.errors_translated(), connection.session(read_only=True, fetch_size=limits.rows) as session:
        try:
            _check_plan(session, cypher, parameters)
            query = neo4j.Query(cypher, timeout=limits.seconds)
            result = session.run(query, dict(parameters))
            rows = [[plain(value) for value in record.values()] for record in result.fetch(limits.rows)]
            return answer_table(result.keys(), rows)
        except neo4j.exceptions.Neo4jError as error:
            if (error.code or "").startswith(TIMED_OUT):
                raise SchemaError(
                    f"the query took longer than {limits.seconds:g} s", "narrow it, or add a LIMIT"
                ) from error
            if isinstance(error, neo4j.exceptions.ClientError) and not isinstance(error, neo4j.exceptions.AuthError):
                raise SchemaError(
                    f"the query failed: {first_line(error)}", "see `kindred graph stats` for what is there"
                ) from error
            raise


def _check_plan(session: Session, cypher: str, parameters: Mapping[str, object]) -> None:
    """Raises SchemaError unless the server itself plans to read nothing but the graph."""
    summary = session.run(f"EXPLAIN {cypher}", dict(parameters)).consume()
    if summary.query_type != "r":
        raise SchemaError("the query would change the graph or the server", "only reading queries are allowed")
    for operator in _operators(summary.plan or {}):
        if operator.startswith(REFUSED_OPERATORS):
            raise SchemaError(
                f"the query does more than read the graph ({operator})", "only reading queries are allowed"
            )


def _operators(plan: Mapping[str, Any]) -> Iterator[str]:
    yield str(plan.get("operatorType", ""))
    for child in plan.get("children", ()):
        yield from _operators(child)
