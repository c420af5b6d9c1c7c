"""The two kinds of channel under one roof, and the service that the contract tests call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

import grpc.aio

from kit.inprocess import InProcessChannel, InProcessServer

MAX_MESSAGE_BYTES = 1 << 20
PATIENCE_SECONDS = 10.0
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)


class Servers(Protocol):
    async def start(self) -> None: ...
    async def stop(self, grace: float | None) -> None: ...


class Servicer:
    """Runs whatever behaviour a test puts into `unary`, `down`, `up` and `both`."""

    unary: Any
    down: Any
    up: Any
    both: Any

    async def Unary(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the method
        return await self.unary(request, context)

    async def Down(self, request: Any, context: Any) -> Any:  # noqa: N802
        async for response in self.down(request, context):
            yield response

    async def Up(self, requests: Any, context: Any) -> Any:  # noqa: N802
        return await self.up(requests, context)

    async def Both(self, requests: Any, context: Any) -> Any:  # noqa: N802
        async for response in self.both(requests, context):
            yield response

    async def Missing(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Answer, so that a client which gets no answer knows that an interceptor has hidden the method."""
        return request


class Link:
    """A running server, a channel to it, and a stub."""

    def __init__(self, kind: str, messages: ModuleType, services: ModuleType) -> None:
        self.kind = kind
        self.note = messages.Note
        self.servicer = Servicer()
        self._services = services
        self.server: Any = None
        self.channel: Any = None
        self.stub: Any = None

    async def open(
        self,
        server_interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        client_interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    ) -> None:
        if self.kind == "network":
            self.server = grpc.aio.server(interceptors=server_interceptors, options=_OPTIONS)
            port = self.server.add_insecure_port("127.0.0.1:0")
            target = f"127.0.0.1:{port}"
            self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=client_interceptors)
        else:
            self.server = InProcessServer(server_interceptors, max_message_bytes=MAX_MESSAGE_BYTES)
            self.channel = InProcessChannel(self.server, client_interceptors)
        self._services.add_ContractServiceServicer_to_server(self.servicer, self.server)
        await self.server.start()
        self.stub = self._services.ContractServiceStub(self.channel)
        # Tests of deadlines must not spend them on a connection.
        await self.channel.channel_ready()

    async def close(self) -> None:
        await self.channel.close()
        await self.server.stop(None)


class Journal:
    """What a handler noted about itself, with a way to wait for it."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._changed = asyncio.Event()

    def add(self, entry: Any) -> None:
        self.entries.append(entry)
        self._changed.set()

    async def until(self, entry: Any) -> None:
        """Wait until `entry` has been noted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while entry not in self.entries:
                self._changed.clear()
                await self._changed.wait()


async def failure(awaitable: Any) -> grpc.aio.AioRpcError:
    """Return the error that `awaitable` ends with."""
    try:
        result = await asyncio.wait_for(awaitable, PATIENCE_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"the call did not fail but returned {result!r}")


async def read_all(call: Any) -> list[Any]:
    """Return all responses of a stream."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [response async for response in call]
