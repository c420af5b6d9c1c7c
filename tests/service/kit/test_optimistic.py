"""Updates that the server refuses when somebody else was faster."""

from __future__ import annotations

import asyncio

import pytest
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, WriteConcernError, WriteError

from kit import batches
from kit.mongo import Document, ensure_indexes, is_duplicate
from kit.optimistic import NEXT_VERSION, guard_versions, is_outdated, update_each, versioned


@pytest.fixture
async def things(database: AsyncDatabase[Document]) -> AsyncCollection[Document]:
    await guard_versions(database.things)
    await database.things.insert_many([{"_id": str(number), "version": 1} for number in range(4)])
    return database.things


async def values(things: AsyncCollection[Document]) -> dict[str, tuple[int, str]]:
    return {each["_id"]: (each["version"], each.get("value", "")) async for each in things.find()}


async def test_only_the_version_that_was_meant_is_changed(things: AsyncCollection[Document]) -> None:
    assert (await update_each(things, [("0", versioned({"value": "a"}, {}, 2))])).written == 1
    verdict = await update_each(
        things,
        [
            ("0", versioned({"value": "late"}, {}, 2)),
            ("1", versioned({"value": "b"}, {}, 2)),
            ("2", versioned({"value": "early"}, {}, 3)),
            ("nobody", versioned({"value": "c"}, {}, 2)),
        ],
    )
    assert (verdict.written, sorted(verdict.errors), verdict.certain) == (1, [0, 2], True)
    assert all(is_outdated(error) for error in verdict.errors.values())
    assert await values(things) == {"0": (2, "a"), "1": (2, "b"), "2": (1, ""), "3": (1, "")}


async def test_of_many_at_once_one_wins_each_version(things: AsyncCollection[Document]) -> None:
    for version in range(2, 12):
        verdicts = await asyncio.gather(
            *(update_each(things, [("0", versioned({"value": str(number)}, {}, version))]) for number in range(8))
        )
        winners = [number for number, verdict in enumerate(verdicts) if verdict.written]
        assert len(winners) == 1
        assert (await values(things))["0"] == (version, str(winners[0]))


async def test_a_single_write_is_refused_too(things: AsyncCollection[Document]) -> None:
    with pytest.raises(WriteError) as refused:
        await things.update_one({"_id": "0"}, versioned({"value": "a"}, {}, 7))
    assert is_outdated(refused.value)
    assert not is_outdated(ValueError())


async def test_fields_are_removed_and_other_writes_leave_the_version(things: AsyncCollection[Document]) -> None:
    await update_each(things, [("0", versioned({"value": "a", "note": "n"}, {}, 2))])
    await things.update_one({"_id": "0"}, {"$set": {"beside": 1}})
    await update_each(things, [("0", versioned({"value": "b"}, {"note": ""}, 3))])
    stored = await things.find_one({"_id": "0"})
    assert stored == {"_id": "0", "version": 3, "intended_version": 3, "value": "b", "beside": 1}


async def test_a_write_to_whatever_version_outdates_those_under_way(things: AsyncCollection[Document]) -> None:
    await update_each(things, [("0", versioned({}, {}, 2))])
    await things.update_many({}, [{"$set": {"value": "all", **NEXT_VERSION}}])
    verdict = await update_each(things, [("0", versioned({}, {}, 3)), ("1", versioned({}, {}, 3))])
    assert (verdict.written, list(verdict.errors)) == (1, [0])


async def test_other_refusals_are_told_apart(things: AsyncCollection[Document]) -> None:
    await ensure_indexes(things, [IndexModel([("value", ASCENDING)], name="value", unique=True, sparse=True)])
    verdict = await update_each(things, [(number, versioned({"value": "a"}, {}, 2)) for number in "01"])
    assert (verdict.written, list(verdict.errors)) == (1, [1])
    assert is_duplicate(verdict.errors[1], "value")
    assert not is_outdated(verdict.errors[1])


async def test_what_does_not_fit_into_one_message_goes_in_several(
    things: AsyncCollection[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MAX_COMMAND_BYTES", 3000)
    updates = [(number, versioned({"value": number * 1000}, {}, 2)) for number in "0123"]
    verdict = await update_each(things, [*updates, ("0", versioned({}, {}, 2))])
    assert (verdict.written, list(verdict.errors)) == (4, [4])


async def break_updates(things: AsyncCollection[Document], times: int, how: Document) -> None:
    """Have the server break the next updates of the tests' client."""
    data = {"failCommands": ["update"], "namespace": things.full_name, **how}
    mode = {"times": times}
    await things.database.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})


async def test_a_lost_connection_is_no_refusal(things: AsyncCollection[Document]) -> None:
    await break_updates(things, 1, {"closeConnection": True})
    verdict = await update_each(things, [("0", versioned({"value": "a"}, {}, 2))])
    assert (verdict.written, verdict.certain) == (1, False)


async def test_what_landed_before_it_was_asked_for_again_is_uncertain(things: AsyncCollection[Document]) -> None:
    await break_updates(things, 1, {"writeConcernError": {"code": 91, "errmsg": "shutting down"}})
    verdict = await update_each(things, [("0", versioned({"value": "a"}, {}, 2))])
    assert (verdict.written, list(verdict.errors), verdict.certain) == (0, [0], False)
    assert (await values(things))["0"] == (2, "a")


async def test_a_server_that_stays_away_is_told(things: AsyncCollection[Document]) -> None:
    await break_updates(things, 2, {"closeConnection": True})
    with pytest.raises(AutoReconnect):
        await update_each(things, [("0", versioned({"value": "b"}, {}, 2))])
    await break_updates(things, 2, {"writeConcernError": {"code": 91, "errmsg": "shutting down"}})
    with pytest.raises(WriteConcernError):
        await update_each(things, [("0", versioned({"value": "b"}, {}, 2))])


async def test_many_replicas_guard_a_collection_and_one_that_is_there(database: AsyncDatabase[Document]) -> None:
    await database.things.insert_one({"_id": "0", "version": 6})
    await asyncio.gather(*(guard_versions(database.things) for _ in range(4)))
    verdict = await update_each(database.things, [("0", versioned({}, {}, 7)), ("0", versioned({}, {}, 7))])
    assert (verdict.written, list(verdict.errors)) == (1, [1])
