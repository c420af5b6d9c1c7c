"""Every query of threads and files uses an index: the commands that are really sent are explained by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import redis.asyncio
from piecework.orchestrator.v1 import files_pb2, threads_pb2

from kit import mongo
from kit.caller import Caller
from kit.clock import ManualClock
from kit.settings import Settings
from services.orchestrator.files.model import NewFile
from tests.service.explaining import all_by_index
from tests.service.orchestrator.features import OWNER, STRANGER, Features, running
from tests.service.orchestrator.files.samples import download, upload
from tests.service.orchestrator.threads.test_runs_in_threads import FinishedRun
from tests.service.tasks.commands import CommandRecorder

COLLECTIONS = ("threads", "messages", "uploads.files", "uploads.chunks", "uploads_open", "uploads_announced", "storage")


@pytest.fixture
def commands() -> CommandRecorder:
    return CommandRecorder(*COLLECTIONS)


@pytest.fixture
async def watched(
    mongodb_uri: str, redis_client: redis.asyncio.Redis, database_prefix: str, commands: CommandRecorder
) -> AsyncIterator[Features]:
    """Features of their own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    clock = ManualClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    async with running(Features(client, redis_client, Settings(database_prefix=database_prefix), clock)) as started:
        yield started
    await client.close()


async def use_threads(features: Features) -> None:
    service = features.thread_parts.service
    for number in range(30):
        for caller in (OWNER, STRANGER):
            await service.create(caller, f"t{number}", [("user", "Hello")] * 5, "", f"{caller.operator_id}:{number}")
    for caller in (OWNER, STRANGER):
        await service.list(caller, 5, 5)
    run = FinishedRun(id="task_1", thread_id=1, result="An answer")
    for _ in range(2):
        await service.begin(run)
    await service.history(1, 1)
    await service.finish(run)
    await service.cancel(FinishedRun(id="task_2", thread_id=1))
    await service.messages(OWNER, 1, 2, 2)
    await features.call(features.threads.GetThread, threads_pb2.GetThreadRequest(thread_id=1))
    await service.delete(OWNER, 1)


async def use_files(features: Features) -> None:
    service = features.file_parts.service
    for caller in (OWNER, STRANGER):
        made = [await upload(features, f"{number}.txt", b"text", caller) for number in range(20)]
        await service.list(caller, 5, 5)
        await service.storage(caller)
        await service.texts(caller.operator_id, [made[0].id])
        await download(features, made[0].id, caller)
        await features.call(features.files.DeleteFile, files_pb2.DeleteFileRequest(file_id=made[0].id), caller)
        await use_uploads(features, caller)
    features.pass_time(days=1)
    await features.file_parts.sweeper.sweep()
    await features.upload_parts.forgetter.forget()


async def use_uploads(features: Features, caller: Caller) -> None:
    service = features.upload_parts.service

    async def content() -> AsyncIterator[bytes]:
        yield b"text"

    announced = [await service.create(caller, NewFile("a.txt"), 0) for _ in range(20)]
    for made, token in announced[:5]:
        await service.send(made.id, token, content())
        await service.complete(caller, made.id, "")


async def test_no_query_reads_a_whole_collection(watched: Features, commands: CommandRecorder) -> None:
    await use_threads(watched)
    await use_files(watched)
    seen = await all_by_index(watched.database, commands)
    assert {name for name, _ in seen} >= {"find", "aggregate", "update", "delete"}
    assert {collection for _, collection in seen} == set(COLLECTIONS)
