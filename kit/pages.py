"""Pages of a list: keyset cursors that say where the last page ended, and limits that stay within bounds.

A cursor is opaque to clients: base64url (RFC 4648 section 5, no padding) of a version, a mark of the list it belongs to
and the sort key of the last row. It is not signed: what a client makes up only moves it within what it may see anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TypeVar

import msgspec

from kit.errors import FieldViolation, InvalidInput

_VERSION = 1
_MARK_BYTES = 6
_MAX_LENGTH = 1024

Key = TypeVar("Key", bound=msgspec.Struct)


def encode_cursor(key: msgspec.Struct, scope: str) -> str:
    """Return the cursor after the row with sort key `key`.

    Args:
        key: the fields that the list is sorted by, the last of them unique. Times need a time zone.
        scope: names the list and its filters, for example `tasks:<project>:<status>`.
    """
    raw = bytes((_VERSION,)) + _mark(scope) + msgspec.msgpack.encode(key)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(cursor: str, key_type: type[Key], scope: str, *, field: str = "cursor") -> Key:
    """Return the sort key in `cursor`.

    Args:
        cursor: what `encode_cursor` returned.
        key_type: the type of the sort key.
        scope: as it was when the cursor was made.
        field: the field of the request that holds the cursor.

    Raises:
        InvalidInput: `CURSOR_INVALID`: damaged, made up, or of another list.
    """
    try:
        raw = _unpacked(cursor)
        if raw[0] != _VERSION or raw[1 : 1 + _MARK_BYTES] != _mark(scope):
            raise ValueError("another version or list")
        return msgspec.msgpack.decode(raw[1 + _MARK_BYTES :], type=key_type)
    except (ValueError, IndexError, msgspec.MsgspecError) as error:
        message = "The cursor does not belong to this list"
        violation = FieldViolation(field, message, "cursor.valid")
        raise InvalidInput("CURSOR_INVALID", message, violations=(violation,)) from error


def clamp_limit(asked: int | None, *, default: int, largest: int) -> int:
    """Return how many rows a page has: what was asked for, between 1 and `largest`, or `default`."""
    return default if asked is None else max(1, min(asked, largest))


def _unpacked(cursor: str) -> bytes:
    if len(cursor) > _MAX_LENGTH:
        raise ValueError("too long")
    padding = "=" * (-len(cursor) % 4)
    try:
        raw = base64.b64decode(cursor + padding, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    # Each cursor has one spelling: bits that the decoder ignores must not make another one.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
        raise ValueError("not canonical")
    return raw


def _mark(scope: str) -> bytes:
    return hashlib.blake2b(scope.encode(), digest_size=_MARK_BYTES).digest()
