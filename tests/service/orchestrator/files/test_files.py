"""Files: stored as they come, read, listed and removed, by their operator alone."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest
from grpc.aio import AioRpcError
from piecework.orchestrator.v1 import files_pb2 as pb

from kit.caller import ANONYMOUS, Caller
from kit.errors import Exhausted, InvalidInput, NotFound, PermissionDenied, Unauthenticated
from kit.status import from_rpc_error, result_of
from services.orchestrator.files.model import MAX_FILE_BYTES
from services.orchestrator.files.store import Upload
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.orchestrator.features import AGENT, OWNER, QUOTA, SESSION, STRANGER, Features
from tests.service.orchestrator.files.samples import PNG, download, left_behind, nothing_is_left, parts, pdf, upload

_MIB = 1024 * 1024


async def get(features: Features, file_id: str, caller: Caller = OWNER) -> pb.File:
    answer: pb.File = (await features.call(features.files.GetFile, pb.GetFileRequest(file_id=file_id), caller)).file
    return answer


async def storage(features: Features, caller: Caller = OWNER) -> pb.GetStorageResponse:
    answer: pb.GetStorageResponse = await features.call(features.files.GetStorage, pb.GetStorageRequest(), caller)
    return answer


async def test_a_file_comes_back_as_it_was(features: Features) -> None:
    content = bytes(range(32, 127)) * 12_000
    file = await upload(features, "notes.txt", content, size=70_001)
    assert file.id.startswith("file-")
    assert (file.filename, file.purpose, file.mime_type) == ("notes.txt", "assistants", "text/plain")
    assert file.size_bytes == len(content)
    assert await get(features, file.id) == file
    assert await download(features, file.id) == (file, content)
    assert (await left_behind(features)).get("uploads_open") is None


@pytest.mark.parametrize(
    ("filename", "claimed", "content", "kind"),
    [
        ("a.txt", "", b"Hello", "text/plain"),
        ("a.csv", "", b"a,b\n1,2\n", "text/csv"),
        ("a", "text/csv; charset=utf-8", b"a,b\n1,2\n", "text/csv"),
        ("a.md", "text/plain", b"# Title", "text/markdown"),
        ("a.json", "", b' {"a": 1}', "application/json"),
        ("a.json", "", b"<html>", "text/plain"),
        ("a.txt", "image/png", b"no image", "text/plain"),
        ("a.txt", "text/plain", PNG, "image/png"),
        ("a.jpg", "", b"\xff\xd8\xff\xe0" + bytes(30), "image/jpeg"),
        ("a.gif", "", b"GIF89a" + bytes(30), "image/gif"),
        ("a.webp", "", b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(30), "image/webp"),
        ("a.bin", "", pdf("Hello"), "application/pdf"),
        ("a.svg", "", b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="x"/>', "image/svg+xml"),
        ("a.txt", "", "Grüße".encode("utf-16"), "text/plain"),
        ("a.txt", "", "Grüße".encode("cp1252"), "text/plain"),
    ],
)
async def test_its_bytes_tell_what_it_is(
    features: Features, filename: str, claimed: str, content: bytes, kind: str
) -> None:
    assert (await upload(features, filename, content, mime_type=claimed)).mime_type == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(100), "application/zip"),
        (b"\x1f\x8b" + bytes(100), "application/gzip"),
        (b"\x7fELF" + bytes(100), "application/x-elf"),
        (b"text and then\x00\x01", "application/octet-stream"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    ],
)
async def test_what_no_run_can_use_is_refused(features: Features, content: bytes, kind: str) -> None:
    with refused("FILE_TYPE_UNSUPPORTED", InvalidInput) as caught:
        await upload(features, "a.txt", content, mime_type="text/plain")
    assert caught.value.metadata == {"mime_type": kind}
    assert await left_behind(features) == {}


async def test_a_file_has_some_bytes_and_not_too_many(features: Features) -> None:
    with refused("FILE_EMPTY", InvalidInput):
        await upload(features, "a.txt", b"")
    largest = b"x" * MAX_FILE_BYTES
    assert (await upload(features, "a.txt", largest, size=_MIB)).size_bytes == MAX_FILE_BYTES
    with refused("FILE_TOO_LARGE", InvalidInput) as caught:
        await upload(features, "a.txt", largest + b"x", size=_MIB)
    assert caught.value.metadata == {"limit": str(MAX_FILE_BYTES)}
    assert (await storage(features)).used_bytes == MAX_FILE_BYTES


async def test_an_endless_file_is_stopped_at_the_limit(features: Features) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        yield pb.UploadFileRequest(file=pb.NewFile(filename="a.txt"))
        while True:
            sent += 1
            yield pb.UploadFileRequest(chunk=b"x" * _MIB)

    with refused("FILE_TOO_LARGE", InvalidInput):
        await result_of(features.files.UploadFile(endless(), **features.metadata()))
    assert sent < 40
    assert await left_behind(features) == {}


@pytest.mark.parametrize("kinds", ["", "c", "ff", "fcf"])
async def test_what_it_is_comes_once_and_first(features: Features, kinds: str) -> None:
    async def requests() -> object:
        for kind in kinds:
            if kind == "f":
                yield pb.UploadFileRequest(file=pb.NewFile(filename="a.txt"))
            else:
                yield pb.UploadFileRequest(chunk=b"text")

    with refused("VALIDATION_FAILED", InvalidInput):
        await result_of(features.files.UploadFile(requests(), **features.metadata()))
    assert await left_behind(features) == {}


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\a.txt", "a.txt"), ("a\r\nb\u202etxt.exe", "abtxt.exe"), ("\x01", "file")],
)
async def test_names_have_no_folders_and_nothing_unseen(features: Features, name: str, kept: str) -> None:
    assert (await upload(features, name, b"text")).filename == kept


async def test_files_of_others_do_not_exist(features: Features) -> None:
    file = await upload(features, "a.txt", b"secret")
    with refused("FILE_NOT_FOUND", NotFound):
        await get(features, file.id, STRANGER)
    with refused("FILE_NOT_FOUND", NotFound):
        await features.call(features.files.DeleteFile, pb.DeleteFileRequest(file_id=file.id), STRANGER)
    with pytest.raises(AioRpcError) as caught:
        await download(features, file.id, STRANGER)
    assert from_rpc_error(caught.value).reason == "FILE_NOT_FOUND"
    with refused("FILE_NOT_FOUND", NotFound):
        await features.file_parts.service.require(2, [file.id])
    await features.file_parts.service.require(1, [file.id])
    listed = await features.call(features.files.ListFiles, pb.ListFilesRequest(), STRANGER)
    assert (list(listed.files), listed.total) == ([], 0)
    assert (await storage(features, STRANGER)).used_bytes == 0
    assert (await get(features, file.id, AGENT)).id == file.id


async def test_only_operators_and_agents_have_files(features: Features) -> None:
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await upload(features, "a.txt", b"text", ANONYMOUS)
    with refused("SCOPE_MISSING", PermissionDenied):
        await storage(features, SESSION)


async def test_files_are_listed_newest_first(features: Features) -> None:
    made = []
    for number in range(5):
        features.pass_time(seconds=1)
        made.append((await upload(features, f"{number}.txt", b"text")).id)

    async def listed(**fields: int) -> tuple[list[str], int]:
        answer = await features.call(features.files.ListFiles, pb.ListFilesRequest(**fields))
        return [file.id for file in answer.files], answer.total

    assert await listed() == (made[::-1], 5)
    assert await listed(limit=2, offset=1) == ([made[3], made[2]], 5)


async def test_a_removed_file_is_gone_with_its_bytes(features: Features) -> None:
    file = await upload(features, "a.txt", b"x" * 600_000)
    await features.call(features.files.DeleteFile, pb.DeleteFileRequest(file_id=file.id))
    assert await left_behind(features) == {}
    assert (await storage(features)).used_bytes == 0
    with refused("FILE_NOT_FOUND", NotFound):
        await features.call(features.files.DeleteFile, pb.DeleteFileRequest(file_id=file.id))


async def test_storage_is_told_by_category(features: Features) -> None:
    await upload(features, "a.txt", b"x" * 10)
    await upload(features, "b.txt", b"x" * 20)
    await upload(features, "c.png", PNG)
    await upload(features, "d.txt", b"x" * 5, purpose="generated")
    told = await storage(features)
    assert (told.used_bytes, told.quota_bytes) == (35 + len(PNG), QUOTA)
    assert [(each.id, each.label, each.size_bytes, each.count) for each in told.categories] == [
        ("files", "Files", 30, 2),
        ("images", "Images", len(PNG), 1),
        ("generated_artifacts", "Generated artifacts", 5, 1),
        ("pending_uploads", "Pending uploads", 0, 0),
    ]


async def test_the_quota_holds_when_many_upload_at_once(features: Features) -> None:
    content = b"x" * (7 * _MIB)
    outcomes = await asyncio.gather(
        *(upload(features, f"{number}.txt", content, size=_MIB) for number in range(8)), return_exceptions=True
    )
    stored = [each for each in outcomes if isinstance(each, pb.File)]
    refusals = [each for each in outcomes if isinstance(each, Exhausted)]
    assert len(stored) == QUOTA // len(content) == 4
    assert [each.reason for each in refusals] == ["STORAGE_QUOTA_EXCEEDED"] * 4
    assert (await storage(features)).used_bytes == 4 * len(content)
    assert await features.file_parts.store.used(1) == 4 * len(content)
    assert set(await left_behind(features)) == {"uploads.files", "uploads.chunks"}
    await features.call(features.files.DeleteFile, pb.DeleteFileRequest(file_id=stored[0].id))
    await upload(features, "again.txt", content, size=_MIB)


async def test_an_upload_whose_client_goes_away_leaves_nothing(features: Features) -> None:
    halfway, gone = asyncio.Event(), asyncio.Event()

    async def requests() -> object:
        async for part in parts("a.txt", [b"x" * _MIB] * 3):
            yield part
        halfway.set()
        await gone.wait()

    call = features.files.UploadFile(requests(), **features.metadata())
    await halfway.wait()
    assert [each.count for each in (await storage(features)).categories if each.id == "pending_uploads"] == [1]
    call.cancel()
    gone.set()
    await come_true(lambda: nothing_is_left(features))


async def test_attachments_go_when_no_run_can_need_them(features: Features) -> None:
    attachment = await upload(features, "a.txt", b"text", purpose="attachment")
    kept = await upload(features, "b.txt", b"text")
    features.pass_time(days=2, hours=23)
    assert await features.file_parts.sweeper.sweep() == 0
    await get(features, attachment.id)
    features.pass_time(hours=2)
    assert await features.file_parts.sweeper.sweep() == 1
    with refused("FILE_NOT_FOUND", NotFound):
        await get(features, attachment.id)
    assert await get(features, kept.id) == kept
    assert (await storage(features)).used_bytes == 4
    assert await left_behind(features) == {"uploads.files": 1, "uploads.chunks": 1}


async def test_what_a_dead_process_left_behind_is_swept(features: Features) -> None:
    store, sweeper = features.file_parts.store, features.file_parts.sweeper
    kept = await upload(features, "kept.txt", b"text")

    async def begin(file_id: str) -> AbstractAsyncContextManager[Upload]:
        """Begin an upload that ends neither well nor badly: its process is gone."""
        under_way = store.upload(file_id, 1, _MIB)
        await (await under_way.__aenter__()).write(b"x" * 600_000)
        return under_way

    under_way = [await begin("file-dead")]
    features.pass_time(minutes=15)
    under_way.append(await begin("file-young"))
    features.pass_time(minutes=15)
    assert await sweeper.sweep() == 1
    chunks = await features.database["uploads.chunks"].distinct("files_id")
    assert set(chunks) == {kept.id, "file-young"}
    features.pass_time(hours=1)
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0
    assert await left_behind(features) == {"uploads.files": 1, "uploads.chunks": 1}
    assert (await download(features, kept.id))[1] == b"text"
    assert len(under_way) == 2
