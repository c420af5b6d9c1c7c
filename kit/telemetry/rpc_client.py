"""Carries the trace to peers.

A unary call gets a span of its own. A stream only carries the present one: it may live for hours, and the span of the
server tells all there is. The stock instrumentation turns a stream into a generator that cannot be cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context

from kit.telemetry.context import to_metadata
from kit.telemetry.rpc_server import note_code, rpc_attributes


def client_interceptors(tracer: Tracer) -> Sequence[grpc.aio.ClientInterceptor]:
    """Return the interceptors for the kinds of calls that our contracts have: unary ones and streams of responses."""
    return [_UnarySpans(tracer), _StreamPropagation()]


class _UnarySpans(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        method = _text(client_call_details.method)
        span = self._tracer.start_span(
            method.lstrip("/"), kind=SpanKind.CLIENT, attributes=dict(rpc_attributes(method))
        )
        details = _with_trace(client_call_details, set_span_in_context(span))
        call: Any = None
        try:
            call = await continuation(details, request)
            code = await call.code()
            note_code(span, code, is_fault=code is not grpc.StatusCode.OK)
        except asyncio.CancelledError:
            # Who cancels the call cancels this task, and the call beneath it would go on.
            if call is not None:
                call.cancel()
            note_code(span, grpc.StatusCode.CANCELLED, is_fault=True)
            raise
        finally:
            span.end()
        return call


class _StreamPropagation(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        return await continuation(_with_trace(client_call_details, None), request)


def _with_trace(details: Any, context: Context | None) -> Any:
    metadata = grpc.aio.Metadata(*(details.metadata or ()))
    for key, value in to_metadata(context):
        metadata[key] = value
    return details._replace(metadata=metadata)


def _text(method: str | bytes) -> str:
    return method.decode() if isinstance(method, bytes) else method
