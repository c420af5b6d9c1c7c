"""Batches of inserts; those of updates are tested where updates are guarded (`test_optimistic.py`)."""

from __future__ import annotations

import pytest
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, DocumentTooLarge, WriteConcernError

from kit import batches
from kit.batches import write_each
from kit.mongo import Document, ensure_indexes, is_duplicate


@pytest.fixture
async def things(database: AsyncDatabase[Document]) -> AsyncCollection[Document]:
    await ensure_indexes(database.things, [IndexModel([("name", ASCENDING)], name="name", unique=True, sparse=True)])
    return database.things


async def stored(things: AsyncCollection[Document]) -> list[str]:
    return [each["_id"] async for each in things.find().sort("_id")]


async def break_inserts(things: AsyncCollection[Document], times: int, how: Document) -> None:
    """Have the server break the next inserts of the tests' client."""
    data = {"failCommands": ["insert"], "namespace": things.full_name, **how}
    mode = {"times": times}
    await things.database.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})


async def test_what_is_refused_is_told_by_its_place(things: AsyncCollection[Document]) -> None:
    documents = [{"_id": "a", "name": "x"}, {"_id": "a"}, {"_id": "b", "name": "x"}, {"_id": "c"}]
    verdict = await write_each(things, "insert", documents)
    assert (verdict.written, sorted(verdict.errors), verdict.certain) == (2, [1, 2], True)
    assert is_duplicate(verdict.errors[1], "_id_")
    assert is_duplicate(verdict.errors[2], "name")
    assert await stored(things) == ["a", "c"]


async def test_nothing_is_no_command(things: AsyncCollection[Document]) -> None:
    await break_inserts(things, 1, {"errorCode": 1})
    assert (await write_each(things, "insert", [])).written == 0
    await break_inserts(things, 0, {})


async def test_what_does_not_fit_into_one_message_goes_in_several(
    things: AsyncCollection[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MAX_COMMAND_BYTES", 3000)
    verdict = await write_each(things, "insert", [{"_id": each, "text": "x" * 1400} for each in "abcdac"])
    assert (verdict.written, sorted(verdict.errors)) == (4, [4, 5])


async def test_a_document_larger_than_any_is_refused(things: AsyncCollection[Document]) -> None:
    with pytest.raises(DocumentTooLarge):
        await write_each(things, "insert", [{"_id": "a", "text": "x" * 17_000_000}])


async def test_a_lost_connection_is_no_refusal(things: AsyncCollection[Document]) -> None:
    await break_inserts(things, 1, {"closeConnection": True})
    verdict = await write_each(things, "insert", [{"_id": "a"}])
    assert (verdict.written, verdict.errors, verdict.certain) == (1, {}, False)


async def test_what_landed_before_it_was_sent_again_is_uncertain(things: AsyncCollection[Document]) -> None:
    await break_inserts(things, 1, {"writeConcernError": {"code": 91, "errmsg": "shutting down"}})
    verdict = await write_each(things, "insert", [{"_id": "a", "name": "x"}])
    assert (verdict.written, verdict.certain) == (0, False)
    # The index of the ids is the first to refuse, whatever else is unique.
    assert is_duplicate(verdict.errors[0], "_id_")
    assert await stored(things) == ["a"]


async def test_a_server_that_stays_away_is_told(things: AsyncCollection[Document]) -> None:
    await break_inserts(things, 2, {"closeConnection": True})
    with pytest.raises(AutoReconnect):
        await write_each(things, "insert", [{"_id": "a"}])
    await break_inserts(things, 2, {"writeConcernError": {"code": 91, "errmsg": "shutting down"}})
    with pytest.raises(WriteConcernError):
        await write_each(things, "insert", [{"_id": "a"}])
