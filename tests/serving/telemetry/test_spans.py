"""Spans of requests and their stages, for OpenTelemetry, where they are wanted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kindred.domain.errors import SettingsError
from kindred.serving.service import Service
from kindred.serving.telemetry.spans import Spans, open_spans
from kindred.settings import Settings
from tests.serving.conftest import Client, ask, opened

USER = "U00001"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter(service: Service) -> Iterator[InMemorySpanExporter]:
    """What the shared service exports."""
    exporter, provider, before = InMemorySpanExporter(), TracerProvider(), service.spans
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    service.spans = Spans(provider)
    yield exporter
    service.spans = before


def named(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    return next(span for span in spans if span.name == name)


@pytest.mark.parametrize("where", ["/v1/users/{}/recommendations", "/v1/products/users/{}/recommendations"])
def test_an_answer_is_a_span_in_that_of_its_request(
    where: str, service: Service, exporter: InMemorySpanExporter
) -> None:
    reply = Client(service).get(where.format(USER), k=3)
    spans = exporter.get_finished_spans()
    request, answer = (
        named(spans, f"GET {where.format('{user_id}').replace('products', '{system}')}"),
        named(spans, "recommend"),
    )
    assert answer.parent is not None and answer.parent.span_id == request.context.span_id
    assert dict(answer.attributes or {}) == {
        "kindred.system": "products",
        "kindred.served_by": "engine",
        "kindred.level": "model",
        "kindred.degraded": False,
    }
    told = dict(request.attributes or {})
    assert told["http.response.status_code"] == 200 and told["kindred.request_id"] == reply.json()["request_id"]
    assert USER not in "".join(span.to_json() for span in spans)


def test_a_request_goes_on_with_the_trace_it_names(service: Service, exporter: InMemorySpanExporter) -> None:
    async def asks(client: httpx.AsyncClient) -> None:
        await client.get("/health/live", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        await client.get("/v1/nothing/users/a/recommendations", headers={"traceparent": "nonsense"})

    ask(service, asks)
    live, wrong = exporter.get_finished_spans()[0], exporter.get_finished_spans()[-1]
    assert live.parent is not None
    assert (f"{live.context.trace_id:032x}", f"{live.parent.span_id:016x}") == (TRACE, PARENT)
    assert wrong.parent is None and dict(wrong.attributes or {})["http.response.status_code"] == 404


def test_spans_are_sent_where_the_settings_say(settings: Settings) -> None:
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    with opened(settings.model_copy(update={"otel_url": url})) as service:
        Client(service).get(f"/v1/users/{USER}/recommendations")
    server.shutdown()
    assert any(b"recommend" in body and b"kindred.served_by" in body for body in bodies)


def test_without_a_place_to_send_them_nothing_is_imported() -> None:
    code = (
        "import sys, kindred.serving.app; from kindred.serving.telemetry.spans import open_spans; "
        "from kindred.settings import Settings; open_spans(Settings()); "
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match="OpenTelemetry is not installed") as caught:
        open_spans(Settings(otel_url="http://127.0.0.1:4318/v1/traces"))
    assert "[otel]" in str(caught.value)
