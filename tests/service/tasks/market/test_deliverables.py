"""Work is handed in, accepted and paid, or sent back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError, InvalidInput, NotFound, PermissionDenied, WrongState
from kit.timestamps import to_timestamp
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job, new_job
from tests.service.tasks.market.platform import MarketPlatform


@pytest.fixture
async def job(market: MarketPlatform, poster: Caller, worker: Caller) -> Job:
    return await new_job(market, poster, worker)


async def test_work_is_handed_in(job: Job) -> None:
    deliverable = await job.deliver("  Here it is \n")
    assert (deliverable.task_id, deliverable.agent_id) == (job.task_id, job.worker.agent_id)
    assert (deliverable.content, deliverable.revision_number, deliverable.is_late) == ("Here it is", 1, False)
    assert deliverable.status == pb.DELIVERABLE_STATUS_SUBMITTED
    assert not deliverable.HasField("deployment")
    task = await job.task()
    assert (task.status, task.deliverables_count) == (pb.MARKET_STATUS_DELIVERED, 1)
    assert await job.delivered() == [deliverable]
    change = await job.change()
    assert (change["type"], change["actor"]) == ("deliverable.submitted", f"agent:{job.worker.agent_id}")
    data = change["data"]
    assert (data["status"], data["previous_status"]) == ("delivered", "claimed")
    assert (data["deliverable_id"], data["agent_id"]) == (deliverable.id, job.worker.agent_id)
    assert (data["revision_number"], data["kind"]) == (1, "text")
    assert f"agent:{job.worker.agent_id}" in change["topics"]


async def test_only_the_worker_hands_in(job: Job) -> None:
    colleague = await job.market.agent(job.worker.operator_id)
    for other in (job.poster, colleague, await job.market.agent()):
        with refused("NOT_CLAIMED_BY_YOU", PermissionDenied):
            await job.deliver(caller=other)
    assert (await job.task()).status == pb.MARKET_STATUS_CLAIMED


async def test_a_task_that_nobody_has_takes_no_work(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster)
    job = Job(market, poster, worker, pb.Claim(task_id=task.id))
    with refused("NOT_CLAIMED_BY_YOU", PermissionDenied):
        await job.deliver()
    with refused("TASK_NOT_FOUND", NotFound):
        await job._replace(claim=pb.Claim(task_id=10**12)).deliver()


async def test_a_second_delivery_waits_for_the_first_to_be_judged(job: Job) -> None:
    await job.deliver()
    with refused("DELIVERY_PENDING", WrongState):
        await job.deliver("Better")
    assert len(await job.delivered()) == 1


async def test_finished_work_takes_no_more(job: Job) -> None:
    await job.accept((await job.deliver()).id)
    with pytest.raises(WrongState) as caught:
        await job.deliver("Once more")
    assert caught.value.reason == "INVALID_STATUS"
    assert caught.value.message == f"Task {job.task_id} is not in a deliverable state (status: completed)"
    assert caught.value.metadata["status"] == "completed"


@pytest.mark.parametrize("content", [" \n\t ", ""])
async def test_blanks_are_no_work(job: Job, content: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await job.deliver(content)
    assert caught.value.reason == "VALIDATION_FAILED"
    assert [violation.field for violation in caught.value.violations] == ["content"]


async def test_refusals_come_in_the_documented_order(job: Job) -> None:
    with refused("NOT_CLAIMED_BY_YOU"):
        await job.deliver(" ", caller=job.poster)
    await job.deliver()
    with refused("DELIVERY_PENDING"):
        await job.deliver(" ")


async def test_late_work_is_taken_and_marked(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    deadline = to_timestamp(market.clock.now() + timedelta(hours=1))
    job = await new_job(market, poster, worker, deadline=deadline)
    market.pass_time(hours=2)
    deliverable = await job.deliver()
    assert deliverable.is_late
    assert (await job.accept(deliverable.id)).credits_paid == 140


async def test_accepting_pays_once(job: Job) -> None:
    assert await job.market.balance(job.poster.operator_id) == (9_845, 155)
    deliverable = await job.deliver()
    answer = await job.accept(deliverable.id)
    assert (answer.credits_paid, answer.platform_fee_credits) == (140, 15)
    assert answer.task.status == pb.MARKET_STATUS_COMPLETED
    assert answer.task.claimed_by_agent_id == job.worker.agent_id
    assert await job.market.balance(job.poster.operator_id) == (9_845, 0)
    assert await job.market.balance(job.worker.operator_id) == (10_140, 0)
    assert (await job.delivered())[0].status == pb.DELIVERABLE_STATUS_ACCEPTED
    assert (await job.market.stored(job.task_id)).money is None
    change = await job.change()
    assert change["type"] == "deliverable.accepted"
    data = change["data"]
    assert (data["deliverable_id"], data["agent_id"]) == (deliverable.id, job.worker.agent_id)
    assert data["worker_operator_id"] == job.worker.operator_id
    assert (data["payment"], data["platform_fee"]) == (140, 15)
    with refused("INVALID_STATUS", WrongState):
        await job.accept(deliverable.id)
    assert await job.market.balance(job.worker.operator_id) == (10_140, 0)
    await job.market.verify()


async def test_a_price_too_small_for_a_fee_goes_to_the_worker(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker, budget=10, price=9)
    answer = await job.accept((await job.deliver()).id)
    assert (answer.credits_paid, answer.platform_fee_credits) == (9, 0)
    assert await market.balance(worker.operator_id) == (10_009, 0)
    await market.verify()


ACTS: dict[str, Callable[[Job, int, Caller], Awaitable[Any]]] = {
    "accept": lambda job, number, caller: job.accept(number, caller),
    "revise": lambda job, number, caller: job.revise(number, caller=caller),
    "reject": lambda job, number, caller: job.reject(number, caller=caller),
}


@pytest.mark.parametrize("act", ACTS)
async def test_only_the_poster_judges(job: Job, act: str) -> None:
    deliverable = await job.deliver()
    for other in (job.worker, await job.market.agent()):
        with refused("NOT_POSTER_OR_REVIEWER", PermissionDenied):
            await ACTS[act](job, deliverable.id, other)
    assert (await job.task()).status == pb.MARKET_STATUS_DELIVERED


@pytest.mark.parametrize("act", ACTS)
async def test_only_what_was_handed_in_is_judged(job: Job, act: str) -> None:
    with pytest.raises(WrongState) as caught:
        await ACTS[act](job, 10**12, job.poster)
    assert (caught.value.reason, caught.value.metadata["status"]) == ("INVALID_STATUS", "claimed")
    assert caught.value.message == "Task is not in delivered state (status: claimed)"
    first = await job.deliver()
    with refused("DELIVERABLE_NOT_FOUND", NotFound):
        await ACTS[act](job, 10**12, job.poster)
    await job.revise(first.id)
    await job.deliver("Better")
    with pytest.raises(WrongState) as caught:
        await ACTS[act](job, first.id, job.poster)
    assert caught.value.reason == "DELIVERABLE_NOT_PENDING"
    assert caught.value.message == "Deliverable is revision_requested"


async def test_another_agent_of_the_poster_judges_too(job: Job) -> None:
    colleague = await job.market.agent(job.poster.operator_id)
    assert (await job.accept((await job.deliver()).id, colleague)).credits_paid == 140


async def test_a_deliverable_of_another_task_is_not_found(job: Job) -> None:
    other = await new_job(job.market, job.poster, job.worker)
    deliverable = await other.deliver()
    await job.deliver()
    with refused("DELIVERABLE_NOT_FOUND", NotFound):
        await job.accept(deliverable.id)


async def test_work_is_sent_back_with_notes(job: Job) -> None:
    first = await job.deliver()
    sent_back = await job.revise(first.id, "  More tests, please ")
    assert sent_back.status == pb.DELIVERABLE_STATUS_REVISION_REQUESTED
    assert sent_back.revision_notes == "More tests, please"
    assert (await job.task()).status == pb.MARKET_STATUS_IN_PROGRESS
    change = await job.change()
    assert change["type"] == "deliverable.revision_requested"
    assert change["data"]["revision_notes"] == "More tests, please"
    second = await job.deliver("Here, with tests")
    assert second.revision_number == 2
    assert [each.id for each in await job.delivered()] == [first.id, second.id]
    assert (await job.task()).deliverables_count == 2


async def test_notes_are_no_blanks(job: Job) -> None:
    deliverable = await job.deliver()
    with pytest.raises(InvalidInput) as caught:
        await job.revise(deliverable.id, " \n ")
    assert [violation.field for violation in caught.value.violations] == ["revision_notes"]


async def test_revisions_are_used_up(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await new_job(market, poster, worker, max_revisions=1)
    await job.revise((await job.deliver()).id)
    last = await job.deliver("Better")
    for notes in ("Once more", " "):
        with pytest.raises(DomainError) as caught:
            await job.revise(last.id, notes)
        assert caught.value.reason == "REVISIONS_EXHAUSTED"
        assert caught.value.message == "Max revisions exhausted (2 of 2 deliveries used)"
    assert (await job.accept(last.id)).credits_paid == 140


async def test_no_more_deliveries_than_agreed(job: Job) -> None:
    """Revisions cannot run out before the deliveries do; a document of another origin may say so all the same."""
    await job.market.database["market_tasks"].update_one({"_id": job.task_id}, {"$set": {"assignment.deliveries": 3}})
    with pytest.raises(WrongState) as caught:
        await job.deliver()
    assert caught.value.reason == "MAX_REVISIONS"
    assert caught.value.message == "Maximum revisions reached (3 of 3 deliveries)"


async def test_revisions_count_anew_for_the_next_worker(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    job = await new_job(market, poster, worker, max_revisions=1)
    await job.revise((await job.deliver()).id)
    await market.roll_back(poster, job.task_id)
    with refused("NOT_CLAIMED_BY_YOU"):
        await job.deliver()
    successor = await market.agent()
    claim = await market.claim(successor, job.task_id, 120)
    await market.accept_claim(poster, claim)
    job = job._replace(worker=successor, claim=claim)
    numbers = []
    for _ in range(2):
        deliverable = await job.deliver()
        numbers.append(deliverable.revision_number)
        if len(numbers) == 1:
            await job.revise(deliverable.id)
    assert numbers == [1, 2]
    assert [each.revision_number for each in await job.delivered()] == [1, 1, 2]
    assert (await job.accept(deliverable.id)).credits_paid == 108
    assert await market.balance(worker.operator_id) == (10_000, 0)


async def test_callers_that_are_no_agents_are_refused(job: Job) -> None:
    deliverable = await job.deliver()
    operator = Caller(kind="operator", operator_id=job.poster.operator_id, scopes=job.poster.scopes)
    for act in ACTS.values():
        with refused("AGENT_REQUIRED", PermissionDenied):
            await act(job, deliverable.id, operator)
    with refused("AGENT_REQUIRED", PermissionDenied):
        await job.deliver(caller=operator)


async def test_the_same_key_hands_in_once_also_after_its_record_was_lost(job: Job) -> None:
    first = await job.deliver(key="once")
    assert await job.deliver(key="once") == first
    await job.market.database["idempotency"].delete_many({})
    assert await job.deliver(key="once") == first
    assert len(await job.delivered()) == 1
