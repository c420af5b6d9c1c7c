"""Files, in the words of both generations of clients."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest

from gateway.faces.runs.upload import ATTACHMENT_BYTES, LIMIT_BYTES
from tests.gateway.runs.runner import BASES, MOCK, Runner, good, new_runner, refused
from tests.gateway.site import Site

_LISTS = [*(f"{base}/files" for base in BASES), "/api/v1/files"]


@pytest.mark.parametrize("path", _LISTS)
async def test_a_file_from_its_beginning_to_its_end(runner: Runner, path: str) -> None:
    content = b"name,age\nAda,36\n"
    made = good(await runner.upload(content, "people.csv", path=path))
    assert made["object"] == "file"
    assert (made["filename"], made["purpose"], made["bytes"]) == ("people.csv", "assistants", len(content))
    assert type(made["created_at"]) is int
    assert made["id"].startswith("file-")
    one = f"{path}/{made['id'].replace('-', '%2D')}"
    assert await runner.get(one) == made
    listed = await runner.get(f"{path}?limit=1")
    assert listed["files"] == [made]
    assert listed["total"] >= 1
    reply = await runner.send("GET", f"{one}/content")
    assert (reply.status, reply.text) == (200, content.decode())
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="people.csv"')
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Length"] == str(len(content))
    inline = await runner.send("GET", f"{one}/content?disposition=inline")
    assert inline.headers["Content-Disposition"].startswith("inline")
    head = await runner.send("HEAD", f"{one}/content")
    assert (head.status, head.headers["Content-Length"], head.text) == (200, str(len(content)), "")
    assert good(await runner.send("DELETE", one)) == {"id": made["id"], "deleted": True}
    assert refused(await runner.send("GET", one), 404, "FILE_NOT_FOUND") == "File not found"
    assert refused(await runner.send("GET", f"{one}/content"), 404, "FILE_NOT_FOUND") == "File not found"


@pytest.mark.parametrize("order", [("file", "purpose", "mime_type"), ("purpose", "mime_type", "file"), ("file",)])
async def test_parts_in_any_order(runner: Runner, order: tuple[str, ...]) -> None:
    form = aiohttp.FormData()
    for name in order:
        if name == "file":
            form.add_field("file", b"# Title\n", filename="notes.md")
        else:
            form.add_field(name, {"purpose": "vision", "mime_type": "text/markdown"}[name])
    made = good(await runner.send("POST", "/api/v1/developer/files", data=form))
    assert made["purpose"] == ("vision" if "purpose" in order else "assistants")


async def test_a_body_that_comes_in_pieces(runner: Runner) -> None:
    async def pieces() -> Any:
        head = (
            b'--B\r\nContent-Disposition: form-data; name="file"; filename="go.txt"\r\nContent-Type: text/plain\r\n\r\n'
        )
        for piece in (head[:30], head[30:], *[b"0123456789" * 1000] * 20, b"\r\n--B", b"--\r\n"):
            yield piece

    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    made = good(await runner.send("POST", "/api/developer/files", data=pieces(), headers=headers))
    assert (made["filename"], made["bytes"]) == ("go.txt", 200_000)


async def test_ten_mebibytes_and_no_byte_more(runner: Runner) -> None:
    made = good(await runner.upload(b"x" * LIMIT_BYTES, "large.txt"))
    reply = await runner.send("GET", f"/api/developer/files/{made['id']}/content")
    assert len(reply.text) == LIMIT_BYTES
    inline = await runner.send("GET", f"/api/developer/files/{made['id']}/content?disposition=inline")
    assert refused(inline, 413, "FILE_TOO_LARGE") == "File is too large for inline download"
    await runner.send("DELETE", f"/api/developer/files/{made['id']}")
    reply = await runner.upload(b"x" * (LIMIT_BYTES + 1), "large.txt")
    assert refused(reply, 413, "FILE_TOO_LARGE") == f"File exceeds maximum size of {LIMIT_BYTES} bytes"


async def test_attachments_may_be_larger(runner: Runner) -> None:
    path = "/api/v1/attachments/upload"
    made = good(await runner.upload(b"x" * ATTACHMENT_BYTES, "large.txt", path=path))
    assert made["size"] == ATTACHMENT_BYTES == 20 * 2**20
    await runner.send("DELETE", f"/api/developer/files/file-{made['id'].rpartition(':')[2]}")
    reply = await runner.upload(b"x" * (ATTACHMENT_BYTES + 1), "large.txt", path=path)
    assert refused(reply, 413, "FILE_TOO_LARGE") == f"File exceeds maximum size of {ATTACHMENT_BYTES} bytes"


async def test_an_ordinary_file_is_no_attachment(runner: Runner) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"to be kept", filename="notes.txt")
    form.add_field("purpose", " attachment ")
    assert "purpose" in refused(await runner.send("POST", _LISTS[0], data=form), 400, "VALIDATION_FAILED")


async def test_what_is_wrong_with_an_upload(runner: Runner) -> None:
    path = "/api/developer/files"
    assert refused(await runner.upload(b"", "empty.txt"), 400, "FILE_EMPTY") == "Uploaded file is empty"
    form = aiohttp.FormData()
    form.add_field("purpose", "x", filename="y")
    assert refused(await runner.send("POST", path, data=form), 400, "INVALID_REQUEST") == "Missing file"
    assert "Missing file" in refused(await runner.send("POST", path, json={}), 400, "INVALID_REQUEST")
    reply = await runner.upload(b"MZ\x90\x00" + bytes(range(256)), "setup.exe", content_type="text/plain")
    assert refused(reply, 415, "FILE_TYPE_UNSUPPORTED").startswith("Unsupported file type: ")
    for headers, body in (
        ({"Content-Type": "multipart/form-data"}, b"x"),
        ({"Content-Type": "multipart/form-data; boundary=B"}, b"--B\r\n"),
        ({"Content-Type": "multipart/form-data; boundary=B"}, b"no boundary at all"),
        ({"Content-Type": "multipart/form-data; boundary=B"}, b"--B\r\n\r\n\r\n" * 50),
        (
            {"Content-Type": "multipart/form-data; boundary=B"},
            b'--B\r\nContent-Disposition: form-data; name="a\x0bb"\r\n\r\nx\r\n--B--\r\n',
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=B"},
            b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n",
        ),
    ):
        refused(await runner.send("POST", path, data=body, headers=headers), 400, "INVALID_REQUEST")


async def test_a_files_text_reaches_the_agents(runner: Runner) -> None:
    made = good(await runner.upload(b"The password is swordfish.", "secret.txt"))
    for body in ({"options": {**MOCK, "fileIds": [made["id"]]}}, {"options": MOCK, "file_ids": [made["id"]]}):
        task_id = (await runner.post("/api/developer/run", {"prompt": "What is it?", **body}))["taskId"]
        await runner.finish(task_id)
        agents = (await runner.get(f"/api/developer/status/{task_id}"))["agentStatuses"]
        assert any("swordfish" in agent["result"] for agent in agents)


async def test_a_file_that_there_is_not(runner: Runner) -> None:
    body = {"prompt": "x", "options": {**MOCK, "fileIds": ["file-nothing"]}}
    assert refused(await runner.send("POST", "/api/developer/run", json=body), 404, "FILE_NOT_FOUND")


async def test_storage(site: Site) -> None:
    runner = await new_runner(site, "storage")
    await runner.upload(b"0123456789")
    for base in BASES:
        use = await runner.get(f"{base}/storage")
        assert use["usedBytes"] == 10
        assert use["quotaBytes"] == 40 * 2**30
        ids = [part["id"] for part in use["categories"]]
        assert ids == ["files", "images", "generated_artifacts", "pending_uploads"]
        assert use["categories"][0] == {"id": "files", "label": "Files", "bytes": 10, "count": 1}


async def test_old_go_clients_read_text(runner: Runner) -> None:
    made = good(await runner.upload(b"x"))
    headers = {"X-SDK-Language": "go", "Authorization": f"Bearer {runner.key}"}
    reply = await runner.site.send("GET", f"/api/developer/files/{made['id']}", key=None, headers=headers)
    assert type(reply.json["created_at"]) is str


@pytest.mark.parametrize("path", ["/api/v1/attachments/upload", "/api/attachments/upload"])
async def test_attachments_go_with_a_run(runner: Runner, bystander: Runner, path: str) -> None:
    made = good(await runner.upload(b"The password is swordfish.", "secret.txt", path=path))
    assert (made["mime_type"], made["size"]) == ("text/plain", 26)
    assert made["id"].startswith(f"u:{runner.operator.id}:")
    body = {"prompt": "What is it?", "options": MOCK, "attachment_ids": [made["id"], "gone"]}
    task_id = (await runner.post("/api/developer/run", body))["taskId"]
    await runner.finish(task_id)
    assert "swordfish" in (await runner.send("GET", f"/api/developer/status/{task_id}")).text
    reply = await bystander.send("POST", "/api/developer/run", json=body)
    assert refused(reply, 403, "FORBIDDEN") == "One or more attachments are not accessible"
    for ids in (["gone"], [f"u:{runner.operator.id}:{'0' * 8}-0000-0000-0000-{'0' * 12}"]):
        reply = await runner.send("POST", "/api/developer/run", json={**body, "attachment_ids": ids})
        assert refused(reply, 400, "INVALID_REQUEST") == "None of the provided attachments could be resolved"
    reply = await runner.send("POST", "/api/developer/run", json={**body, "attachment_ids": ["x"] * 6})
    refused(reply, 400, "VALIDATION_FAILED")


async def test_a_repeated_run_with_attachments_is_the_same_run(runner: Runner) -> None:
    text = base64.b64encode(b"The password is swordfish.").decode()
    stored = good(await runner.upload(b"another", path="/api/v1/attachments/upload"))["id"]
    for files in ({"attachments": [{"data": text}]}, {"attachment_ids": [stored]}):
        body = {"prompt": "What is it?", "options": MOCK, **files}
        key = {"Idempotency-Key": f"key-{next(iter(files))}"}
        first, again = [await runner.send("POST", "/api/developer/run", json=body, headers=key) for _ in range(2)]
        assert good(again) == good(first)
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        other = {**body, "attachments": [{"data": "AAAA"}]}
        refused(await runner.send("POST", "/api/developer/run", json=other, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")


async def test_attachments_within_the_body(runner: Runner) -> None:
    text = base64.b64encode(b"The password is swordfish.").decode()
    held = [{"data": text, "mime_type": "text/plain", "name": "a.txt"}, {"data": f"data:text/plain;base64,{text}"}]
    body = {"prompt": "What is it?", "options": MOCK, "attachments": held}
    task_id = (await runner.post("/api/developer/run", body))["taskId"]
    await runner.finish(task_id)
    assert "swordfish" in (await runner.send("GET", f"/api/developer/status/{task_id}")).text
    for wrong in ({}, {"data": 5}, {"data": "%%%"}, "x", None):
        reply = await runner.send("POST", "/api/developer/run", json={**body, "attachments": [wrong]})
        assert "attachments[0].data" in refused(reply, 400, "VALIDATION_FAILED")
