"""Joins targets, engines and the gateway to one process on one event loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.app import GatewayResources
from gateway.server import GatewayServer, serve
from kit import mongo, redis, telemetry
from kit.caller import CallerSigner
from kit.channels import Channels, Outgoing
from kit.clock import SystemClock
from kit.host import GrpcHost, Registration
from kit.interceptors.access import AccessInterceptor, RpcMetrics
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.interceptors.validation import ValidationInterceptor
from kit.metrics import new_registry
from kit.settings import Settings
from kit.target import Resources, Target
from launch import targets
from launch.idempotency import TargetIdempotency

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class Platform:
    """The services of one process, over gRPC and in-process, and the gateway if it lives here.

    Args:
        settings: the configuration; MongoDB, Redis and the caller key are set.
        services: the names of the services that live here.
        address: where their gRPC server listens, `host:port`.
        peers: the addresses of the services that do not live here.
        exporter: where spans go instead of where the settings say. For tests.

    Attributes:
        channels: the way to all services, wherever they live.
        outgoing: signs calls to them.
        registry: the metrics of this process.
        ready: whether it serves, and is not about to end.
    """

    def __init__(
        self,
        settings: Settings,
        services: Sequence[str],
        address: str,
        peers: dict[str, str],
        exporter: SpanExporter | None = None,
    ) -> None:
        self.registry = new_registry()
        self.ready = False
        self._settings = settings
        self._signer = CallerSigner(settings.caller_key)
        self.outgoing = Outgoing(self._signer)
        self._tracing = telemetry.configure(settings, _name(services), exporter)
        self._idempotency = TargetIdempotency()
        self._registrations: list[Registration] = []
        self._host = self._make_host(address) if services else None
        inprocess = self._host.inprocess if self._host else None
        self.channels = Channels(peers, inprocess, self._tracing.client_interceptors())
        self._redis = redis.connect(settings.redis_url)
        self._resources = self._make_resources() if services else None
        self._services = services
        self._started: list[Target] = []
        self._gateway: GatewayServer | None = None

    @property
    def grpc_port(self) -> int:
        """The port of the gRPC server, known once it has started; 0 when no service lives here."""
        return self._host.port if self._host else 0

    async def start(self) -> None:
        """Prepare the databases, start the background loops, and serve over gRPC.

        Raises:
            AddressUnavailable: the port of the gRPC server is taken.
        """
        if self._host is not None and self._resources is not None:
            built = [targets.build(name, self._resources) for name in self._services]
            self._registrations += [registration for target in built for registration in target.registrations]
            self._idempotency.add(built, self._resources)
            await self._idempotency.prepare()
            for target in built:
                self._started.append(target)
                await target.start()
            await self._host.start()
        self.ready = True

    async def open_gateway(self, host: str, port: int) -> int:
        """Serve the gateway, and return its port.

        Raises:
            OSError: the port is taken, or the address is not one of this machine.
        """
        parts = GatewayResources(
            settings=self._settings,
            channels=self.channels,
            outgoing=self.outgoing,
            redis=self._redis,
            registry=self.registry,
            middlewares=self._tracing.aiohttp_middlewares(),
        )
        self._gateway = await serve(parts, host, port)
        return self._gateway.port

    async def stop(self) -> None:
        """Say that it is not ready, give work back, take no more calls, let those under way end, then the rest."""
        self.ready = False
        if self._gateway is not None:
            await self._gateway.stop()
        for target in self._started:
            if target.lay_down is not None:
                await target.lay_down()
        if self._host is not None:
            await self._host.drain()
        for target in reversed(self._started):
            await target.stop()
        self._started.clear()
        await self.channels.close()
        if self._resources is not None:
            await self._resources.mongo.close()
        await self._redis.aclose()
        await self._tracing.close()

    def _make_host(self, address: str) -> GrpcHost:
        interceptors = [
            *self._tracing.server_interceptors(),
            AccessInterceptor(RpcMetrics(self.registry), log_successes=False),
            ErrorsInterceptor(),
            CallerInterceptor(self._signer),
            ValidationInterceptor(),
            self._idempotency,
        ]
        # The registrations come when the targets are built, for which the channels must exist.
        return GrpcHost(self._registrations, address, interceptors, self._settings.drain_seconds)

    def _make_resources(self) -> Resources:
        listeners = self._tracing.mongo_listeners()
        return Resources(
            settings=self._settings,
            mongo=mongo.connect(self._settings.mongodb_uri, app_name="piecework", listeners=listeners),
            redis=self._redis,
            channels=self.channels,
            signer=self._signer,
            clock=SystemClock(),
            registry=self.registry,
            tracer=self._tracing.tracer,
        )


def _name(services: Sequence[str]) -> str:
    """Return what a process is called in traces: after its only target, else after the whole."""
    if len(services) > 1:
        return "piecework"
    return f"piecework-{services[0] if services else targets.GATEWAY}"
