"""Rows of lists: of a task only its key is read again and again, and the rest when its version is a new one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from pymongo.asynchronous.collection import AsyncCollection

from kit.recent import Recent
from services.tasks.market.documents import to_task
from services.tasks.market.model import MarketTask

KEY = {"uuid": 1, "version": 1, "budget": 1}  # what is read of a task to know whether its row has changed
_NOT_SHOWN = {"change": 0, "money": 0, "poster_llm_key": 0, "watchers": 0}
_KEPT_BYTES = 24 * 1024 * 1024
_ROW_BYTES = 600  # of a row in memory beside what is shown of it

Show = Callable[[MarketTask], bytes]


class Key(NamedTuple):
    """A task as a list found it. Ids begin again in a database that was made anew, hence the uuid."""

    id: int
    uuid: str
    version: int
    budget: int


class Row(msgspec.Struct, frozen=True):
    """A task as lists show it.

    Attributes:
        shown: what they show of it.
    """

    id: int
    uuid: str
    version: int
    status: str
    budget: int
    shown: bytes


class Rows:
    """Rows of tasks, from memory where they are known in the version that was found.

    Args:
        tasks: the collection.
        show: makes what is shown of a task.
    """

    def __init__(self, tasks: AsyncCollection[dict[str, Any]], show: Show) -> None:
        self._tasks = tasks
        self._show = show
        self._kept: Recent[int, Row] = Recent(_KEPT_BYTES)

    async def of(self, keys: Iterable[Key]) -> Mapping[int, Row]:
        """Return the rows of these tasks, those that there still are, as they were found or newer."""
        rows: dict[int, Row] = {}
        missing: set[int] = set()
        for key in keys:
            row = self._kept.get(key.id)
            if row is not None and row.version == key.version and row.uuid == key.uuid:
                rows[key.id] = row
            else:
                missing.add(key.id)
        if missing:
            rows.update(await self._read(missing))
        return rows

    async def _read(self, ids: Collection[int]) -> dict[int, Row]:
        documents = await self._tasks.find({"_id": {"$in": sorted(ids)}}, _NOT_SHOWN).to_list()
        rows = {}
        for task in map(to_task, documents):
            row = Row(task.id, task.uuid, task.version, task.status, task.budget, self._show(task))
            self._kept.put(row.id, row, _ROW_BYTES + len(row.shown))
            rows[row.id] = row
        return rows


def key_of(document: Mapping[str, Any]) -> Key:
    """Return the key of a task of which `KEY` was read."""
    return Key(document["_id"], document["uuid"], document["version"], document["budget"])
