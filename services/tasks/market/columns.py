"""Columns that were joined from their blocks, kept for as long as the blocks are the same. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import is_
from typing import Any

from kit.recent import Recent
from services.tasks.market.blocks import joined
from services.tasks.market.planes import Planes

_KEPT_BYTES = 16 * 1024 * 1024
_FOUND_BYTES = 16 * 1024 * 1024
_COLUMN_BYTES = 2000  # of a column in memory beside its planes

Range = tuple[str, str]  # the ids of blocks, from one to before the other
Block = Mapping[str, Any]  # as it is stored: with its id, and a version that grows with each change
_Versions = list[tuple[str, int]]


class Columns:
    """Joins blocks into columns, each as often as its blocks change, and keeps what was found in these."""

    def __init__(self) -> None:
        self._kept: Recent[Range, tuple[_Versions, Planes]] = Recent(_KEPT_BYTES)
        self._found: Recent[Hashable, tuple[Sequence[Planes], int]] = Recent(_FOUND_BYTES)

    def of(self, where: Range, blocks: Sequence[Block]) -> Planes:
        """Return the column that these blocks make up, which are all that lie in a range."""
        versions = [(block["_id"], block["v"]) for block in blocks]
        kept = self._kept.get(where)
        if kept is not None and kept[0] == versions:
            return kept[1]
        column = joined((block_number(block["_id"]), block) for block in blocks)
        self._kept.put(where, (versions, column), _size(column))
        return column

    def found(self, question: Hashable, columns: Sequence[Planes], find: Callable[[], int]) -> int:
        """Return the set of ids that answers a question: what `find` returns, once as long as the columns are the same.

        Args:
            question: what is asked of the columns.
            columns: all that the answer depends on. They are the same when they are the same objects.
            find: finds the answer.
        """
        kept = self._found.get(question)
        if kept is not None and all(map(is_, kept[0], columns)):
            return kept[1]
        ids = find()
        # The columns stay as long as the answer does, although others may have taken their place.
        self._found.put(question, (columns, ids), sum(map(_size, columns)) + _size((ids,)))
        return ids


def block_id(key: str, number: int) -> str:
    """Return the id of a block."""
    return f"{key} {number:06}"


def block_number(identifier: str) -> int:
    """Return the number in the id of a block."""
    return int(identifier.rpartition(" ")[2])


def _size(column: Planes) -> int:
    return _COLUMN_BYTES + sum(plane.bit_length() for plane in column) // 8
