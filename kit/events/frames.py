"""BSON by hand for the one hot copy: a change becomes an event, and is told to nobody, without being decoded."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime

from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

_INT32 = struct.Struct("<i")
_HEAD = struct.Struct("<i5sq")  # size of the document, type and name of `_id`, value
_AT = struct.Struct("<4sq")
_ID_NAME = b"\x12_id\x00"
_CHANGE_NAME = b"\x03change\x00"
_AT_NAME = b"\x09at\x00"
_TOKEN_NAME = b"\x03token\x00"
_UP_TO_STREAM = (b"\x02id\x00", b"\x02type\x00", b"\x02stream\x00")  # how a change begins, see `change_document`
_TOPICS_NAME = b"\x04topics\x00"
_ID_VALUE_OFFSET = 9  # size (4), type (1) and name (4) of `_id` come first


def change_bytes(document: RawBSONDocument) -> bytes | memoryview:
    """Return the BSON of `change` in a document `{_id: <token>, change: {...}}` of a change stream."""
    raw = document.raw
    start = _ID_VALUE_OFFSET + _INT32.unpack_from(raw, _ID_VALUE_OFFSET)[0]
    end = start + len(_CHANGE_NAME)
    if raw[start:end] != _CHANGE_NAME:
        raise ValueError("a document of the change stream holds no change after its token")
    return raw[end : end + _INT32.unpack_from(raw, end)[0]]


def only_stream(change: bytes | memoryview) -> str | None:
    """Return the one stream that a change is part of; None when it has topics too, or only decoding would tell."""
    raw = bytes(change)
    start, end = 0, _INT32.size
    for name in _UP_TO_STREAM:
        start = end + len(name)
        if raw[end:start] != name:
            return None
        end = start + _INT32.size + _INT32.unpack_from(raw, start)[0]
    return None if _TOPICS_NAME in raw else raw[start + _INT32.size : end - 1].decode()


def event_documents(
    after: int, changes: Sequence[bytes | memoryview], at: datetime, token: bytes | memoryview | None
) -> list[RawBSONDocument]:
    """Return `{_id: seq, change, at, token?}` for every change, numbered from `after` + 1.

    The last one carries `token`: who finds it may resume the change stream from there.
    """
    stored = _AT.pack(_AT_NAME, int(DatetimeMS(at))) + b"\x00"
    plain = _HEAD.size + len(_CHANGE_NAME) + len(stored)
    documents = [
        RawBSONDocument(b"".join((_HEAD.pack(plain + len(change), _ID_NAME, seq), _CHANGE_NAME, change, stored)), RAW)
        for seq, change in enumerate(changes, after + 1)
    ]
    if token is not None and documents:
        size = plain + len(changes[-1]) + len(_TOKEN_NAME) + len(token)
        head = _HEAD.pack(size, _ID_NAME, after + len(changes))
        parts = (head, _CHANGE_NAME, changes[-1], stored[:-1], _TOKEN_NAME, token, b"\x00")
        documents[-1] = RawBSONDocument(b"".join(parts), RAW)
    return documents
