"""Files that are sent with a token: for one file, for so many bytes, once, and for a quarter of an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from piecework.orchestrator.v1 import files_pb2
from piecework.orchestrator.v1 import uploads_pb2 as pb

from kit.caller import ANONYMOUS, Caller
from kit.errors import (
    Exhausted,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    WrongState,
)
from kit.status import result_of
from services.orchestrator.files.model import MAX_FILE_BYTES
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.orchestrator.features import AGENT, OWNER, QUOTA, SESSION, STRANGER, Features
from tests.service.orchestrator.files.samples import download, left_behind, nothing_is_left, upload

_MIB = 1024 * 1024
_CSV = b"name,age\nAda,36\n"


async def announce(
    features: Features, filename: str = "people.csv", caller: Caller = OWNER, size: int = 0, **fields: str
) -> pb.CreateUploadResponse:
    file = files_pb2.NewFile(filename=filename, **fields)
    request = pb.CreateUploadRequest(file=file, size_bytes=size)
    answer: pb.CreateUploadResponse = await features.call(features.uploads.CreateUpload, request, caller)
    return answer


async def send(features: Features, file_id: str, token: str, *chunks: bytes) -> pb.SendUploadResponse:
    async def parts() -> Any:
        yield pb.SendUploadRequest(upload=pb.UploadToken(file_id=file_id, token=token))
        for chunk in chunks:
            yield pb.SendUploadRequest(chunk=chunk)

    answer: pb.SendUploadResponse = await result_of(
        features.uploads.SendUpload(parts(), **features.metadata(ANONYMOUS))
    )
    return answer


async def complete(features: Features, file_id: str, caller: Caller = OWNER, pathname: str = "") -> files_pb2.File:
    request = pb.CompleteUploadRequest(file_id=file_id, pathname=pathname)
    answer: pb.CompleteUploadResponse = await features.call(features.uploads.CompleteUpload, request, caller)
    return answer.file


async def pending(features: Features, caller: Caller = OWNER) -> tuple[int, int, int]:
    """Return how many uploads are pending, what they take, and what all files do."""
    told = await features.call(features.files.GetStorage, files_pb2.GetStorageRequest(), caller)
    part = next(each for each in told.categories if each.id == "pending_uploads")
    return part.count, part.size_bytes, told.used_bytes


async def test_announced_sent_completed(features: Features) -> None:
    made = await announce(features, purpose="assistants", mime_type="text/csv")
    assert made.file_id.startswith("file-")
    assert made.pathname == f"{made.file_id}/people.csv"
    assert made.max_bytes == MAX_FILE_BYTES
    assert made.expires_at.ToDatetime() == features.clock.now().replace(tzinfo=None, minute=15)
    sent = await send(features, made.file_id, made.token, _CSV[:5], _CSV[5:])
    assert (sent.size_bytes, sent.mime_type, sent.pathname) == (len(_CSV), "text/csv", made.pathname)
    assert await pending(features) == (1, len(_CSV), len(_CSV))
    file = await complete(features, made.file_id, pathname=made.pathname)
    assert (file.id, file.filename, file.purpose) == (made.file_id, "people.csv", "assistants")
    assert await download(features, file.id) == (file, _CSV)
    assert await pending(features) == (0, 0, len(_CSV))
    assert await left_behind(features) == {"uploads.files": 1, "uploads.chunks": 1}


async def test_a_token_is_for_one_use(features: Features) -> None:
    made, other = await announce(features), await announce(features)
    for wrong in (other.token, made.token + "x", "x"):
        with refused("UPLOAD_TOKEN_INVALID", Unauthenticated):
            await send(features, made.file_id, wrong, _CSV)
    outcomes = await asyncio.gather(
        *(send(features, made.file_id, made.token, _CSV) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(each, pb.SendUploadResponse) for each in outcomes) == 1
    refusals = [each for each in outcomes if isinstance(each, Unauthenticated)]
    assert [each.reason for each in refusals] == ["UPLOAD_TOKEN_INVALID"] * 7
    await complete(features, made.file_id)
    with refused("UPLOAD_TOKEN_INVALID", Unauthenticated):
        await send(features, made.file_id, made.token, _CSV)


async def test_a_token_is_kept_as_a_hash_alone(features: Features) -> None:
    made = await announce(features)
    stored = await features.database["uploads_announced"].find_one({"_id": made.file_id})
    assert made.token not in repr(stored)
    assert made.token.removeprefix("pwu_") not in repr(stored)


async def test_a_token_ends_after_a_quarter_of_an_hour(features: Features) -> None:
    made = await announce(features)
    features.pass_time(minutes=15)
    with refused("UPLOAD_TOKEN_INVALID", Unauthenticated):
        await send(features, made.file_id, made.token, _CSV)


@pytest.mark.parametrize(
    ("size", "chunks", "reason"),
    [
        (0, (), "FILE_EMPTY"),
        (10, (b"x" * 11,), "FILE_TOO_LARGE"),
        (0, (b"x" * _MIB,) * 11, "FILE_TOO_LARGE"),
        (0, (b"PK\x03\x04" + bytes(100),), "FILE_TYPE_UNSUPPORTED"),
    ],
    ids=["empty", "more than announced", "more than any", "a type that no run can use"],
)
async def test_what_cannot_be_a_file_leaves_nothing(
    features: Features, size: int, chunks: Sequence[bytes], reason: str
) -> None:
    made = await announce(features, size=size)
    with refused(reason, InvalidInput) as caught:
        await send(features, made.file_id, made.token, *chunks)
    if reason == "FILE_TOO_LARGE":
        assert caught.value.metadata == {"limit": str(size or MAX_FILE_BYTES)}
    assert await left_behind(features) == {}
    with refused("FILE_CONTENT_NOT_FOUND", NotFound):
        await complete(features, made.file_id)


async def test_as_many_bytes_as_were_announced(features: Features) -> None:
    made = await announce(features, "a.txt", size=10)
    assert made.max_bytes == 10
    assert (await send(features, made.file_id, made.token, b"x" * 10)).size_bytes == 10
    with refused("FILE_TOO_LARGE", InvalidInput):
        await announce(features, size=MAX_FILE_BYTES + 1)


async def test_what_is_completed_is_there_once(features: Features) -> None:
    made = await announce(features)
    with refused("FILE_CONTENT_NOT_FOUND", NotFound):
        await complete(features, made.file_id)
    await send(features, made.file_id, made.token, _CSV)
    with refused("VALIDATION_FAILED", InvalidInput) as caught:
        await complete(features, made.file_id, pathname="file-x/people.csv")
    assert [each.field for each in caught.value.violations] == ["pathname"]
    outcomes = await asyncio.gather(*(complete(features, made.file_id) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, files_pb2.File) for each in outcomes) == 1
    late = [each.reason for each in outcomes if isinstance(each, WrongState)]
    assert late == ["FILE_ALREADY_COMPLETED"] * 3
    assert await pending(features) == (0, 0, len(_CSV))


async def test_uploads_of_others_do_not_exist(features: Features) -> None:
    made = await announce(features)
    await send(features, made.file_id, made.token, _CSV)
    with refused("FILE_NOT_FOUND", NotFound):
        await complete(features, made.file_id, STRANGER)
    with refused("FILE_NOT_FOUND", NotFound):
        await complete(features, "file-nothing")
    await complete(features, made.file_id, AGENT)
    with refused("FILE_NOT_FOUND", NotFound):
        await complete(features, made.file_id, STRANGER)


async def test_only_operators_and_agents_announce(features: Features) -> None:
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await announce(features, caller=ANONYMOUS)
    with refused("SCOPE_MISSING", PermissionDenied):
        await announce(features, caller=SESSION)


async def test_the_quota_holds_when_many_send_and_nobody_completes(features: Features) -> None:
    made = [await announce(features, "a.txt") for _ in range(8)]
    outcomes = await asyncio.gather(
        *(send(features, each.file_id, each.token, *[b"x" * _MIB] * 7) for each in made), return_exceptions=True
    )
    sent = [each for each in outcomes if isinstance(each, pb.SendUploadResponse)]
    assert len(sent) <= QUOTA // MAX_FILE_BYTES
    assert {each.reason for each in outcomes if isinstance(each, Exhausted)} == {"STORAGE_QUOTA_EXCEEDED"}
    chunks = await features.database["uploads.chunks"].distinct("files_id")
    assert len(chunks) == len(sent)


async def test_what_is_not_completed_counts_as_large_as_it_is(features: Features) -> None:
    made = [await announce(features, f"{number}.txt") for number in range(4)]
    for each in made:
        await send(features, each.file_id, each.token, _CSV)
    assert await pending(features) == (4, 4 * len(_CSV), 4 * len(_CSV))


async def test_a_small_file_fits_where_a_large_one_does_not(features: Features) -> None:
    large = await announce(features, "large.txt")
    small = [await announce(features, f"{number}.txt", size=1024) for number in range(2)]
    for size in (10 * _MIB, 10 * _MIB, 5 * _MIB):
        await upload(features, "stored.txt", b"x" * size, size=_MIB)
    with refused("STORAGE_QUOTA_EXCEEDED", Exhausted):
        await send(features, large.file_id, large.token, _CSV)
    for each in small:
        await send(features, each.file_id, each.token, b"x" * 1024)
        await complete(features, each.file_id)


async def test_a_token_lasts_until_there_is_room(features: Features) -> None:
    made = await announce(features, "a.txt")
    stored = [await upload(features, "stored.txt", b"x" * 8 * _MIB, size=_MIB) for _ in range(3)]
    for _ in range(2):
        with refused("STORAGE_QUOTA_EXCEEDED", Exhausted):
            await send(features, made.file_id, made.token, _CSV)
    await features.call(features.files.DeleteFile, files_pb2.DeleteFileRequest(file_id=stored[0].id), OWNER)
    features.pass_time(minutes=14)
    assert (await send(features, made.file_id, made.token, _CSV)).size_bytes == len(_CSV)
    with refused("UPLOAD_TOKEN_INVALID", Unauthenticated):
        await send(features, made.file_id, made.token, _CSV)


async def test_what_is_never_completed_is_removed(features: Features) -> None:
    made = await announce(features)
    await send(features, made.file_id, made.token, _CSV)
    features.pass_time(minutes=15)
    assert await features.file_parts.sweeper.sweep() == 0
    features.pass_time(minutes=15)
    assert await features.file_parts.sweeper.sweep() == 1
    assert await left_behind(features) == {}
    with refused("UPLOAD_EXPIRED", WrongState):
        await complete(features, made.file_id)
    assert await features.upload_parts.forgetter.forget() == 1
    assert await features.upload_parts.forgetter.forget() == 0
    with refused("FILE_NOT_FOUND", NotFound):
        await complete(features, made.file_id)


async def test_a_client_that_goes_away_leaves_nothing(features: Features) -> None:
    made = await announce(features, "a.txt")
    gone = asyncio.Event()

    async def parts() -> Any:
        yield pb.SendUploadRequest(upload=pb.UploadToken(file_id=made.file_id, token=made.token))
        for _ in range(3):
            yield pb.SendUploadRequest(chunk=b"x" * _MIB)
        await gone.wait()

    call = features.uploads.SendUpload(parts(), **features.metadata(ANONYMOUS))

    async def something_is_left() -> bool:
        return not await nothing_is_left(features)

    await come_true(something_is_left)
    call.cancel()
    gone.set()
    await come_true(lambda: nothing_is_left(features))
    with refused("UPLOAD_TOKEN_INVALID", Unauthenticated):
        await send(features, made.file_id, made.token, _CSV)


@pytest.mark.parametrize("kinds", ["", "c", "uu", "ucu"])
async def test_the_token_comes_once_and_first(features: Features, kinds: str) -> None:
    made = await announce(features)

    async def parts() -> Any:
        for kind in kinds:
            if kind == "u":
                yield pb.SendUploadRequest(upload=pb.UploadToken(file_id=made.file_id, token=made.token))
            else:
                yield pb.SendUploadRequest(chunk=b"text")

    with refused("VALIDATION_FAILED", InvalidInput):
        await result_of(features.uploads.SendUpload(parts(), **features.metadata(ANONYMOUS)))
    assert await left_behind(features) == {}
