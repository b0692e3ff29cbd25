"""Traces for OpenTelemetry: a span for each request and for its stages, sent where the settings say; else none.

The SDK is an extra and is imported only where traces are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kindred.domain.errors import SettingsError, install_hint
from kindred.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

Attribute = str | int | float | bool
Headers = Iterable[tuple[bytes, bytes]]
NAME = "kindred"


class Span:
    """What is measured: a request or a stage of one. Where nothing is traced it takes what it is told and drops it."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        """Notes what came of it; nothing that names a user."""
        if self._span is not None:
            self._span.set_attributes(dict(attributes))

    def name(self, name: str) -> None:
        """Calls it so, where that is known only later."""
        if self._span is not None:
            self._span.update_name(name)


_UNTRACED = nullcontext(Span())


class Spans:
    """Makes spans.

    Args:
        provider: where they go; None for no spans.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer(NAME, version(NAME))

    def request(self, method: str, headers: Headers) -> AbstractContextManager[Span]:
        """The span of a request, part of the trace that its `traceparent` names, if any."""
        return _UNTRACED if self._tracer is None else self._request(self._tracer, method, headers)

    def stage(self, name: str) -> AbstractContextManager[Span]:
        """The span of a stage of the request that is being answered, or of work in the background."""
        return _UNTRACED if self._tracer is None else self._stage(self._tracer, name)

    @contextmanager
    def _request(self, tracer: Tracer, method: str, headers: Headers) -> Iterator[Span]:
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind

        context = extract({name.decode("latin-1"): value.decode("latin-1") for name, value in headers})
        with tracer.start_as_current_span(method, context, SpanKind.SERVER) as span:
            yield Span(span)

    @contextmanager
    def _stage(self, tracer: Tracer, name: str) -> Iterator[Span]:
        with tracer.start_as_current_span(name) as span:
            yield Span(span)

    def close(self) -> None:
        """Sends what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def open_spans(settings: Settings) -> Spans:
    """Spans that go where the settings say, in batches from a thread of their own; none where they say nothing.

    Raises:
        SettingsError: the SDK is not installed.
    """
    if not settings.otel_url:
        return Spans()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        hint = f"{install_hint('otel')}, or unset KINDRED_OTEL_URL"
        raise SettingsError("OpenTelemetry is not installed", hint) from error
    provider = TracerProvider(resource=Resource.create({"service.name": NAME, "service.version": version(NAME)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(settings.otel_url)))
    return Spans(provider)
