"""Files that are sent with a token, as clients do with large ones."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.faces.runs.upload import LIMIT_BYTES
from tests.gateway.runs.runner import BASES, MOCK, Runner, good, new_runner, refused
from tests.gateway.site import Reply, Site

_LISTS = [*(f"{base}/files" for base in BASES), "/api/v1/files"]
_CSV = b"name,age\nAda,36\n"
# What published clients send beside the token.
_HEADERS = {"x-api-version": "9", "X-Content-Type": "text/csv", "X-Add-Random-Suffix": "0"}


async def announce(runner: Runner, path: str = _LISTS[0], **body: Any) -> Any:
    asked = {"filename": "people.csv", "purpose": "assistants", "mime_type": "text/csv", **body}
    return await runner.post(f"{path}/upload-token", asked)


async def send(site: Site, made: Any, content: Any, token: str | None = None, **headers: str) -> Reply:
    given = {"Authorization": f"Bearer {token or made['upload_token']}", **_HEADERS, **headers}
    path = made["upload_url"].removeprefix(site.url)
    return await site.send("PUT", path, key=None, headers=given, data=content)


@pytest.mark.parametrize("path", _LISTS)
async def test_announced_sent_completed(site: Site, runner: Runner, path: str) -> None:
    made = await announce(runner, path)
    assert set(made) == {"file_id", "upload_url", "upload_token", "pathname", "expires_at", "max_bytes"}
    assert made["upload_url"].startswith(f"{site.url}{path}/")
    assert made["max_bytes"] == LIMIT_BYTES
    assert 800 < made["expires_at"] - time.time() <= 900
    sent = await send(site, made, _CSV)
    assert sent.status == 200, sent.text
    about = {"file_id": made["file_id"], "pathname": made["pathname"]}
    assert sent.json == {**about, "bytes": len(_CSV), "mime_type": "text/csv"}
    assert refused(await runner.send("GET", f"{path}/{made['file_id']}"), 404, "FILE_NOT_FOUND")
    file = await runner.post(f"{path}/complete", {**about, "filename": "people.csv", "purpose": "assistants"})
    assert (file["id"], file["object"], file["filename"]) == (made["file_id"], "file", "people.csv")
    assert (file["bytes"], file["purpose"], file["mime_type"]) == (len(_CSV), "assistants", "text/csv")
    assert await runner.get(f"{path}/{file['id']}") == file
    assert (await runner.send("GET", f"{path}/{file['id']}/content")).text == _CSV.decode()
    reply = await runner.send("POST", f"{path}/complete", json=about)
    assert refused(reply, 409, "FILE_ALREADY_COMPLETED") == "File already completed"


async def test_it_reaches_the_agents(site: Site, runner: Runner) -> None:
    made = await announce(runner, filename="secret.txt", mime_type=None, purpose=None)
    await send(site, made, b"The password is swordfish.")
    await runner.post(f"{_LISTS[0]}/complete", {"file_id": made["file_id"]})
    body = {"prompt": "What is it?", "options": {**MOCK, "fileIds": [made["file_id"]]}}
    task_id = (await runner.post("/api/developer/run", body))["taskId"]
    await runner.finish(task_id)
    assert "swordfish" in (await runner.send("GET", f"/api/developer/status/{task_id}")).text


async def test_a_token_is_no_key_and_a_key_is_no_token(site: Site, runner: Runner) -> None:
    made, other = await announce(runner), await announce(runner)
    for token in (runner.key, other["upload_token"], "x" * 600):
        text = refused(await send(site, made, _CSV, token), 401, "UNAUTHORIZED")
        assert text in ("Invalid or expired upload token", "Invalid or missing API key")
    refused(await runner.send("GET", _LISTS[0], key=made["upload_token"]), 401, "UNAUTHORIZED")
    assert (await send(site, made, _CSV)).status == 200
    assert refused(await send(site, made, _CSV), 401, "UNAUTHORIZED") == "Invalid or expired upload token"


@pytest.mark.parametrize(("token", "content", "status"), [("pwu_wrong", b"", 401), ("", b"PK\x03\x04", 415)])
async def test_a_refusal_does_not_wait_for_bytes_that_never_come(
    runner: Runner, token: str, content: bytes, status: int
) -> None:
    made = await announce(runner)
    url = urlsplit(made["upload_url"])
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000\r\n"
    writer.write(f"{head}Authorization: Bearer {token or made['upload_token']}\r\n\r\n".encode() + content)
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()


async def test_ten_mebibytes_and_no_byte_more(site: Site, runner: Runner) -> None:
    made = await announce(runner, filename="large.txt", bytes=LIMIT_BYTES)
    assert (await send(site, made, b"x" * LIMIT_BYTES)).json["bytes"] == LIMIT_BYTES
    await runner.post(f"{_LISTS[0]}/complete", {"file_id": made["file_id"]})
    await runner.send("DELETE", f"{_LISTS[0]}/{made['file_id']}")
    reply = await send(site, await announce(runner), b"x" * (LIMIT_BYTES + 1))
    assert refused(reply, 413, "FILE_TOO_LARGE") == f"File exceeds maximum size of {LIMIT_BYTES} bytes"
    reply = await send(site, await announce(runner, bytes=10), b"x" * 11)
    assert refused(reply, 413, "FILE_TOO_LARGE") == "File exceeds maximum size of 10 bytes"
    reply = await runner.send("POST", f"{_LISTS[0]}/upload-token", json={"filename": "x", "bytes": LIMIT_BYTES + 1})
    refused(reply, 413, "FILE_TOO_LARGE")


async def test_a_body_that_does_not_tell_its_length_or_grows(site: Site, runner: Runner) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 256 * 1024

    refused(await send(site, await announce(runner), endless()), 413, "FILE_TOO_LARGE")
    bomb = gzip.compress(b"x" * 4 * LIMIT_BYTES)
    reply = await send(site, await announce(runner), bomb, **{"Content-Encoding": "gzip"})
    refused(reply, 413, "FILE_TOO_LARGE")
    reply = await send(site, await announce(runner), b"not compressed", **{"Content-Encoding": "gzip"})
    refused(reply, 400, "INVALID_REQUEST")


async def test_what_is_wrong_with_an_upload(site: Site, runner: Runner) -> None:
    made = await announce(runner)
    assert refused(await send(site, made, b""), 400, "FILE_EMPTY") == "Uploaded file is empty"
    reply = await send(site, await announce(runner), b"MZ\x90\x00" + bytes(range(256)))
    assert refused(reply, 415, "FILE_TYPE_UNSUPPORTED").startswith("Unsupported file type: ")
    reply = await runner.send("POST", f"{_LISTS[0]}/complete", json={"file_id": made["file_id"]})
    assert refused(reply, 404, "FILE_CONTENT_NOT_FOUND") == "File content not found"
    reply = await runner.send("POST", f"{_LISTS[0]}/complete", json={"file_id": "file-nothing"})
    assert refused(reply, 404, "FILE_NOT_FOUND") == "File not found"
    made = await announce(runner)
    good(await runner.send("GET", "/api/developer/storage"))
    await send(site, made, _CSV)
    body = {"file_id": made["file_id"], "pathname": "other/people.csv"}
    assert "pathname" in refused(
        await runner.send("POST", f"{_LISTS[0]}/complete", json=body), 400, "VALIDATION_FAILED"
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filename": ""},
        {"filename": 5},
        {"filename": "x" * 256},
        {"filename": "x", "bytes": -1},
        {"filename": None},
        {"filename": "x", "purpose": "attachment"},
    ],
)
async def test_announcements_that_are_none(runner: Runner, body: Any) -> None:
    reply = await runner.send("POST", f"{_LISTS[0]}/upload-token", json=body)
    refused(reply, 400, "VALIDATION_FAILED")


async def test_a_client_that_goes_away_leaves_nothing(site: Site) -> None:
    runner = await new_runner(site, "sender")
    made = await announce(runner)
    begun = asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield b"x" * 1024 * 1024
        begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(send(site, made, halting()))
    await begun.wait()
    sending.cancel()
    async with asyncio.timeout(30):
        while True:
            storage = await runner.get("/api/developer/storage")
            if [part["count"] for part in storage["categories"] if part["id"] == "pending_uploads"] == [0]:
                break
    body = {"file_id": made["file_id"]}
    refused(await runner.send("POST", f"{_LISTS[0]}/complete", json=body), 404, "FILE_CONTENT_NOT_FOUND")
