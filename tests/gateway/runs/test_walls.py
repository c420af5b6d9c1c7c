"""What holds however hard clients press: the limits of plans, and the size of what they send."""

from __future__ import annotations

import asyncio
import gzip
import resource
import zlib
from collections import Counter

import pytest

from tests.gateway.runs.runner import MOCK, good, new_runner, refused
from tests.gateway.site import Site

_AT_ONCE = 50
_MIB = 1024 * 1024
_PART = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


@pytest.mark.parametrize(("plan", "allowed"), [("free", 2), ("pro", 2), ("super", 20)])
async def test_fifty_submissions_at_once_pass_as_the_plan_says(site: Site, plan: str, allowed: int) -> None:
    runner = await new_runner(site, f"fifty-{plan}")
    await runner.set_plan(plan)
    body = {"prompt": "x", "options": {**MOCK, "agentCount": 1}}

    replies = await asyncio.gather(*(runner.send("POST", "/api/developer/run", json=body) for _ in range(_AT_ONCE)))

    assert Counter(reply.status for reply in replies) == {200: allowed, 429: _AT_ONCE - allowed}
    assert len({good(reply)["taskId"] for reply in replies if reply.status == 200}) == allowed
    for reply in replies:
        if reply.status == 429:
            refused(reply, 429, "QUOTA_EXCEEDED")
    usage = await runner.get("/api/developer/usage")
    assert usage["requestsThisMonth"] == allowed


async def test_packed_uploads_take_no_more_than_they_may(site: Site) -> None:
    runner = await new_runner(site, "bomber")
    press = zlib.compressobj(wbits=31)
    bomb = b"".join([press.compress(_PART), *(press.compress(bytes(_MIB)) for _ in range(256)), press.flush()])
    assert len(bomb) < _MIB
    headers = {"Content-Type": "multipart/form-data; boundary=B", "Content-Encoding": "gzip"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    reply = await runner.send("POST", "/api/developer/files", data=bomb, headers=headers)

    assert reply.status in (400, 413, 415), reply.text
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 * _MIB
    assert (await runner.get("/api/developer/storage"))["usedBytes"] == 0


async def test_archives_are_no_files(site: Site) -> None:
    runner = await new_runner(site, "packer")
    for name, content in (("a.zip", b"PK\x03\x04" + bytes(100)), ("a.txt", gzip.compress(bytes(20 * _MIB)))):
        refused(await runner.upload(content, name, content_type="text/plain"), 415, "FILE_TYPE_UNSUPPORTED")


async def test_text_that_is_made_to_be_slow_to_look_at_is_stored_at_once(site: Site) -> None:
    runner = await new_runner(site, "slow")
    async with asyncio.timeout(10):
        made = good(await runner.upload(b"<!---->" * 500 + b"x", "a.txt"))
    assert made["bytes"] == 3501
