"""Asks the server how it finds what a service looks for: every command that was really sent is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import Document
from tests.service.tasks.commands import CommandRecorder

# What the driver and transactions add to a command, and `explain` does not take.
_ENVELOPE = frozenset(
    {
        *("lsid", "txnNumber", "$clusterTime", "$db", "$readPreference", "writeConcern", "readConcern", "ordered"),
        *("startTransaction", "autocommit", "allowDiskUse"),
    }
)
_READ_OR_WRITTEN = ("find", "aggregate", "count", "distinct", "update", "delete", "findAndModify")
_BY_INDEX = frozenset({"IXSCAN", "IDHACK", "COUNT_SCAN", "DISTINCT_SCAN", "EXPRESS_IXSCAN"})


def stages(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield every stage of a plan, of either engine and of the parts of a union."""
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan
        for name, value in plan.items():
            if name != "rejectedPlans":
                yield from stages(value)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


async def all_by_index(
    database: AsyncDatabase[Document],
    commands: CommandRecorder,
    may_sort: Callable[[Document], bool] = lambda _: False,
) -> set[tuple[str, str]]:
    """Check that no command reads a whole collection, or sorts what an index could have in order.

    Args:
        database: where they were sent.
        commands: what was sent.
        may_sort: tells which commands sort little, or seldom.

    Returns:
        The name and the collection of every command, so that the caller sees that its queries were among them.
    """
    seen = set()
    for command in list(commands.commands):
        for bare in explainable(command):
            plan = await database.command("explain", bare, verbosity="queryPlanner")
            kinds = {stage["stage"] for stage in stages(plan)}
            assert "COLLSCAN" not in kinds, bare
            assert kinds & _BY_INDEX, (bare, kinds)
            assert "SORT" not in kinds or may_sort(bare), bare
            name = next(iter(bare))
            seen.add((name, bare[name]))
    return seen


def explainable(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a command as `explain` takes it: each write of a bulk by itself."""
    name = next(iter(command))
    bare = {key: value for key, value in command.items() if key not in _ENVELOPE}
    if name in ("update", "delete"):
        part = name + "s"
        for write in bare[part]:
            yield {name: bare[name], part: [write]}
    elif name in _READ_OR_WRITTEN:
        if name == "aggregate":
            bare.setdefault("cursor", {})
        yield bare
        for union in (stage["$unionWith"] for stage in bare.get("pipeline", ()) if "$unionWith" in stage):
            yield {"aggregate": union["coll"], "pipeline": union["pipeline"], "cursor": {}}
