"""Another service, as one service needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from kit.channels import DEFAULT_TIMEOUT_SECONDS, UnknownPeer
from kit.errors import Unavailable

if TYPE_CHECKING:
    import grpc.aio

    from kit.caller import Caller
    from kit.channels import CallOptions, Channels, Outgoing


class Peer:
    """The way to a service, and what goes with each call; a subclass says in its own words what is asked for.

    Args:
        channels: the way to all services.
        outgoing: puts caller and deadline on calls.

    Attributes:
        service: the name of the service, for example `billing`.
        caller: on whose behalf it is called.
        timeout_seconds: how long one call may take.
    """

    service: ClassVar[str]
    caller: ClassVar[Caller]
    timeout_seconds: ClassVar[float] = DEFAULT_TIMEOUT_SECONDS

    def __init__(self, channels: Channels, outgoing: Outgoing) -> None:
        self._channels = channels
        self._outgoing = outgoing

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel to it.

        Raises:
            Unavailable: PEER_UNKNOWN, nobody said where it is.
        """
        try:
            return self._channels.get(self.service)
        except UnknownPeer as error:
            raise Unavailable("PEER_UNKNOWN", f"Nobody said where the service {self.service} is") from error

    @property
    def options(self) -> CallOptions:
        """Caller and deadline of one call."""
        return self._outgoing(self.caller, timeout=self.timeout_seconds)
