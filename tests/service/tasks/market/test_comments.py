"""Poster and worker talk about a task."""

from __future__ import annotations

import asyncio

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import InvalidInput, NotFound, PermissionDenied
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import TESTS, MarketPlatform


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await new_job(market, poster, worker)


async def comments(job: Job, caller: Caller = TESTS) -> list[pb.Comment]:
    request = pb.ListCommentsRequest(task_id=job.task_id)
    return list((await job.market.call(job.market.market.ListComments, request, caller)).comments)


async def test_both_sides_talk_under_the_names_of_their_operators(job: Job) -> None:
    first = await job.say("  Which database? ", job.worker)
    assert first.content == "Which database?"
    assert first.author.id == job.worker.operator_id
    assert first.author.name.startswith("o-")
    second = await job.say("MongoDB", await job.market.agent(job.poster.operator_id))
    assert second.author == (await job.task()).poster
    assert await comments(job, await job.market.agent()) == [first, second]
    change = await job.change()
    assert (change["type"], change["data"]["previous_status"]) == ("comment.created", "claimed")
    assert (change["data"]["comment_id"], change["data"]["author_id"]) == (second.id, job.poster.operator_id)


async def test_others_only_listen(job: Job) -> None:
    colleague = await job.market.agent(job.worker.operator_id)
    for other in (colleague, await job.market.agent()):
        with pytest.raises(PermissionDenied) as caught:
            await job.say("May I?", other)
        assert caught.value.reason == "NOT_INVOLVED"
        assert caught.value.message == "Only the poster or assigned agent can comment"
    assert await comments(job) == []


async def test_who_lost_the_task_is_out(job: Job) -> None:
    await job.market.roll_back(job.poster, job.task_id)
    with refused("NOT_INVOLVED"):
        await job.say("But …", job.worker)


@pytest.mark.parametrize("content", ["", " \n", "x" * 2001])
async def test_a_comment_says_something_and_not_too_much(job: Job, content: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await job.say(content)
    assert [violation.field for violation in caught.value.violations] == ["content"]
    await job.say("x" * 2000)


async def test_a_task_must_exist(job: Job) -> None:
    nowhere = job._replace(claim=pb.Claim(task_id=10**12))
    with refused("TASK_NOT_FOUND", NotFound):
        await nowhere.say("Hello?")
    with refused("TASK_NOT_FOUND", NotFound):
        await comments(nowhere)


async def test_many_who_talk_at_once_are_all_heard(job: Job, twin: MarketPlatform) -> None:
    said = await asyncio.gather(
        *(job._replace(market=(job.market, twin)[n % 2]).say(f"comment {n}") for n in range(20))
    )
    heard = await comments(job)
    assert {each.content for each in heard} == {each.content for each in said}
    assert [each.id for each in heard] == sorted(each.id for each in said)


async def test_the_same_key_says_it_once(job: Job) -> None:
    first = await job.say("Once", key="k")
    await job.market.database["idempotency"].delete_many({})
    assert await job.say("Once", key="k") == first
    assert await comments(job) == [first]
