"""The context of a trace as it travels: the W3C headers `traceparent` and `tracestate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_HEADERS = frozenset({"traceparent", "tracestate"})
_propagator = TraceContextTextMapPropagator()


def from_headers(headers: Mapping[str, str]) -> Context:
    """Return the context in HTTP headers; an empty one when there is none or it is malformed."""
    # A context of its own: what runs here already must not become the parent of what a client asks for.
    return _propagator.extract(headers, Context())


def from_metadata(metadata: Iterable[tuple[str, Any]] | None) -> Context:
    """Return the context in gRPC metadata; an empty one when there is none or it is malformed."""
    carrier = {key: value for key, value in metadata or () if key in _HEADERS}
    return _propagator.extract(carrier, Context()) if carrier else Context()


def is_part_of_a_trace(metadata: Iterable[tuple[str, Any]] | None) -> bool:
    """Tell whether gRPC metadata carries a context."""
    return any(key == "traceparent" for key, _ in metadata or ())


def to_metadata(context: Context | None = None) -> tuple[tuple[str, str], ...]:
    """Return the gRPC metadata that carries `context`, by default the present one; empty outside of any trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context)
    return tuple(carrier.items())
