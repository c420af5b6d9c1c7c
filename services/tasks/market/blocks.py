"""Blocks: the pieces of a column that the search index keeps as documents. No I/O.

A block holds the values of 8,192 neighbouring ids: sliced into planes of at most 1 kB or, of a word that few of the
tasks have, as a list of two-byte entries. New tasks have the largest ids, so they only change the last block of each of
their words.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.tasks.market.planes import Planes, add, mask, pack, replace

_ID_BITS = 13
_PLANE_BYTES = 1 << _ID_BITS >> 3
_OFFSETS = (1 << _ID_BITS) - 1
_VALUE_BITS = 3  # of an entry of a list
_VALUES = (1 << _VALUE_BITS) - 1
_LONGEST_LIST = 192


def place(task_id: int) -> tuple[int, int]:
    """Return the block of an id and the place in it."""
    return task_id >> _ID_BITS, task_id & _OFFSETS


def changed(block: Mapping[str, Any] | None, values: Mapping[int, int]) -> dict[str, Any]:
    """Return the content of a block after a change.

    Args:
        block: as it is stored; None when it is not.
        values: the new values by place.
    """
    if block is None or "list" in block:
        stored = _entries(block["list"]) if block else ()
        entries = {entry >> _VALUE_BITS: entry & _VALUES for entry in stored}
        entries.update(values)
        if len(entries) <= _LONGEST_LIST and max(entries.values()) < 1 << _VALUE_BITS:
            return {"list": _written_list(entries)}
        column = pack(entries.items())
    else:
        column = replace(_column(block["planes"]), mask(values), pack(values.items()))
    return {"planes": [plane.to_bytes((plane.bit_length() + 7) // 8, "little") for plane in column]}


def joined(blocks: Iterable[tuple[int, Mapping[str, Any]]]) -> Planes:
    """Return the sum of the columns that consist of these blocks, each with its number."""
    sliced: dict[int, list[Sequence[bytes]]] = {}
    few: dict[int, int] = {}
    for number, block in blocks:
        if "planes" in block:
            sliced.setdefault(number, []).append(block["planes"])
            continue
        start = number << _ID_BITS
        for entry in _entries(block["list"]):
            position = start | entry >> _VALUE_BITS
            few[position] = few.get(position, 0) + (entry & _VALUES)
    column = pack(few.items())
    while sliced:
        layer = {number: waiting.pop() for number, waiting in sliced.items()}
        sliced = {number: waiting for number, waiting in sliced.items() if waiting}
        column = add(column, _laid_out(layer))
    return column


def _laid_out(layer: Mapping[int, Sequence[bytes]]) -> Planes:
    """Return the column whose blocks are given by their numbers."""
    planes = []
    for bit in range(max(map(len, layer.values()))):
        buffer = bytearray((max(layer) + 1) * _PLANE_BYTES)
        for number, block in layer.items():
            if bit < len(block):
                start = number * _PLANE_BYTES
                buffer[start : start + len(block[bit])] = block[bit]
        planes.append(int.from_bytes(buffer, "little"))
    return tuple(planes)


def _column(sliced: Sequence[bytes]) -> Planes:
    return tuple(int.from_bytes(plane, "little") for plane in sliced)


def _entries(content: bytes) -> array[int]:
    entries = array("H", content)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def _written_list(values: Mapping[int, int]) -> bytes:
    entries = array("H", sorted(offset << _VALUE_BITS | value for offset, value in values.items() if value))
    if sys.byteorder == "big":
        entries.byteswap()
    return entries.tobytes()
