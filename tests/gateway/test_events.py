"""The live stream: what it says, how it resumes, and how it ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.gateway.event_client import EventClient
from tests.gateway.site import Site


@pytest.fixture
async def project(site: Site) -> Any:
    """A project with one type."""
    project = await site.project()
    project["type"] = (await site.task_type(project["id"]))["id"]
    return project


async def test_the_life_of_a_task_is_told_in_order(site: Site, project: Any) -> None:
    async with EventClient(site, project["id"]) as events:
        assert events.response.status == 200
        assert events.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        first = await events.block()
        assert first is not None
        assert int(first["retry"]) > 0
        assert first["id"].isdigit()
        task = await site.task(project["id"], project["type"])
        await site.send("POST", "/api/agents/w/next-task", json={"projectId": project["id"]})
        await site.send("POST", f"/api/tasks/{task['id']}/complete", json={"result": "ok", "agentName": "w"})
        seen = [await events.event() for _ in range(3)]
    assert all(seen)
    ids = [int(found[0]) for found in seen if found]
    assert ids == sorted(set(ids))
    assert ids[0] > int(first["id"])
    for found in seen:
        assert found is not None
        assert found[0] == str(found[2]["seq"])
        assert found[1] == found[2]["type"]
        assert task["id"] in found[2]["subject"]
    assert seen[2] is not None
    assert seen[2][1] == "task.completed"


async def test_a_client_that_comes_back_misses_nothing(site: Site, project: Any) -> None:
    async with EventClient(site, project["id"]) as events:
        await events.block()
        await site.task(project["id"], project["type"])
        seen = await events.event()
        assert seen is not None
    for _ in range(3):
        await site.task(project["id"], project["type"])
    async with EventClient(site, project["id"], Last_Event_ID=seen[0], after=0) as events:
        numbers = [found[0] for found in [await events.event() for _ in range(3)] if found]
    assert len(set(numbers)) == 3
    assert min(map(int, numbers)) > int(seen[0])
    async with EventClient(site, project["id"], after=int(numbers[1])) as events:
        found = await events.event()
        assert found is not None
        assert found[0] == numbers[2]


async def test_a_cursor_from_before_the_first_event_resumes(site: Site, project: Any) -> None:
    async with EventClient(site, project["id"]) as events:
        await events.block()
    assert events.last_id is not None
    await site.task(project["id"], project["type"])
    async with EventClient(site, project["id"], Last_Event_ID=events.last_id) as again:
        assert await again.event() is not None


async def test_a_cursor_of_another_history_is_told_and_goes_on(site: Site, project: Any) -> None:
    """As after a platform was set up anew: numbers begin again, and browsers come back with their old ones."""
    async with EventClient(site, project["id"], Last_Event_ID=str(10**9)) as events:
        gap = await events.event()
        assert gap is not None
        assert gap[1] == "gap"
        assert gap[2] == {"fromSeq": int(gap[0]) + 1, "toSeq": int(gap[0])}
        await site.task(project["id"], project["type"])
        found = await events.event()
        assert found is not None
        assert int(found[0]) > int(gap[0])
    async with EventClient(site, project["id"], Last_Event_ID=gap[0]) as again:
        assert await again.event() == found


async def test_silence_is_filled_with_heartbeats(site: Site, project: Any) -> None:
    async with EventClient(site, project["id"]) as events:
        await events.block()
        before = len(events.comments)
        await events.block()
        await events.block()
        assert events.comments[before:] == ["heartbeat", "heartbeat"]


@pytest.mark.parametrize(("after", "header"), [("x", ""), ("-1", ""), ("1.5", ""), ("", "x"), ("9" * 30, "")])
async def test_bad_cursors(site: Site, project: Any, after: str, header: str) -> None:
    query = f"?after={after}" if after else ""
    headers = {"Last-Event-ID": header} if header else {}
    reply = await site.send("GET", f"/api/projects/{project['id']}/events{query}", headers=headers)
    assert reply.status == 422
    assert reply.json["validationDetails"][0]["field"] == ("after" if after else "Last-Event-ID")


async def test_a_revoked_session_ends_its_stream(site: Site, project: Any) -> None:
    token = (await site.login(project["id"], "watcher"))["token"]
    async with EventClient(site, project["id"], key=token) as events:
        await events.block()
        await site.send("POST", "/api/auth/logout", key=token)
        assert await events.event() is None


async def test_a_session_ended_elsewhere_ends_its_stream(site: Site, project: Any, another_gateway: Any) -> None:
    token = (await site.login(project["id"], "watcher"))["token"]
    other = await another_gateway()
    async with EventClient(site, project["id"], key=token) as events:
        await events.block()
        await other.send("POST", "/api/auth/logout", key=token)
        assert await events.event() is None


async def test_streams_end_when_the_gateway_stops(project: Any, another_gateway: Any) -> None:
    other = await another_gateway()
    async with EventClient(other, project["id"]) as events:
        await events.block()
        stopping = asyncio.create_task(other.stop())
        assert await events.event() is None
        await stopping


async def test_an_operator_has_a_bounded_number_of_streams(project: Any, another_gateway: Any) -> None:
    other = await another_gateway(parts={"streams_per_operator": 2})
    path = f"/api/projects/{project['id']}/events"
    async with EventClient(other, project["id"]) as first:
        await first.block()
        async with EventClient(other, project["id"]) as second:
            await second.block()
            reply = await other.send("GET", path)
            assert reply.status == 429
            assert reply.headers["Retry-After"]
    # What a client that went away held is given back as soon as that is noticed.
    async with asyncio.timeout(5):
        while True:
            async with EventClient(other, project["id"]) as again:
                if again.response.status == 200:
                    break


async def test_other_projects_are_not_told(site: Site, project: Any) -> None:
    other = await site.project()
    kind = (await site.task_type(other["id"]))["id"]
    async with EventClient(site, project["id"]) as events:
        await events.block()
        await site.task(other["id"], kind)
        mine = await site.task(project["id"], project["type"])
        found = await events.event()
        assert found is not None
        assert mine["id"] in found[2]["subject"]


async def test_a_head_request_does_not_open_a_stream(site: Site, project: Any) -> None:
    assert (await site.send("HEAD", f"/api/projects/{project['id']}/events")).status == 405


async def _seconds(site: Site) -> tuple[float, float]:
    """Return how many streams have ended, and the time that is counted for them."""
    text = (await site.send("GET", "/metrics", key=None)).text
    series = 'piecework_http_request_duration_seconds_{}{{method="GET",route="/api/projects/{{projectId}}/events"}}'
    found = {line.partition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    return found.get(series.format("count"), 0.0), found.get(series.format("sum"), 0.0)


async def test_how_long_a_client_stays_is_no_response_time(site: Site, project: Any) -> None:
    count, seconds = await _seconds(site)
    began = time.monotonic()
    async with EventClient(site, project["id"]) as events:
        while not events.comments.count("heartbeat"):
            await events.block()
    stayed = time.monotonic() - began
    async with asyncio.timeout(10):
        while (now := await _seconds(site))[0] == count:
            continue
    assert now[1] - seconds < stayed
    assert stayed > 0.3
