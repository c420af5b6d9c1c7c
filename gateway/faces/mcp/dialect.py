"""Errors as JSON-RPC has them, for what goes wrong before a message is understood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gateway.errors import Detail, Failure, from_domain, invalid, malformed

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.routing import Route
    from kit.errors import DomainError

_UNREADABLE = "UNREADABLE"
_SERVER_ERROR = -32000
_PARSE_ERROR = -32700
_INTERNAL_ERROR = -32603


def unreadable(reason: str) -> Failure:
    """Return the failure of a body that is no message."""
    return Failure(400, f"Parse error: {reason}", reason=_UNREADABLE)


class RpcError(msgspec.Struct):
    """What went wrong."""

    code: int
    message: str


class RpcFailure(msgspec.Struct):
    """The answer to a request that is no message."""

    jsonrpc: Literal["2.0"]
    error: RpcError
    id: None = None


class McpDialect:
    """Wraps nothing, and says errors in JSON-RPC."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def success(self, data: Any, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an answer."""
        return self._encode(data)

    def failure(self, failure: Failure, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an error."""
        code = _SERVER_ERROR
        if failure.reason == _UNREADABLE:
            code = _PARSE_ERROR
        elif failure.status >= 500:
            code = _INTERNAL_ERROR
        return self._encode(RpcFailure("2.0", RpcError(code, failure.message)))

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge: its words will do."""
        return failure

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:  # noqa: ARG002
        """Return the failure that a service's refusal means."""
        return from_domain(error)

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:  # noqa: ARG002
        """Return the failure of a request whose query breaks rules."""
        return invalid(details)

    def bad_key(self, key: str) -> Failure:  # noqa: ARG002
        """Return the failure of a request whose idempotency key cannot be one."""
        return malformed("Bad Idempotency-Key")

    def success_type(self, data: Any) -> Any:
        """Return the type of the body of an answer, for the documentation."""
        return data

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        return RpcFailure
