"""A span for each call that a gRPC server answers.

The stock instrumentation cannot read the peer of an in-process call, wraps each call anew and copies messages of
exceptions, which may quote what a client sent, into the trace.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from kit.interceptors.methods import Behaviour, MethodInterceptor
from kit.telemetry.context import from_metadata, is_part_of_a_trace

# Those that say that the server is at fault, by the semantic conventions; the others are the client's own.
_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_UNTRACED_SERVICES = ("/grpc.health.", "/grpc.reflection.")


class ServerSpans(MethodInterceptor):
    """Goes on with the trace of the client in a span of the server; goes outside of all other interceptors.

    Args:
        tracer: makes the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def applies_to(self, method: str) -> bool:
        """Leave probes out: they would be most of what is traced."""
        return not method.startswith(_UNTRACED_SERVICES)

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` within a span."""
        attributes = rpc_attributes(method)

        async def traced(request: Any, context: Any) -> Any:
            with self._span(method, attributes, context) as span:
                try:
                    response = await behaviour(request, context)
                except BaseException as error:
                    _end(span, context, error)
                    raise
                _end(span, context, None)
                return response

        return traced

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` within a span that ends with the stream; a stream that no trace asked for has none.

        Such a stream feeds a loop: it would be one trace of hours, with every query that it makes.
        """
        attributes = rpc_attributes(method)

        async def traced(request: Any, context: Any) -> Any:
            if not is_part_of_a_trace(context.invocation_metadata()):
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        yield response
                return
            with self._span(method, attributes, context) as span:
                try:
                    async with aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            yield response
                except BaseException as error:
                    _end(span, context, error)
                    raise
                _end(span, context, None)

        return traced

    def _span(self, method: str, attributes: dict[str, str], context: Any) -> Any:
        return self._tracer.start_as_current_span(
            method.lstrip("/"),
            context=from_metadata(context.invocation_metadata()),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )


def rpc_attributes(method: str) -> dict[str, str]:
    """Return the attributes that all spans of `method` have."""
    service, _, name = method.lstrip("/").partition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


def note_code(span: Span, code: grpc.StatusCode, *, is_fault: bool) -> None:
    """Put the outcome of a call on its span; never its words, which may quote what a client sent."""
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if is_fault:
        span.set_status(Status(StatusCode.ERROR, code.name))


def _end(span: trace.Span, context: Any, error: BaseException | None) -> None:
    if not span.is_recording():
        return
    code = _code(context, error)
    note_code(span, code, is_fault=code in _FAULTS)


def _code(context: Any, error: BaseException | None) -> grpc.StatusCode:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        expired = context.time_remaining() == 0
        return grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return grpc.StatusCode.OK if error is None else grpc.StatusCode.UNKNOWN
