"""Offers to do a task, and what becomes of them."""

from __future__ import annotations

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, WrongState
from tests.service.hosting import refused
from tests.service.tasks.market.platform import MarketPlatform


async def test_a_claim_says_who_offers_what(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster)
    claim = await market.claim(worker, task.id, 80, "In two days")
    assert (claim.task_id, claim.proposed_credits, claim.message) == (task.id, 80, "In two days")
    assert (claim.agent.id, claim.agent.name) == (worker.agent_id, worker.name)
    assert claim.status == pb.CLAIM_STATUS_PENDING
    assert await market.claims(task.id) == [claim]
    assert (await market.task(task.id)).claims_count == 1


async def test_nobody_claims_a_task_of_its_own_operator(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster)
    for agent in (poster, await market.agent(poster.operator_id)):
        with refused("SELF_CLAIM", WrongState):
            await market.claim(agent, task.id)


async def test_a_price_is_within_the_budget(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster, budget_credits=50)
    with pytest.raises(InvalidInput) as caught:
        await market.claim(worker, task.id, 51)
    assert caught.value.reason == "CREDITS_OUT_OF_RANGE"
    assert caught.value.message == "proposed_credits (51) exceeds task budget (50)"
    assert (caught.value.metadata["proposed"], caught.value.metadata["budget"]) == ("51", "50")
    assert (await market.claim(worker, task.id, 50)).proposed_credits == 50


async def test_one_pending_claim_for_each_agent(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster)
    first = await market.claim(worker, task.id)
    with refused("DUPLICATE_CLAIM", AlreadyExists):
        await market.claim(worker, task.id, 50)
    assert (await market.task(task.id)).claims_count == 1
    assert not await market.withdraw(worker, first)
    second = await market.claim(worker, task.id, 50)
    await market.reject_claim(poster, second)
    await market.claim(worker, task.id, 60)
    statuses = [claim.status for claim in await market.claims(task.id)]
    assert statuses == [pb.CLAIM_STATUS_WITHDRAWN, pb.CLAIM_STATUS_REJECTED, pb.CLAIM_STATUS_PENDING]
    assert (await market.task(task.id)).claims_count == 3


async def test_accepting_assigns_the_task_and_fixes_its_price(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster, budget_credits=200)
    loser = await market.claim(await market.agent(), task.id, 10)
    claim = await market.claim(worker, task.id, 150)
    answer = await market.call(
        market.market.AcceptClaim, pb.AcceptClaimRequest(task_id=task.id, claim_id=claim.id), poster
    )
    assert answer.claim.status == pb.CLAIM_STATUS_ACCEPTED
    assert (answer.task.status, answer.task.claimed_by_agent_id) == (pb.MARKET_STATUS_CLAIMED, worker.agent_id)
    assert (answer.task.budget_credits, answer.task.price_credits) == (200, 150)
    assert await market.balance(poster.operator_id) == (9_850, 150)
    statuses = {each.id: each.status for each in await market.claims(task.id)}
    assert statuses == {loser.id: pb.CLAIM_STATUS_REJECTED, claim.id: pb.CLAIM_STATUS_ACCEPTED}
    with refused("TASK_NOT_OPEN", WrongState):
        await market.claim(await market.agent(), task.id)


async def test_at_the_full_price_nothing_is_released(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    market.billing.calls.clear()
    await market.claimed(poster, worker, budget=100, price=100)
    assert await market.balance(poster.operator_id) == (9_900, 100)
    assert market.billing.calls == ["PlaceHold"]


async def test_only_the_poster_decides(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    claim = await market.claim(worker, (await market.post(poster)).id)
    with refused("NOT_POSTER", PermissionDenied):
        await market.accept_claim(worker, claim)
    with refused("NOT_POSTER", PermissionDenied):
        await market.reject_claim(worker, claim)


async def test_a_claim_belongs_to_its_task(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    claim = await market.claim(worker, (await market.post(poster)).id)
    other = pb.Claim(id=claim.id, task_id=(await market.post(poster)).id)
    for act in (
        market.accept_claim(poster, other),
        market.reject_claim(poster, other),
        market.withdraw(worker, other),
    ):
        with refused("CLAIM_NOT_FOUND", NotFound):
            await act


async def test_a_claim_is_decided_on_once(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    claim = await market.claim(worker, (await market.post(poster)).id)
    rejected = await market.reject_claim(poster, claim)
    assert rejected.status == pb.CLAIM_STATUS_REJECTED
    for act in (market.accept_claim(poster, claim), market.reject_claim(poster, claim)):
        with pytest.raises(WrongState) as caught:
            await act
        assert (caught.value.reason, caught.value.message) == ("CLAIM_NOT_PENDING", "Claim is already rejected")
    with refused("CLAIM_NOT_WITHDRAWABLE", WrongState):
        await market.withdraw(worker, claim)


async def test_only_the_claimant_withdraws(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    claim = await market.claim(worker, (await market.post(poster)).id)
    for other in (poster, await market.agent(worker.operator_id)):
        with refused("NOT_CLAIMANT", PermissionDenied):
            await market.withdraw(other, claim)


async def test_withdrawing_an_accepted_claim_opens_the_task_again(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    claim = await market.claimed(poster, worker, budget=200, price=150)
    assert await market.withdraw(worker, claim)
    task = await market.task(claim.task_id)
    assert (task.status, task.budget_credits, task.claimed_by_agent_id) == (pb.MARKET_STATUS_OPEN, 200, 0)
    assert [each.status for each in await market.claims(task.id)] == [pb.CLAIM_STATUS_WITHDRAWN]
    assert await market.balance(poster.operator_id) == (9_800, 200)
    await market.accept_claim(poster, await market.claim(worker, task.id, 120))


async def test_a_worker_may_go_though_the_budget_cannot_be_held_again(market: MarketPlatform, worker: Caller) -> None:
    poster = await market.agent(await market.operator(500))
    claim = await market.claimed(poster, worker, budget=400, price=100)
    await market.post(poster, budget_credits=300)
    assert await market.withdraw(worker, claim)
    task = await market.task(claim.task_id)
    assert (task.status, task.budget_credits) == (pb.MARKET_STATUS_OPEN, 100)
    assert await market.balance(poster.operator_id) == (100, 400)
    await market.cancel(poster, task.id)
    assert await market.balance(poster.operator_id) == (200, 300)


async def test_several_claims_are_made_each_by_itself(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    good, cheap, own = (
        await market.post(poster),
        await market.post(poster, budget_credits=10),
        await market.post(worker),
    )
    request = pb.CreateClaimsRequest(
        claims=[
            pb.CreateClaimRequest(task_id=good.id, proposed_credits=5),
            pb.CreateClaimRequest(task_id=10**9, proposed_credits=5),
            pb.CreateClaimRequest(task_id=cheap.id, proposed_credits=11),
            pb.CreateClaimRequest(task_id=own.id, proposed_credits=5),
            pb.CreateClaimRequest(task_id=good.id, proposed_credits=6),
        ]
    )
    outcomes = (await market.call(market.market.CreateClaims, request, worker)).outcomes
    assert [outcome.reason for outcome in outcomes] == [
        "",
        "TASK_NOT_FOUND",
        "CREDITS_OUT_OF_RANGE",
        "SELF_CLAIM",
        "DUPLICATE_CLAIM",
    ]
    assert outcomes[0].claim.status == pb.CLAIM_STATUS_PENDING
    assert outcomes[2].metadata["budget"] == "10"
    assert [outcome.task_id for outcome in outcomes] == [claim.task_id for claim in request.claims]


async def test_the_same_key_answers_the_same_claim(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster)
    first = await market.claim(worker, task.id, key="c")
    assert await market.claim(worker, task.id, key="c") == first
    await market.database["idempotency"].delete_many({})
    await market.accept_claim(poster, first)
    again = await market.claim(worker, task.id, key="c")
    assert (again.id, again.status) == (first.id, pb.CLAIM_STATUS_ACCEPTED)
    assert (await market.task(task.id)).claims_count == 1


async def test_an_old_key_claims_another_task_once_its_record_is_gone(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    first, second = await market.post(poster), await market.post(poster)
    claim = await market.claim(worker, first.id, key="c")
    await market.database["idempotency"].delete_many({})
    other = await market.claim(worker, second.id, key="c")
    assert (other.task_id, other.id != claim.id) == (second.id, True)


async def test_several_claims_with_a_key_are_made_once(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    tasks = [await market.post(poster) for _ in range(3)]
    request = pb.CreateClaimsRequest(
        claims=[pb.CreateClaimRequest(task_id=task.id, proposed_credits=5) for task in tasks]
    )
    first = await market.call(market.market.CreateClaims, request, worker, key="many")
    await market.database["idempotency"].delete_many({})
    again = await market.call(market.market.CreateClaims, request, worker, key="many")
    assert [outcome.claim.id for outcome in again.outcomes] == [outcome.claim.id for outcome in first.outcomes]


async def test_nobody_hides_an_offer_behind_others_that_it_takes_back(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster)
    offer = await market.claim(worker, task.id)
    pushy = await market.agent()
    await market.withdraw(pushy, await market.claim(pushy, task.id))
    taken_back = await market.database["market_claims"].find_one({"agent_id": pushy.agent_id})
    assert taken_back is not None
    copies = [taken_back | {"_id": 10_000_000 + number} for number in range(1_200)]
    await market.database["market_claims"].insert_many(copies)
    listed = [claim.id for claim in await market.claims(task.id)]
    assert listed == [offer.id, *(copy["_id"] for copy in copies[-999:])]
