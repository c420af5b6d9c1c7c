"""One gRPC server for the services of a process, with health, reflection and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kit.inprocess import InProcessServer
from kit.inprocess.server import MAX_MESSAGE_BYTES

_SERVING = health_pb2.HealthCheckResponse.SERVING
_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.so_reuseport", 0),  # a second process on the same port must fail, not share the calls
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # our own clients ping every 30 s
    # Connections end now and then, so that clients ask DNS again and find new pods.
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
)


class Registration(NamedTuple):
    """One or more services to host.

    Attributes:
        register: adds the servicers to the server it is given, for example
            `lambda server: add_QueueServiceServicer_to_server(handlers, server)`. It is called for each server.
        names: the full names of the services, for health and reflection, for example `piecework.tasks.v1.QueueService`.
        end_streams: ends calls that would never end by themselves; called when no more calls are accepted.
    """

    register: Callable[[Any], None]
    names: Sequence[str]
    end_streams: Callable[[], None] = lambda: None


class AddressUnavailable(OSError):
    """The address to listen on is taken, or is not one of this machine."""


class GrpcHost:
    """Serves the same services over the network and in-process.

    Args:
        services: what to serve.
        address: `host:port` to listen on; port 0 lets the system choose, see `port`. None serves in-process only.
        interceptors: server interceptors, the outermost first; see `kit.interceptors` for their order.
        drain_seconds: how long calls under way may take to end when the host stops.
    """

    def __init__(
        self,
        services: Sequence[Registration],
        address: str | None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        drain_seconds: float = 10.0,
    ) -> None:
        self.inprocess = InProcessServer(interceptors)
        self.port = 0
        self._services = services
        self._address = address
        self._interceptors = interceptors
        self._drain_seconds = drain_seconds
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            AddressUnavailable: the port is taken.
        """
        server = None if self._address is None else self._listen(self._address)
        names = [name for service in self._services for name in service.names]
        for target in (self.inprocess, server):
            if target is not None:
                health_pb2_grpc.add_HealthServicer_to_server(self._health, target)
                for service in self._services:
                    service.register(target)
        if server is not None:
            reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
            await server.start()
        await self.inprocess.start()
        for name in names:
            await self._health.set(name, _SERVING)
        self._server = server

    async def drain(self) -> None:
        """Tell balancers to go elsewhere, then accept no more calls and wait until those under way have ended.

        Calls that have not ended after `drain_seconds` are cancelled.
        """
        await self._health.enter_graceful_shutdown()
        stopping = [self.inprocess.stop(self._drain_seconds)]
        if self._server is not None:
            stopping.append(self._server.stop(self._drain_seconds))
        # In this order: whoever comes back after the end of a stream must find a closed door.
        await asyncio.gather(*stopping, self._end_streams())

    async def _end_streams(self) -> None:
        for service in self._services:
            service.end_streams()

    def _listen(self, address: str) -> grpc.aio.Server:
        server = grpc.aio.server(interceptors=self._interceptors, options=_OPTIONS)
        try:
            self.port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise AddressUnavailable(
                f"cannot listen on {address}: the port is taken, or the address is not one of this machine"
            ) from error
        return server
