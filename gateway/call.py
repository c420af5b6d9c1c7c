"""One request on its way to a service: what a handler gets."""

from __future__ import annotations

from typing import Any, TypeVar

import grpc.aio
import msgspec
from aiohttp import web
from google.protobuf.message import Message

from gateway.auth import Authenticator, Identity
from gateway.exchange import Exchange
from gateway.peers import Peers
from gateway.streams import Streams
from kit.channels import DEFAULT_TIMEOUT_SECONDS

_Answer = TypeVar("_Answer")
_REPLAYED = "idempotency-replayed"
# Faces document the one or the other.
_REPLAYED_HEADERS = {"Idempotency-Replayed": "true", "X-Idempotency-Replayed": "true"}


class Services(msgspec.Struct, frozen=True):
    """What handlers may use.

    Attributes:
        peers: the services behind the gateway.
        authenticator: knows credentials.
        streams: the event streams that are open.
    """

    peers: Peers
    authenticator: Authenticator
    streams: Streams


class Call:
    """One authenticated, well-formed request.

    Attributes:
        request: the HTTP request.
        exchange: what is known about it.
        identity: whom it acts for.
        services: what a handler may use.
        message: the message that it became; None when its route names none.
        query: the struct of the query.
        body: the struct of the body; None when its route has none.
        headers: further headers of the answer.
    """

    __slots__ = (
        "body",
        "exchange",
        "headers",
        "idempotency_key",
        "identity",
        "message",
        "query",
        "request",
        "services",
    )

    def __init__(
        self, request: web.Request, exchange: Exchange, identity: Identity, services: Services, key: str | None
    ) -> None:
        self.request = request
        self.exchange = exchange
        self.identity = identity
        self.services = services
        self.idempotency_key = key
        self.message: Any = None
        self.query: Any = None
        self.body: Any = None
        self.headers: dict[str, str] = {}

    @property
    def peers(self) -> Peers:
        """The services behind the gateway."""
        return self.services.peers

    async def send(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Any, _Answer],
        message: Message | None = None,
        *,
        within: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> _Answer:
        """Call `method` for the caller, with the request's own message or another one.

        If the client goes away, the call is cancelled.

        Args:
            method: of a stub of `peers`.
            message: instead of the request's own.
            within: how long it may take, in seconds.

        Raises:
            AioRpcError: the call failed; the endpoint turns that into the face's error.
        """
        key = self.idempotency_key
        options = self.peers.outgoing(self.identity.caller, timeout=within, idempotency_key=key)
        rpc = method(self.message if message is None else message, **options)
        answer = await rpc
        if key is not None:
            for name, value in await rpc.trailing_metadata():
                if name == _REPLAYED and value == "true":
                    self.headers.update(_REPLAYED_HEADERS)
        return answer
