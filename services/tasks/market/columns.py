"""Columns that were joined from their blocks, kept for as long as the blocks are the same. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kit.recent import Recent
from services.tasks.market.blocks import joined
from services.tasks.market.planes import Planes

_KEPT_BYTES = 16 * 1024 * 1024
_COLUMN_BYTES = 2000  # of a column in memory beside its planes

Range = tuple[str, str]  # the ids of blocks, from one to before the other
Block = Mapping[str, Any]  # as it is stored: with its id, and a version that grows with each change
_Versions = list[tuple[str, int]]


class Columns:
    """Joins blocks into columns, each as often as its blocks change."""

    def __init__(self) -> None:
        self._kept: Recent[Range, tuple[_Versions, Planes]] = Recent(_KEPT_BYTES)

    def of(self, where: Range, blocks: Sequence[Block]) -> Planes:
        """Return the column that these blocks make up, which are all that lie in a range."""
        versions = [(block["_id"], block["v"]) for block in blocks]
        kept = self._kept.get(where)
        if kept is not None and kept[0] == versions:
            return kept[1]
        column = joined((block_number(block["_id"]), block) for block in blocks)
        size = sum(plane.bit_length() for plane in column) // 8
        self._kept.put(where, (versions, column), _COLUMN_BYTES + size)
        return column


def block_id(key: str, number: int) -> str:
    """Return the id of a block."""
    return f"{key} {number:06}"


def block_number(identifier: str) -> int:
    """Return the number in the id of a block."""
    return int(identifier.rpartition(" ")[2])
