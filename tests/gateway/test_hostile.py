"""Requests that no honest client sends: a documented 4xx with the face's error body, never a 500, nothing stored."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.gateway.site import Reply, Site

JSON = {"Content-Type": "application/json"}


def refused(reply: Reply, status: int) -> str:
    assert reply.status == status, (reply.status, reply.text[:500])
    assert set(reply.json) - {"validationDetails"} == {"success", "error", "timestamp", "correlationId"}
    assert reply.json["success"] is False
    assert reply.json["correlationId"] == reply.headers["X-Correlation-ID"]
    error: str = reply.json["error"]
    return error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"name":',
        b'{"name":"a" "description":"b"}',
        b"{'name':'a'}",
        b"NaN",
        b'{"name":NaN}',
        b'{"config":{"defaultMaxRetries":Infinity}}',
        b'{"name":"\xff\xfe"}',
        '{"name":"a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\\udc00x"}',
        b'{"name":"a\nb"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"config":{"defaultMaxRetries":1e999}}',
        b'{"config":{"defaultMaxRetries":' + b"9" * 5000 + b"}}",
        b'{"name":"a"} trailing',
        b"\x00",
        b"name=a&description=b",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/projects"), ("POST", "/api/auth/login")])
async def test_what_is_not_json(site: Site, method: str, path: str, body: bytes) -> None:
    error = refused(await site.send(method, path, data=body, headers=JSON), 400)
    assert "Traceback" not in error


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"5", b"true", b"[{}]"])
async def test_what_is_not_an_object(site: Site, body: bytes) -> None:
    assert refused(await site.send("POST", "/api/projects", data=body, headers=JSON), 422)


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/xml", "x"],
)
async def test_other_content_types(site: Site, content_type: str) -> None:
    body = json.dumps({"name": "a", "description": "b"})
    assert refused(await site.send("POST", "/api/projects", data=body, headers={"Content-Type": content_type}), 400)


async def test_other_charsets(site: Site) -> None:
    headers = {"Content-Type": "application/json; charset=utf-16"}
    assert refused(await site.send("POST", "/api/projects", data=b"{}", headers=headers), 400)
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    assert refused(await site.send("POST", "/api/projects", data=b"{}", headers=headers), 422)


async def test_duplicate_keys_take_the_last_value(site: Site) -> None:
    body = b'{"name":"a b","name":"also wrong!","description":"d"}'
    reply = await site.send("POST", "/api/projects", data=body, headers=JSON)
    refused(reply, 422)
    assert reply.json["validationDetails"][0]["value"] == "also wrong!"


async def test_bodies_over_the_limit(site: Site) -> None:
    body = b'{"name":"' + b"a" * (10 * 1024 * 1024) + b'"}'
    assert refused(await site.send("POST", "/api/projects", data=body, headers=JSON), 413)

    async def chunks() -> Any:
        for _ in range(11):
            yield b" " * 1024 * 1024

    assert refused(await site.send("POST", "/api/projects", data=chunks(), headers=JSON), 413)


async def test_a_body_of_nearly_ten_megabytes_is_read(site: Site) -> None:
    body = b'{"name":"' + b"a" * (10 * 1024 * 1024 - 1000) + b'"}'
    assert refused(await site.send("POST", "/api/projects", data=body, headers=JSON), 422)


async def test_a_bulk_request_of_nearly_ten_megabytes_reaches_the_service(site: Site) -> None:
    project = await site.project()
    kind = await site.task_type(project["id"])
    items = [{"typeId": kind["id"], "instructions": "x" * 10_000} for _ in range(1000)]
    reply = await site.send("POST", f"/api/projects/{project['id']}/tasks/bulk", json={"tasks": items})
    assert reply.status == 201, reply.text[:500]
    assert reply.data["tasksCreated"] == 1000


async def test_an_answer_that_nothing_can_carry(site: Site) -> None:
    project = await site.project()
    kind = await site.task_type(project["id"])
    for _ in range(17):
        task = await site.task(project["id"], kind["id"])
        await site.send("POST", "/api/agents/w/next-task", json={"projectId": project["id"]})
        body = {"result": "x" * 2**20, "agentName": "w"}
        done = await site.send("POST", f"/api/tasks/{task['id']}/complete", json=body)
        assert done.status == 200, done.text[:300]
    reply = await site.send("GET", f"/api/projects/{project['id']}/tasks")
    assert refused(reply, 422)
    assert reply.json["validationDetails"][0]["field"] == "limit"
    assert (await site.send("GET", f"/api/projects/{project['id']}/tasks?limit=5")).status == 200
    await site.send("DELETE", f"/api/projects/{project['id']}")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "nonsense"])
async def test_broken_compression(site: Site, encoding: str) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    assert refused(await site.send("POST", "/api/projects", data=b"not compressed", headers=headers), 400)


async def test_a_small_body_that_grows_without_end(site: Site) -> None:
    bomb = gzip.compress(b" " * 40 * 1024 * 1024)
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert refused(await site.send("POST", "/api/projects", data=bomb, headers=headers), 413)


@pytest.mark.parametrize(
    "name", ["nope", "%00", "%ff", "x" * 300, "..%2f..", "550e8400-e29b-41d4-a716-446655440000", "💥", "%20", "{}"]
)
@pytest.mark.parametrize("path", ["/api/projects/{}", "/api/tasks/{}", "/api/task-types/{}", "/api/projects/{}/events"])
async def test_ids_that_are_none(site: Site, path: str, name: str) -> None:
    reply = await site.send("GET", path.format(name))
    assert refused(reply, 422 if name == "x" * 300 else 404)


@pytest.mark.parametrize("path", ["/api/nope", "/api/projects/", "/api/projects/x/y/z", "/api/", "/api//projects"])
async def test_paths_that_are_none(site: Site, path: str) -> None:
    assert refused(await site.send("GET", path), 404) == "Not Found"
    assert refused(await site.send("GET", path, key=None), 401) == "Authentication required"


async def test_methods_that_are_none(site: Site) -> None:
    reply = await site.send("PATCH", "/api/projects")
    assert refused(reply, 405) == "Method Not Allowed"
    assert reply.headers["Allow"] == "GET,HEAD,POST"
    assert refused(await site.send("BREW", "/api/projects"), 400)
    assert refused(await site.send("PATCH", "/api/projects", key=None), 401)


async def test_head_and_options(site: Site) -> None:
    reply = await site.send("HEAD", "/api/projects")
    assert (reply.status, reply.text) == (200, "")
    reply = await site.send("OPTIONS", "/api/projects", key=None)
    assert (reply.status, reply.headers["Allow"]) == (204, "GET,HEAD,OPTIONS,POST")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/projects HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/projects HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_http(site: Site, raw: bytes) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    answer = await asyncio.wait_for(reader.read(65536), 10)
    writer.close()
    assert answer.split()[1] == b"400", answer
    assert b"Traceback" not in answer
    assert b"aiohttp" not in answer


async def test_header_values_that_are_not_utf_8(site: Site) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + site.owner.key.encode() + b"\r\n"
        b"Connection: close\r\nX-Correlation-ID: \xff\r\nIdempotency-Key: \xff\xfe\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    answer = await asyncio.wait_for(reader.read(65536), 10)
    writer.close()
    assert answer.split()[1] == b"422", answer


async def test_nothing_of_all_that_was_stored(site: Site) -> None:
    reply = await site.send("GET", "/api/projects?limit=100")
    assert not {"a", "a b", "also wrong!"} & {project["name"] for project in reply.data}
