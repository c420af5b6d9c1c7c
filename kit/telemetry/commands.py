"""A span for each MongoDB command that belongs to a trace.

It names the command and the collection and nothing else. The stock instrumentation also copies the words of failures,
which quote the values of documents, and begins a trace for every poll of a background loop.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

_SIGNING_IN = frozenset({"saslStart", "saslContinue", "hello", "ping"})
_MAX_OPEN = 4096


class CommandSpans(CommandListener):
    """Makes the spans of the commands of MongoDB clients.

    Args:
        tracer: makes the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._open: dict[Any, Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Begin a span, if what runs here is traced; a new connection that signs in is no part of it."""
        if event.command_name in _SIGNING_IN or not trace.get_current_span().is_recording():
            return
        collection = _collection(event)
        span = self._tracer.start_span(
            f"{event.command_name} {collection}" if collection else event.command_name, kind=SpanKind.CLIENT
        )
        span.set_attribute("db.system.name", "mongodb")
        span.set_attribute("db.namespace", event.database_name)
        span.set_attribute("db.operation.name", event.command_name)
        if collection:
            span.set_attribute("db.collection.name", collection)
        if len(self._open) >= _MAX_OPEN:
            # A command that was cancelled is never reported as ended.
            self._open.pop(next(iter(self._open))).end()
        self._open[_key(event)] = span

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """End the span of a command that went well."""
        span = self._open.pop(_key(event), None)
        if span is not None:
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        """End the span of a command that failed."""
        span = self._open.pop(_key(event), None)
        if span is not None:
            failure: Any = event.failure
            name = str(failure.get("codeName") or failure.get("code") or "error")
            span.set_attribute("error.type", name)
            span.set_status(Status(StatusCode.ERROR))
            span.end()


def _collection(event: CommandStartedEvent) -> str:
    named = event.command.get("collection" if event.command_name == "getMore" else event.command_name)
    return named if isinstance(named, str) else ""


def _key(event: CommandStartedEvent | CommandSucceededEvent | CommandFailedEvent) -> tuple[int, Any]:
    return event.request_id, event.connection_id
