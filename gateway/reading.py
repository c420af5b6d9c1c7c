"""Reads bodies and queries: fast when all is well, thorough when not."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from aiohttp import web
from msgspec import inspect

from gateway.errors import malformed, too_large
from gateway.shape import plain

_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)


async def read_body(request: web.Request, limit_bytes: int, *, required: bool = True) -> bytes:
    """Return the body of a request; an empty object when there is none and none is `required`.

    Raises:
        Failure: 413 over the limit; 400 when it is empty, does not say that it is JSON, or cannot be decompressed.
    """
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)
    if not required and not request.body_exists:
        return b"{}"
    content_type = request.headers.get("Content-Type")
    if content_type != "application/json" and content_type is not None:
        _check_type(content_type)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large(limit_bytes) from None
    except (web.RequestPayloadError, ValueError) as error:
        raise malformed("Request body cannot be read") from error
    if len(body) > limit_bytes:  # it was compressed, or its length was not told
        raise too_large(limit_bytes)
    if not body:
        if not required:
            return b"{}"
        raise malformed("Request body is required")
    return body


def _check_type(content_type: str) -> None:
    kind, _, parameters = content_type.partition(";")
    if not _JSON_TYPE.fullmatch(kind.strip()):
        raise malformed("Content-Type must be application/json")
    charset = parameters.strip().lower()
    if charset.startswith("charset=") and charset.removeprefix("charset=").strip('" ') not in ("utf-8", "utf8"):
        raise malformed("Request body must be UTF-8")


def parse(body: bytes) -> Any:
    """Return any JSON value.

    Raises:
        Failure: 400, the text is not JSON in UTF-8.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise malformed("Malformed JSON: nested too deeply") from None
    except UnicodeDecodeError:
        raise malformed("Malformed JSON: not UTF-8") from None
    except msgspec.DecodeError as error:
        raise malformed(f"Malformed JSON: {str(error).removeprefix('JSON is malformed: ')}") from None


def query_values(request: web.Request, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the query with whole numbers where `struct` wants them; of a repeated name the last value counts."""
    numbers = _number_names(struct)
    values: dict[str, Any] = {}
    for name, text in request.query.items():
        values[name] = int(text) if name in numbers and _INTEGER.fullmatch(text) else text
    return values


@cache
def _number_names(struct: type[msgspec.Struct]) -> frozenset[str]:
    fields = inspect.type_info(struct).fields  # type: ignore[attr-defined]
    return frozenset(field.encode_name for field in fields if isinstance(plain(field.type), inspect.IntType))
