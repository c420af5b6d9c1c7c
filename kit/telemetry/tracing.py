"""Sets tracing up, and hands out what each part of a process needs to take part in it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc.aio
import structlog
from opentelemetry.trace import NoOpTracer, Tracer

from kit.settings import Settings
from kit.telemetry.commands import CommandSpans
from kit.telemetry.context import to_metadata
from kit.telemetry.requests import Middleware, request_spans
from kit.telemetry.rpc_client import client_interceptors
from kit.telemetry.rpc_server import ServerSpans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from pymongo.monitoring import CommandListener

_log = structlog.get_logger(__name__)


def configure(settings: Settings, service_name: str, exporter: SpanExporter | None = None) -> Telemetry:
    """Return the tracing of this process: active when there is somewhere to send spans, and else without any cost.

    A caller's decision to sample is followed; without one, `settings.trace_sample_ratio` of the traces are kept.

    Args:
        settings: says where spans go and how many traces are kept.
        service_name: what this process is called in a trace.
        exporter: where spans go instead; they get there as soon as they end. For tests.
    """
    if exporter is None and not settings.otlp_endpoint:
        return Telemetry(None)
    # Nobody else pays for loading the SDK.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        resource=Resource.create({"service.name": service_name}),
        sampler=ParentBasedTraceIdRatio(settings.trace_sample_ratio),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(_processor(settings.otlp_endpoint, exporter))
    return Telemetry(provider)


class Telemetry:
    """Tracing of one process. Made by `configure`.

    Attributes:
        enabled: whether anything is traced.
        tracer: makes spans of one's own; they cost nothing when nothing is traced.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider
        self.enabled = provider is not None
        self.tracer: Tracer = NoOpTracer() if provider is None else provider.get_tracer("piecework")

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """Return the interceptors of gRPC servers; they go outside of all others."""
        return [ServerSpans(self.tracer)] if self.enabled else []

    def client_interceptors(self) -> Sequence[grpc.aio.ClientInterceptor]:
        """Return the interceptors of gRPC channels, real ones and in-process ones."""
        return client_interceptors(self.tracer) if self.enabled else []

    def client_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata that carries the present trace to a peer, for calls that no interceptor sees."""
        return to_metadata() if self.enabled else ()

    def aiohttp_middlewares(self) -> Sequence[Middleware]:
        """Return the middlewares of HTTP servers; they go outside of all others."""
        return [request_spans(self.tracer)] if self.enabled else []

    def mongo_listeners(self) -> Sequence[CommandListener]:
        """Return the listeners of MongoDB clients, for `kit.mongo.connect`."""
        return [CommandSpans(self.tracer)] if self.enabled else []

    async def close(self, within_seconds: float = 2.0) -> None:
        """Send what is left and stop; a collector that does not answer in time loses it."""
        if self._provider is None:
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        shut_down = self._provider.shutdown

        def run() -> None:
            shut_down()
            with contextlib.suppress(RuntimeError):  # the loop did not wait for us
                loop.call_soon_threadsafe(done.set)

        # Not a thread of the pool: the process would wait for it at its end.
        threading.Thread(target=run, name="telemetry: shutdown", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), within_seconds)
        except TimeoutError:
            _log.warning("the last traces were not delivered in time")


def _processor(endpoint: str, exporter: SpanExporter | None) -> SpanProcessor:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    if exporter is not None:
        return SimpleSpanProcessor(exporter)
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    otlp: Any = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
    return BatchSpanProcessor(otlp)
