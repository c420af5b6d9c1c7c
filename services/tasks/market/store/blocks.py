"""Blocks of the search index: their versions are read again and again, and the rest when its version is a new one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from kit.recent import Recent
from services.tasks.market.columns import Block

VERSION = {"v": 1}  # what is read of a block to know whether it has changed
_KEPT_BYTES = 32 * 1024 * 1024
_BLOCK_BYTES = 500  # of a block in memory beside its content
_FIRST_VERSION_BITS = 48


class Blocks:
    """Blocks, from memory where they are known in the version that was found.

    Args:
        collection: where they are stored.
    """

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection
        self._kept: Recent[str, Block] = Recent(_KEPT_BYTES)

    async def of(self, found: Sequence[Block]) -> list[Block]:
        """Return the blocks of which `VERSION` was found, as they were then or newer."""
        blocks: list[Block] = []
        missing: list[str] = []
        for each in found:
            block = self._kept.get(each["_id"])
            if block is not None and block["v"] == each["v"]:
                blocks.append(block)
            else:
                missing.append(each["_id"])
        if missing:
            blocks += await self._read(missing)
        return blocks

    async def _read(self, ids: Sequence[str]) -> list[Block]:
        blocks: list[Block] = [*await self._collection.find({"_id": {"$in": ids}}).to_list()]
        for block in blocks:
            self._kept.put(block["_id"], block, _BLOCK_BYTES + _size(block))
        return blocks


def first_version() -> int:
    """Return the version of a new block. An index that was dropped is made anew, and must not be taken for the old."""
    return secrets.randbits(_FIRST_VERSION_BITS)


def _size(block: Block) -> int:
    return len(block["list"]) if "list" in block else sum(map(len, block["planes"]))
