"""Metadata as it arrives at the other side: checked, with `-bin` values as bytes and all others as text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import grpc
from grpc._cython import cygrpc

Entries = tuple[tuple[str, str | bytes], ...]

_LEGAL_KEY = re.compile(r"[0-9a-z_.-]+", re.ASCII)
_MAX_REMEMBERED = 256

_Metadatum = cygrpc._Metadatum

USER_AGENT: Entries = (_Metadatum("user-agent", f"grpc-python-asyncio/{grpc.__version__} (in-process)"),)


def received(metadata: Iterable[Any]) -> Entries:
    """Return `metadata` as the receiver sees it.

    Raises:
        TypeError: a value has the wrong type.
        ExecuteBatchError: a key or a value cannot be sent; the error that the core of grpcio raises.
    """
    return tuple([_entry(key, value) for key, value in metadata])


def check_types(metadata: Any) -> None:
    """Check that `metadata` consists of pairs of a key and a value.

    Raises:
        TypeError: it does not.
    """
    if not isinstance(metadata, dict) and hasattr(metadata, "__iter__") and all(_is_pair(item) for item in metadata):
        return
    raise TypeError(f"Invalid trailing metadata type, expected Tuple[Tuple[str, Union[str, bytes]]...]: {metadata}")


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], str | bytes)


@functools.lru_cache(_MAX_REMEMBERED)  # a caller's token comes with each of its calls, and is long
def _entry(key: str, value: str | bytes) -> Any:
    if _LEGAL_KEY.fullmatch(key) is None:
        raise cygrpc.ExecuteBatchError(f"Metadata key {key!r} is invalid: Illegal header key")
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        return _Metadatum(key, value)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif not isinstance(value, str):
        raise TypeError(f"Expected str, not {type(value)}")
    if not (value.isascii() and value.isprintable()):
        raise cygrpc.ExecuteBatchError(f"Metadata value for key {key} is invalid: Illegal header value")
    return _Metadatum(key, value)
