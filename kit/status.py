"""Domain errors on the wire: `kit.errors` to `google.rpc.Status` and back.

A failure travels as a status code, a sentence, and standard details in the trailing metadata: `ErrorInfo` (reason,
domain, metadata), `BadRequest` (the fields at fault; the `reason` of each is the rule) and `RetryInfo`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from kit.errors import (
    AlreadyExists,
    Conflict,
    DomainError,
    Exhausted,
    FieldViolation,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    WrongState,
)

DETAILS_KEY = "grpc-status-details-bin"

_Response = TypeVar("_Response")

_CODES = {code.name: code for code in grpc.StatusCode}
_TYPES: dict[grpc.StatusCode, type[DomainError]] = {
    _CODES[error.code]: error
    for error in (
        AlreadyExists,
        Conflict,
        Exhausted,
        InvalidInput,
        NotFound,
        PermissionDenied,
        Unauthenticated,
        Unavailable,
        WrongState,
    )
}
_TYPES[grpc.StatusCode.DEADLINE_EXCEEDED] = Unavailable
# Our own cancellation raises CancelledError; this code comes from a server that is stopping.
_TYPES[grpc.StatusCode.CANCELLED] = Unavailable
_TYPES[grpc.StatusCode.OUT_OF_RANGE] = InvalidInput


async def abort_with(context: grpc.aio.ServicerContext[Any, Any], error: DomainError, domain: str) -> NoReturn:
    """End the call of `context` with `error`.

    Args:
        context: the call.
        error: what went wrong.
        domain: who says so, for example `piecework.tasks`.

    Raises:
        AbortError: always; it ends the handler.
    """
    # Not abort_with_status: with it the span of the call would say that all went well.
    await context.abort(_CODES[error.code], error.message, trailing_metadata(error, domain))


def trailing_metadata(error: DomainError, domain: str) -> tuple[tuple[str, bytes], ...]:
    """Return the metadata that carries the details of `error`."""
    status = status_pb2.Status(code=_CODES[error.code].value[0], message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=domain, metadata=error.metadata)
    status.details.add().Pack(info)
    if error.violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad_request.field_violations.add(
                field=violation.field, description=violation.message, reason=violation.rule
            )
        status.details.add().Pack(bad_request)
    if error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
        status.details.add().Pack(retry)
    return ((DETAILS_KEY, status.SerializeToString()),)


def from_rpc_error(error: grpc.aio.AioRpcError) -> DomainError:
    """Return the domain error that a failed call stands for.

    The reason is the one that the service gave, or else the name of the status code: `UNAVAILABLE`,
    `DEADLINE_EXCEEDED` and `CANCELLED` (all `Unavailable`) when the peer did not answer. A code that no domain error
    has, such as INTERNAL, becomes a plain `DomainError`.
    """
    code = error.code()
    details = _details(error)
    info, bad_request, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    has_retry = False
    for detail in details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad_request.DESCRIPTOR):
            detail.Unpack(bad_request)
        elif detail.Is(retry.DESCRIPTOR):
            has_retry = detail.Unpack(retry)
    return _TYPES.get(code, DomainError)(
        info.reason or code.name,
        error.details() or code.value[1],
        metadata=dict(info.metadata),
        violations=[FieldViolation(v.field, v.description, v.reason) for v in bad_request.field_violations],
        retry_after_seconds=retry.retry_delay.ToNanoseconds() / 1e9 if has_retry else None,
    )


async def result_of(call: Awaitable[_Response]) -> _Response:
    """Wait for `call` and return its response.

    Raises:
        DomainError: the call failed; see `from_rpc_error`.
    """
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


def _details(error: grpc.aio.AioRpcError) -> list[Any]:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return []
    return []
