"""What can go wrong at the edge: one exception that knows its HTTP status, and the way there from a gRPC status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kit.errors import DomainError

_STATUS = {
    "INVALID_ARGUMENT": 422,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 503,
}
_OUR_FAULT = frozenset({"CALLER_TOKEN_INVALID", "CALLER_TOKEN_EXPIRED", "CALLER_TOKEN_MISSING"})
_RETRY_SECONDS = 1


class Detail(msgspec.Struct, frozen=True):
    """One rule broken by one field of the request, in the words of the face.

    Attributes:
        field: path in the request, for example `config.defaultMaxRetries` or `tasks[3].typeId`.
        message: what is wrong.
        value: the offending value, cut when it is huge; not set when the field is missing.
    """

    field: str
    message: str
    value: Any = msgspec.UNSET


class Failure(Exception):
    """A request that ends with an error answer.

    Args:
        status: the HTTP status.
        message: one sentence for the caller, never with internals.
        details: the fields at fault.
        headers: further headers of the answer, for example `Retry-After`.
        reason: the stable reason of the service, if it gave one.
        suggestion: what the caller may do about it, for faces that say so.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
        reason: str = "",
        suggestion: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})
        self.reason = reason
        self.suggestion = suggestion


def malformed(message: str) -> Failure:
    """Return the failure of a request that cannot be read at all."""
    return Failure(400, message, reason="MALFORMED")


def invalid(details: Sequence[Detail]) -> Failure:
    """Return the failure of a request that breaks rules, all of them told in one sentence."""
    clean = [
        Detail(_printable(detail.field), _printable(detail.message), _printable(detail.value)) for detail in details
    ]
    told = ", ".join(f"{detail.field}: {detail.message}" for detail in clean)
    return Failure(422, f"Validation failed: {told}", details=clean, reason="VALIDATION_FAILED")


def too_large(limit_bytes: int) -> Failure:
    """Return the failure of a body over `limit_bytes`."""
    return Failure(413, f"Request body is larger than {limit_bytes} bytes", reason="BODY_TOO_LARGE")


def internal() -> Failure:
    """Return the failure that tells nothing: what happened is in the log, under the correlation id."""
    return Failure(500, "Internal Server Error", reason="INTERNAL")


def from_domain(error: DomainError) -> Failure:
    """Return the failure that a service's refusal means to the caller."""
    status = _STATUS.get(error.code, 500)
    if status == 500 or error.reason in _OUR_FAULT:
        return internal()
    if error.code == "RESOURCE_EXHAUSTED" and error.reason == error.code:
        # The transport refuses messages over its limit with this code and without a reason of ours.
        return Failure(413, "Request is too large", reason="BODY_TOO_LARGE")
    headers = {}
    # Also a conflict that ends by itself: the call with the same idempotency key is still running.
    if status in (429, 503) or error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(_RETRY_SECONDS, round(error.retry_after_seconds or 0)))
    message = "Service Unavailable" if status == 503 else error.message
    return Failure(status, message, headers=headers, reason=error.reason)


def _printable(value: Any) -> Any:
    """Return a text without what no JSON can hold: bytes of a header that were not UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value
