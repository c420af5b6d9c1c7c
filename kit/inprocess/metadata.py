"""Metadata as it arrives at the other side: checked, lower case, `-bin` values as bytes and all others as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from grpc._cython import cygrpc

Entries = tuple[tuple[str, str | bytes], ...]

_LEGAL_KEY = re.compile(r"[0-9a-z_.-]+", re.ASCII)
_LEGAL_TEXT = re.compile(r"[\x20-\x7e]*", re.ASCII)
_Metadatum = cygrpc._Metadatum
_legal_keys: set[str] = set()
_MAX_REMEMBERED = 256


def received(metadata: Iterable[Any]) -> Entries:
    """Return `metadata` as the receiver sees it.

    Raises:
        ValueError: a key or a value cannot be sent, in the words of gRPC.
    """
    return tuple([_entry(key, value) for key, value in metadata])


def _entry(key: str, value: str | bytes) -> Any:
    if key not in _legal_keys:
        _check_key(key, metadata_entry=(key, value))
    if key.endswith("-bin"):
        return _Metadatum(key, value.encode() if isinstance(value, str) else bytes(value))
    text = value if isinstance(value, str) else value.decode("latin-1")
    if _LEGAL_TEXT.fullmatch(text) is None:
        raise ValueError(f"metadata was invalid: [{(key, value)}]")
    return _Metadatum(key, text)


def _check_key(key: str, metadata_entry: tuple[str, str | bytes]) -> None:
    if _LEGAL_KEY.fullmatch(key) is None:
        raise ValueError(f"metadata was invalid: [{metadata_entry}]")
    if len(_legal_keys) < _MAX_REMEMBERED:
        _legal_keys.add(key)
