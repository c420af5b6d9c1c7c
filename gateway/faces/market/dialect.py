"""The envelope of the market face."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from gateway.errors import Detail, Failure
from gateway.faces.market import errors, sentences
from gateway.times import Time, now_text

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.routing import Route
    from kit.errors import DomainError

_HEXADECIMAL = re.compile(r"[0-9a-f]{8}-", re.ASCII)


class Meta(msgspec.Struct):
    """What every answer says about itself; lists also say how they go on."""

    timestamp: Time
    request_id: str
    cursor: str | UnsetType | None = UNSET
    has_more: bool | UnsetType = UNSET
    count: int | UnsetType = UNSET
    query: str | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    note: str | UnsetType = UNSET


class Told(msgspec.Struct):
    """Data with something to say about it in `meta`."""

    data: Any
    cursor: str | UnsetType | None = UNSET
    has_more: bool | UnsetType = UNSET
    count: int | UnsetType = UNSET
    query: str | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    note: str | UnsetType = UNSET


class Envelope(msgspec.Struct):
    """What every answer is wrapped in."""

    ok: bool
    data: Any
    meta: Meta


class Problem(msgspec.Struct):
    """What went wrong, by a stable code and in words, and what may be done about it."""

    code: str
    message: str
    suggestion: str


class MarketError(msgspec.Struct):
    """Every error answer; `detail` repeats the message."""

    ok: Literal[False]
    error: Problem
    detail: str
    meta: Meta


class MarketDialect:
    """Wraps data and errors as the market face documents them."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def success(self, data: Any, correlation_id: str) -> bytes:
        """Return the body of an answer."""
        meta = Meta(now_text(), request_id(correlation_id))
        if type(data) is Told:
            meta.cursor, meta.has_more, meta.count = data.cursor, data.has_more, data.count
            meta.query, meta.warning, meta.note = data.query, data.warning, data.note
            data = data.data
        return self._encode(Envelope(True, data, meta))  # noqa: FBT003

    def failure(self, failure: Failure, correlation_id: str) -> bytes:
        """Return the body of an error."""
        problem = Problem(failure.reason, failure.message, failure.suggestion)
        meta = Meta(now_text(), request_id(correlation_id))
        return self._encode(MarketError(False, problem, failure.message, meta))  # noqa: FBT003

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge as this face documents it."""
        return errors.of_edge(failure)

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:
        """Return the failure that a service's refusal means."""
        return errors.of_service(error, call, route)

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:
        """Return the failure of a request that breaks rules: the first of them is told."""
        return sentences.invalid(details, route)

    def bad_key(self, key: str) -> Failure:
        """Return the failure of a request whose idempotency key cannot be one."""
        return errors.bad_key(key)

    def success_type(self, data: Any) -> Any:
        """Return the type of the body of an answer, for the documentation."""
        items = getattr(data, "__args__", ())
        name = f"{items[0].__name__}ListEnvelope" if items else f"{data.__name__}Envelope"
        return msgspec.defstruct(name, [("ok", Literal[True]), ("data", data), ("meta", Meta)])

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        return MarketError


def request_id(correlation_id: str) -> str:
    """Return the id that `meta` shows: the beginning of the logged id, or a digest of one that a client chose."""
    if _HEXADECIMAL.match(correlation_id):
        return f"req_{correlation_id[:8]}"
    return f"req_{zlib.crc32(correlation_id.encode()):08x}"
