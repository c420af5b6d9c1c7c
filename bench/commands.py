"""Counts what MongoDB was asked to do, so that "no database work" is a number."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from pymongo import MongoClient

WORK_COLLECTIONS = ("work_items", "projects", "task_types")
_OPERATIONS = ("queries", "insert", "update", "remove", "commands")


class Commands(msgspec.Struct, kw_only=True):
    """Operations during one span.

    Attributes:
        work: on collections that hold work, getMore of change streams excluded.
        server: of the whole server by kind (`query`, `insert`, `update`, `delete`, `getmore`, `command`), counted after
            the change streams, heartbeats and this probe have had their share.
        seconds: length of the span.
    """

    work: int
    server: dict[str, int]
    seconds: float


class Probe:
    """Reads the counters of one MongoDB.

    Args:
        uri: its connection string; the account needs the role `clusterMonitor`.
    """

    def __init__(self, uri: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(uri)

    def during(self, block: Callable[[], object]) -> Commands:
        """Run `block` and return what the server did meanwhile."""
        work, server, begun = self._work(), self._server(), time.monotonic()
        block()
        seconds = time.monotonic() - begun
        after = self._server()
        counted = {kind: after[kind] - server.get(kind, 0) for kind in after}
        return Commands(work=self._work() - work, server=counted, seconds=seconds)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _work(self) -> int:
        totals = self._client.admin.command("top")["totals"]
        return sum(
            int(counts[operation]["count"])
            for namespace, counts in totals.items()
            if namespace.partition(".")[2] in WORK_COLLECTIONS
            for operation in _OPERATIONS
        )

    def _server(self) -> dict[str, int]:
        counters = self._client.admin.command("serverStatus")["opcounters"]
        return {kind: int(value) for kind, value in counters.items() if isinstance(value, int)}
