"""The way to a peer: over the network when it has an address, in-process when it lives here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import grpc.aio

from kit.caller import METADATA_KEY, Caller, CallerSigner
from kit.inprocess import InProcessChannel, InProcessServer
from kit.inprocess.server import MAX_MESSAGE_BYTES
from kit.interceptors.caller import current_caller, remaining_seconds

DEFAULT_TIMEOUT_SECONDS = 10.0
IDEMPOTENCY_KEY = "idempotency-key"

# `dns:///` and round_robin spread the calls over all pods of a headless Service; without them one pod gets everything.
_OPTIONS: Sequence[tuple[str, int | str]] = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A peer that was away is back within a second of its return; meanwhile calls fail at once.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


class CallOptions(TypedDict):
    """The keyword arguments that every outgoing call carries: `await stub.GetTask(request, **options)`."""

    timeout: float | None
    metadata: tuple[tuple[str, str], ...]


class Outgoing:
    """Puts the caller and the deadline on outgoing calls.

    Args:
        signer: knows the key of this installation.
    """

    def __init__(self, signer: CallerSigner) -> None:
        self._signer = signer

    def __call__(
        self,
        caller: Caller | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
        idempotency_key: str | None = None,
    ) -> CallOptions:
        """Return the options of one call.

        Args:
            caller: who the call acts for; by default the caller of the call that runs here.
            timeout: the most that the call may take, in seconds; it gets less when less is left to the call that runs
                here. None is for streams that have no end.
            idempotency_key: makes a creating call safe to repeat.
        """
        token = (METADATA_KEY, self._signer.sign(current_caller() if caller is None else caller))
        remaining = remaining_seconds()
        if remaining is not None and (timeout is None or remaining < timeout):
            timeout = remaining
        metadata = (token,) if idempotency_key is None else (token, (IDEMPOTENCY_KEY, idempotency_key))
        return {"timeout": timeout, "metadata": metadata}


class UnknownPeer(LookupError):
    """A peer has no address and does not live in this process."""


class Channels:
    """The channels of one process to its peers, one for each name.

    Args:
        addresses: `host:port` of each peer that is reached over the network, by name, for example `tasks`.
        inprocess: the server of the services that live in this process, if any.
        interceptors: client interceptors for all channels, the outermost first.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        inprocess: InProcessServer | None = None,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    ) -> None:
        self._addresses = {name: address for name, address in addresses.items() if address}
        self._inprocess = inprocess
        self._interceptors = interceptors
        self._channels: dict[str, grpc.aio.Channel] = {}

    def get(self, name: str) -> grpc.aio.Channel:
        """Return the channel to the peer `name`. Must be called on the event loop.

        Raises:
            UnknownPeer: nobody said where that peer is.
        """
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = self._make(name)
        return channel

    async def close(self, grace: float | None = None) -> None:
        """Close all channels, after giving calls under way `grace` seconds to end."""
        channels = list(self._channels.values())
        self._channels.clear()
        for channel in channels:
            await channel.close(grace)

    def _make(self, name: str) -> grpc.aio.Channel:
        if address := self._addresses.get(name):
            target = address if ":///" in address or address.startswith("unix:") else f"dns:///{address}"
            return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=self._interceptors)
        if self._inprocess is None:
            raise UnknownPeer(f"the peer {name!r} has no address and does not live in this process")
        return cast(grpc.aio.Channel, InProcessChannel(self._inprocess, self._interceptors))
