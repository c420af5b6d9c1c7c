"""The servicer context that a handler gets from the in-process server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio
from grpc import _common
from grpc._cython import cygrpc

from kit.inprocess.exchange import CANCELLED, OK, Exchange
from kit.inprocess.metadata import Entries, check_types, received

# In the form that interceptors take apart: scheme, host, port.
PEER = "inproc:127.0.0.1:0"

_log = logging.getLogger(__name__)


class HandlerContext(grpc.aio.ServicerContext[Any, Any]):
    """What a handler can learn about its call and do to it.

    Args:
        exchange: the call.
    """

    __slots__ = (
        "_aborted",
        "_callbacks",
        "_code",
        "_details",
        "_exchange",
        "_trailers",
        "deserializer",
        "serializer",
    )

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.deserializer: Callable[[bytes], Any] | None = None
        self.serializer: Callable[[Any], bytes] | None = None
        self._aborted = False
        self._code: Any = None
        self._details = ""
        self._trailers: Entries = ()
        self._callbacks: list[Callable[[Any], object]] | None = None

    async def read(self) -> Any:
        """Return the next request of a stream, or `grpc.aio.EOF`."""
        self.check_running()
        assert self._exchange.requests is not None
        raw = await self._exchange.requests.get()
        self.check_running()
        if raw is None:
            return cygrpc.EOF
        return raw if self.deserializer is None else self.deserializer(raw)

    async def write(self, message: Any) -> None:
        """Send one response of a stream; waits while the client is slow to read."""
        self.check_running()
        exchange = self._exchange
        raw = message if self.serializer is None else self.serializer(message)
        if exchange.headers is None:
            exchange.send_headers(())
        assert exchange.responses is not None
        if not await exchange.responses.put(raw):
            await asyncio.sleep(0)  # the client is gone and this task has been cancelled: let that in
            raise cygrpc.UsageError("RPC already finished.")

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send the initial metadata now, before any message."""
        self.check_running()
        if self._exchange.headers is not None:
            raise cygrpc.UsageError("Send initial metadata failed: already sent")
        self._exchange.send_headers(received(initial_metadata))

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with an error."""
        if self._aborted:
            raise cygrpc.UsageError("Abort already called!")
        if not isinstance(trailing_metadata, tuple):
            kind = type(trailing_metadata).__name__
            raise TypeError(f"Argument 'trailing_metadata' has incorrect type (expected tuple, got {kind})")
        if as_status_code(code) is OK:
            raise ValueError("a call cannot be aborted with the status OK")
        self._aborted = True
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        self._details = details or self._details
        self._code = code
        self._exchange.complete(as_status_code(code), self._details, self._trailers)
        raise _abort_error()

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with an error."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Set what goes to the client with the status."""
        check_types(trailing_metadata)
        self._trailers = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """Return what goes to the client with the status."""
        return self._trailers

    def invocation_metadata(self) -> Any:
        """Return the metadata that came with the call, as a tuple of pairs."""
        return self._exchange.metadata

    def set_code(self, code: Any) -> None:
        """Set the status code that the call will end with."""
        as_status_code(code)
        self._code = code

    def code(self) -> Any:
        """Return the status code that was set, or None."""
        return self._code

    def set_details(self, details: str) -> None:
        """Set the description that the call will end with."""
        self._details = details

    def details(self) -> str:
        """Return the description that was set."""
        return self._details

    def set_compression(self, compression: grpc.Compression) -> None:
        """Do nothing: nothing is sent over a network."""

    def disable_next_message_compression(self) -> None:
        """Do nothing: nothing is sent over a network."""

    def peer(self) -> str:
        """Return the address of the client, which is this process."""
        return PEER

    def peer_identities(self) -> Iterable[bytes] | None:
        """Return None: the transport authenticates nobody."""
        return None

    def peer_identity_key(self) -> str | None:
        """Return None: the transport authenticates nobody."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return nothing: the transport authenticates nobody."""
        return {}

    def time_remaining(self) -> Any:
        """Return the seconds until the deadline, at least 0; None when there is none."""
        return self._exchange.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Call `callback` with this context when the handler has ended."""
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)

    def done(self) -> bool:
        """Tell whether the status has been sent."""
        return self._exchange.status_sent

    def cancelled(self) -> bool:
        """Tell whether the handler set the status to cancelled."""
        return self.final_code() is CANCELLED

    def check_running(self) -> None:
        """Stop a handler that goes on after the end of its call.

        Raises:
            AbortError: the handler aborted the call.
            UsageError: the status has been sent.
        """
        if self._aborted:
            raise _abort_error()
        if self._exchange.status_sent:
            raise cygrpc.UsageError("RPC already finished.")

    def final_code(self) -> grpc.StatusCode:
        """Return the status code that the call will end with if the handler returns."""
        return OK if self._code is None else as_status_code(self._code)

    def finish(self) -> None:
        """Send the status that the handler left behind."""
        self._exchange.complete(self.final_code(), self._details, self._trailers)

    def fail(self, error: Exception) -> None:
        """Send the status of a handler that raised `error`, unless it is the sign of its own abort."""
        if self._aborted and isinstance(error, grpc.aio.AbortError):
            return
        method = self._exchange.method
        _log.error("Unexpected %s raised by the handler of %s", type(error).__name__, method, exc_info=error)
        if not self._exchange.status_sent:
            code = self.final_code()
            code = grpc.StatusCode.UNKNOWN if code is OK else code
            self._exchange.complete(code, f"Unexpected {type(error)}: {error}", self._trailers)

    def run_callbacks(self) -> None:
        """Tell everybody who asked that the handler has ended."""
        for callback in self._callbacks or ():
            try:
                callback(self)
            except Exception:  # noqa: BLE001 - one callback may not keep the others from being told
                _log.exception("Error in callback for method [%s]", self._exchange.method)


def _abort_error() -> grpc.aio.AbortError:
    # A new one each time: kept by the context, to which its traceback leads back, it would await a collection.
    return grpc.aio.AbortError("Locally aborted.")


def as_status_code(code: Any) -> grpc.StatusCode:
    """Return the status code that `code`, a `grpc.StatusCode` or its number, stands for."""
    return code if isinstance(code, grpc.StatusCode) else _common.CYGRPC_STATUS_CODE_TO_STATUS_CODE[code]
