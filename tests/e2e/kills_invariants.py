"""What must be true after any number of crashes. Each check names what breaks it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import Any

from tests.e2e.kills_ordeal import Aftermath

_FINAL = {"completed", "failed"}
_KIND_OF_STATE = {"completed": "task.completed", "failed": "task.failed"}


def check_creates(aftermath: Aftermath) -> None:
    """Every accepted request made its tasks once, with the ids that were answered, and nothing else was made."""
    record = aftermath.record
    numbers = Counter(int(item["payload"]["variables"]["number"]) for item in aftermath.items.values())
    assert {number: count for number, count in numbers.items() if count > 1} == {}
    found = {int(item["payload"]["variables"]["number"]): item_id for item_id, item in aftermath.items.items()}
    assert found == record.made
    assert {task["id"] for task in aftermath.listed} == set(record.made.values())
    assert len(aftermath.listed) == len(record.made)


def check_replays(aftermath: Aftermath) -> None:
    """A request that is sent once more under its key is answered with the tasks that it made."""
    for create, reply in aftermath.replays:
        assert reply.status == 201
        made = reply.data["createdTasks"] if create.path.endswith("/bulk") else [reply.data]
        assert [task["id"] for task in made] == [aftermath.record.made[number] for number in create.numbers]
        assert reply.replayed


def check_outcomes(aftermath: Aftermath) -> None:
    """Every task has one final state: the one that was acknowledged, with that worker's words."""
    listed = {task["id"]: task for task in aftermath.listed}
    for item_id, item in aftermath.items.items():
        promises = aftermath.record.outcomes[item_id]
        assert len(promises) == 1, (item_id, promises)
        (promise,) = promises
        assert item["state"] == promise.status, (item, promise)
        assert item["result"] == promise.text
        assert (listed[item_id]["status"], listed[item_id]["result"]) == (promise.status, promise.text)
        last = item["attempts"][-1]
        assert (last["holder"], last["token"], last["outcome"]) == (promise.agent, promise.token, promise.status)
        assert "lease" not in item


def check_attempts(aftermath: Aftermath) -> None:
    """The attempts of a task tell one after the other who had it, and add up."""
    for item_id, item in aftermath.items.items():
        attempts = item["attempts"]
        assert [attempt["token"] for attempt in attempts] == list(range(1, item["token"] + 1)), item
        assert all(attempt["outcome"] in ("timeout", "failed") for attempt in attempts[:-1]), item
        assert all(before["ended_at"] <= after["started_at"] for before, after in itertools.pairwise(attempts))
        assert all(attempt["ended_at"] >= attempt["lease_expires_at"] for attempt in _timeouts(item)), item
        assert item.get("failures", 0) == sum(attempt["outcome"] != "completed" for attempt in attempts), item
        assert len({attempt["ended_by"] for attempt in attempts}) == len(attempts)
        told = {(attempt["token"], attempt["result"]) for attempt in attempts if attempt["outcome"] == "failed"}
        promised = aftermath.record.failures.get(item_id, set())
        assert {(promise.token, promise.text) for promise in promised} <= told, "an acknowledged failure is lost"


def check_stale_leases(aftermath: Aftermath) -> None:
    """Whoever kept a token while the task went to somebody else can do nothing with it."""
    stale = aftermath.record.stale
    assert stale
    assert {action for action, _, _ in stale} == {"complete", "fail", "extend-lease"}
    assert {status for _, status, _ in stale} == {409}
    assert not any(attempt["result"] == "too late" for item in aftermath.items.values() for attempt in item["attempts"])


def check_answers(aftermath: Aftermath) -> None:
    """What a client saw of the crashes was broken connections and "not now", never an error of the server."""
    record = aftermath.record
    assert record.errors == []
    assert set(record.statuses) <= {0, 200, 201, 409, 503}
    assert record.statuses[0] + record.statuses[503] > len(aftermath.kills) / 2, "the kills hit nothing"
    assert record.retried, "no creating request had to be sent again"
    assert aftermath.reader.refusals == []


def check_history(aftermath: Aftermath) -> None:
    """All changes are told, once and in order: no hole in the numbers, none in the versions of any task."""
    assert [event["_id"] for event in aftermath.events] == list(range(1, len(aftermath.events) + 1))
    changes = [event["change"] for event in aftermath.events]
    assert {change["type"] for change in changes if change["type"] == "events.gap"} == set()
    versions = defaultdict(list)
    kinds: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        versions[change["subject"]].append(change["version"])
        kinds[change["subject"]].append(change["type"])
    assert set(versions) == set(aftermath.items)
    for item_id, item in aftermath.items.items():
        assert versions[item_id] == list(range(1, item["version"] + 1)), (item_id, versions[item_id])
        told = kinds[item_id]
        assert told[0] == "task.created"
        assert told[-1] == _KIND_OF_STATE[item["state"]]
        assert sum(kind in _KIND_OF_STATE.values() for kind in told) == 1
        assert told.count("task.assigned") == item["token"]


def check_reader(aftermath: Aftermath) -> None:
    """The reader saw every event of its project once, in order, as it is stored."""
    stream = f"project:{aftermath.project_id}"
    stored = [_told(event) for event in aftermath.events if event["change"]["stream"] == stream]
    seen = [
        (seq, kind, data["id"], data["subject"], data["version"], data["actor"], data["data"])
        for seq, kind, data in aftermath.reader.seen
    ]
    assert [event[0] for event in seen] == sorted({event[0] for event in seen}), "twice, or out of order"
    assert seen == stored
    assert aftermath.reader.connections > 1 or not {"gateway", "up"} & set(aftermath.kills), "it was never cut off"


def _told(event: dict[str, Any]) -> tuple[Any, ...]:
    change = event["change"]
    return (
        event["_id"],
        change["type"],
        change["id"],
        change["subject"],
        change["version"],
        change["actor"],
        change["data"],
    )


def _timeouts(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [attempt for attempt in item["attempts"] if attempt["outcome"] == "timeout"]


ALL = (
    check_creates,
    check_replays,
    check_outcomes,
    check_stale_leases,
    check_attempts,
    check_answers,
    check_history,
    check_reader,
)
