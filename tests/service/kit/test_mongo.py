"""The MongoDB client, its errors and its indexes."""

from __future__ import annotations

import asyncio

import pytest
from pymongo import ASCENDING, IndexModel, InsertOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from kit import mongo
from kit.errors import Unavailable
from kit.mongo import Document

NAME = IndexModel([("name", ASCENDING)], name="unique_name", unique=True)


async def test_a_duplicate_names_its_index(database: AsyncDatabase[Document]) -> None:
    await mongo.ensure_indexes(database.things, [NAME])
    await database.things.insert_one({"_id": 1, "name": "a"})
    with pytest.raises(DuplicateKeyError) as by_name:
        await database.things.insert_one({"_id": 2, "name": "a"})
    with pytest.raises(DuplicateKeyError) as by_id:
        await database.things.insert_one({"_id": 1, "name": "b"})
    assert mongo.is_duplicate(by_name.value, "unique_name")
    assert mongo.duplicate_index(by_id.value) == "_id_"
    assert not mongo.is_duplicate(by_id.value, "unique_name")
    assert mongo.duplicate_index(ValueError()) is None


async def test_a_duplicate_within_a_batch_names_its_index(database: AsyncDatabase[Document]) -> None:
    await mongo.ensure_indexes(database.things, [NAME])
    with pytest.raises(BulkWriteError) as failed:
        await database.things.bulk_write([InsertOne({"name": name}) for name in ("a", "a", "b")], ordered=False)
    [refused] = failed.value.details["writeErrors"]
    assert (refused["index"], mongo.duplicate_index(refused)) == (1, "unique_name")
    assert not mongo.is_outage(failed.value)


async def test_many_replicas_create_the_same_indexes(database: AsyncDatabase[Document]) -> None:
    specs = [NAME, IndexModel([("at", ASCENDING)], name="at", expireAfterSeconds=60)]
    await asyncio.gather(*(mongo.ensure_indexes(database.things, specs) for _ in range(8)))
    await mongo.ensure_indexes(database.things, specs)
    assert set(await database.things.index_information()) == {"_id_", "unique_name", "at"}


async def test_an_index_that_changed_is_reported(database: AsyncDatabase[Document]) -> None:
    await mongo.ensure_indexes(database.things, [NAME])
    with pytest.raises(RuntimeError, match="things has another definition"):
        await mongo.ensure_indexes(database.things, [IndexModel([("name", ASCENDING)], name="unique_name")])


async def test_no_server_means_unavailable() -> None:
    client = mongo.connect("mongodb://127.0.0.1:1/", app_name="tests", server_selection_timeout_ms=50)

    @mongo.translated()
    async def ping() -> None:
        await client.admin.command("ping")

    try:
        with pytest.raises(Unavailable) as failed:
            await ping()
        assert failed.value.reason == "DATABASE_UNAVAILABLE"
        assert "127.0.0.1" not in failed.value.message
        with pytest.raises(Unavailable):
            async with mongo.translated():
                await client.admin.command("ping")
    finally:
        await client.close()


async def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError):
        async with mongo.translated():
            raise KeyError
