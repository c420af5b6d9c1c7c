"""Posting, reading, cancelling and rolling back tasks, and the money that goes with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import ANONYMOUS, MARKET, OPERATOR_SCOPES, Caller
from kit.errors import DomainError, InvalidInput, NotFound, PermissionDenied, Unauthenticated, WrongState
from kit.timestamps import to_timestamp
from tests.service.hosting import refused
from tests.service.tasks.market.platform import DESCRIPTION, MarketPlatform, post_request


async def test_a_task_says_what_its_poster_said(market: MarketPlatform, poster: Caller) -> None:
    deadline = to_timestamp(market.clock.now() + timedelta(days=1))
    task = await market.post(
        poster,
        title="Build a landing page",
        budget_credits=120,
        category_id=4,
        requirements="Tailwind",
        deadline=deadline,
        max_revisions=0,
    )
    assert (task.title, task.description, task.requirements) == ("Build a landing page", DESCRIPTION, "Tailwind")
    assert (task.category.id, task.category.name, task.category.slug) == (4, "Data Processing", "data-processing")
    assert (task.status, task.budget_credits, task.max_revisions) == (pb.MARKET_STATUS_OPEN, 120, 0)
    assert task.deadline == deadline
    assert (task.poster.id, task.poster.name.startswith("o-")) == (poster.operator_id, True)
    assert (task.claims_count, task.deliverables_count, task.claimed_by_agent_id, task.price_credits) == (0, 0, 0, 0)
    assert await market.task(task.id) == task


async def test_what_is_not_said_has_its_default(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster)
    assert task.max_revisions == 2
    assert not task.HasField("category")
    assert not task.HasField("deadline")
    assert not task.HasField("poster_max_reviews")


async def test_the_budget_is_held_from_the_moment_the_task_is_open(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster, budget_credits=400)
    assert await market.balance(poster.operator_id) == (9_600, 400)
    hold = await market.hold(task.id)
    assert (hold.amount_credits, hold.state) == (400, ledger_pb2.HOLD_STATE_PENDING)
    assert (await market.stored(task.id)).money is None


async def test_nothing_is_left_of_a_task_that_its_poster_cannot_pay(market: MarketPlatform) -> None:
    poor = await market.agent(await market.operator(500))
    with pytest.raises(WrongState) as caught:
        await market.post(poor, budget_credits=501)
    assert (caught.value.reason, caught.value.metadata) == (
        "INSUFFICIENT_CREDITS",
        {"available": "500", "required": "501"},
    )
    assert await market.balance(poor.operator_id) == (500, 0)
    assert await market.database["market_tasks"].count_documents({"poster_id": poor.operator_id}) == 0


async def test_a_deadline_lies_in_the_future(market: MarketPlatform, poster: Caller) -> None:
    with refused("DEADLINE_PAST", InvalidInput):
        await market.post(poster, deadline=to_timestamp(market.clock.now()), category_id=99)


async def test_a_category_exists(market: MarketPlatform, poster: Caller) -> None:
    with refused("CATEGORY_NOT_FOUND", NotFound):
        await market.post(poster, category_id=99)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "LLM_PROVIDER_MISSING"),
        ({"poster_llm_key": "sk-1"}, "LLM_PROVIDER_MISSING"),
        ({"poster_llm_provider": "openai"}, "LLM_KEY_MISSING"),
        ({"budget_credits": 20_000}, "INSUFFICIENT_CREDITS"),
    ],
)
async def test_a_review_needs_provider_and_key_once_the_balance_covers_the_budget(
    market: MarketPlatform, poster: Caller, given: dict[str, str], reason: str
) -> None:
    with refused(reason):
        await market.post(poster, auto_review_enabled=True, **given)


async def test_a_key_is_kept_encrypted_and_never_shown(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(
        poster,
        auto_review_enabled=True,
        poster_llm_provider="anthropic",
        poster_llm_key="sk-very-secret",
        poster_max_reviews=3,
    )
    assert (task.poster_llm_provider, task.poster_max_reviews) == ("anthropic", 3)
    assert "sk-very-secret" not in str(task)
    stored = await market.stored(task.id)
    assert "sk-very-secret" not in stored.poster_llm_key
    assert market.app.market.keys.open(stored.poster_llm_key, f"task:{stored.uuid}") == "sk-very-secret"


@pytest.mark.parametrize(
    ("caller", "reason", "kind"),
    [
        (ANONYMOUS, "AUTHENTICATION_REQUIRED", Unauthenticated),
        (Caller(kind="operator", operator_id=1, scopes=(*OPERATOR_SCOPES, MARKET)), "AGENT_REQUIRED", PermissionDenied),
        (Caller(kind="session", operator_id=1, scopes=OPERATOR_SCOPES, name="s"), "AGENT_REQUIRED", PermissionDenied),
        (Caller(kind="agent", operator_id=1, agent_id=1, name="a"), "SCOPE_MISSING", PermissionDenied),
    ],
)
async def test_only_agents_with_access_use_the_market(
    market: MarketPlatform, poster: Caller, caller: Caller, reason: str, kind: type[DomainError]
) -> None:
    task = await market.post(poster)
    for act in (
        market.post(caller),
        market.task(task.id, caller),
        market.cancel(caller, task.id),
        market.roll_back(caller, task.id),
        market.claim(caller, task.id),
        market.call(market.market.ListClaims, pb.ListClaimsRequest(task_id=task.id), caller),
        market.call(market.market.ListCategories, pb.ListCategoriesRequest(), caller),
        market.accept_claim(caller, pb.Claim(task_id=task.id, id=1)),
        market.reject_claim(caller, pb.Claim(task_id=task.id, id=1)),
        market.withdraw(caller, pb.Claim(task_id=task.id, id=1)),
    ):
        with refused(reason, kind):
            await act


async def test_any_agent_reads_a_task(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster)
    assert await market.task(task.id, worker) == task


async def test_a_task_that_does_not_exist_is_not_found(market: MarketPlatform, poster: Caller) -> None:
    missing = pb.Claim(task_id=10**9, id=1)
    for act in (
        market.task(missing.task_id, poster),
        market.cancel(poster, missing.task_id),
        market.roll_back(poster, missing.task_id),
        market.claim(poster, missing.task_id),
        market.claims(missing.task_id),
        market.accept_claim(poster, missing),
        market.reject_claim(poster, missing),
        market.withdraw(poster, missing),
    ):
        with refused("TASK_NOT_FOUND", NotFound):
            await act


async def test_a_task_whose_operator_is_unknown_is_not_made(market: MarketPlatform) -> None:
    stranger = Caller(kind="agent", operator_id=10**9, scopes=(MARKET,), agent_id=1, name="stranger")
    with refused("OPERATOR_NOT_FOUND", NotFound):
        await market.post(stranger)


@pytest.mark.parametrize("fields", [{"title": "four"}, {"description": "too short"}, {"budget_credits": 9}])
async def test_the_shape_is_checked(market: MarketPlatform, poster: Caller, fields: dict[str, str]) -> None:
    with refused("VALIDATION_FAILED", InvalidInput):
        await market.post(poster, **fields)


async def test_cancelling_gives_the_budget_back_and_rejects_the_claims(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster)
    claim = await market.claim(worker, task.id)
    cancelled = await market.cancel(poster, task.id)
    assert cancelled.status == pb.MARKET_STATUS_CANCELLED
    assert [each.status for each in await market.claims(task.id)] == [pb.CLAIM_STATUS_REJECTED]
    assert await market.balance(poster.operator_id) == (10_000, 0)
    assert (await market.hold(task.id)).state == ledger_pb2.HOLD_STATE_RELEASED
    with refused("CLAIM_NOT_WITHDRAWABLE"):
        await market.withdraw(worker, claim)


async def test_a_claimed_task_can_be_cancelled(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    claim = await market.claimed(poster, worker)
    cancelled = await market.cancel(poster, claim.task_id)
    assert (cancelled.claimed_by_agent_id, cancelled.price_credits) == (0, 0)
    assert [each.status for each in await market.claims(claim.task_id)] == [pb.CLAIM_STATUS_REJECTED]
    assert await market.balance(poster.operator_id) == (10_000, 0)


async def test_any_agent_of_the_poster_acts_for_it_and_no_other(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    task = await market.post(poster)
    with pytest.raises(PermissionDenied) as caught:
        await market.cancel(worker, task.id)
    assert (caught.value.reason, caught.value.message) == ("NOT_POSTER", "Only the task poster can cancel tasks")
    with refused("NOT_POSTER", PermissionDenied):
        await market.roll_back(worker, task.id)
    colleague = await market.agent(poster.operator_id)
    assert (await market.cancel(colleague, task.id)).status == pb.MARKET_STATUS_CANCELLED


async def test_rolling_back_holds_the_whole_budget_again(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    claim = await market.claimed(poster, worker, budget=200, price=150)
    assert await market.balance(poster.operator_id) == (9_850, 150)
    task = await market.roll_back(poster, claim.task_id)
    assert (task.status, task.budget_credits, task.claimed_by_agent_id) == (pb.MARKET_STATUS_OPEN, 200, 0)
    assert await market.balance(poster.operator_id) == (9_800, 200)
    assert [each.status for each in await market.claims(claim.task_id)] == [pb.CLAIM_STATUS_REJECTED]


async def test_rolling_back_needs_the_credits_for_it(market: MarketPlatform, worker: Caller) -> None:
    poster = await market.agent(await market.operator(500))
    claim = await market.claimed(poster, worker, budget=400, price=100)
    await market.post(poster, budget_credits=300)
    before = await market.task(claim.task_id)
    with refused("INSUFFICIENT_CREDITS", WrongState):
        await market.roll_back(poster, claim.task_id)
    after = await market.task(claim.task_id)
    assert (after.status, after.claimed_by_agent_id) == (before.status, before.claimed_by_agent_id)
    assert await market.balance(poster.operator_id) == (100, 400)


async def test_the_same_key_answers_the_same_task(market: MarketPlatform, poster: Caller) -> None:
    first = await market.post(poster, key="k")
    assert await market.post(poster, key="k") == first
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await market.post(poster, key="k", title="Another title")
    assert await market.balance(poster.operator_id) == (9_900, 100)


async def test_a_task_is_made_once_though_its_answer_was_forgotten(market: MarketPlatform, poster: Caller) -> None:
    first = await market.post(poster, key="k")
    await market.database["idempotency"].delete_many({})
    assert (await market.post(poster, key="k")).id == first.id
    assert await market.balance(poster.operator_id) == (9_900, 100)


async def test_a_task_that_was_refused_can_be_posted_again_with_its_key(market: MarketPlatform) -> None:
    poster = await market.agent(await market.operator(500))
    with refused("INSUFFICIENT_CREDITS"):
        await market.post(poster, key="k", budget_credits=600)
    await market.deposit(poster.operator_id, 100)
    assert (await market.post(poster, key="k", budget_credits=600)).status == pb.MARKET_STATUS_OPEN


async def test_the_categories(market: MarketPlatform, poster: Caller) -> None:
    answer = await market.call(market.market.ListCategories, pb.ListCategoriesRequest(), poster)
    assert [category.id for category in answer.categories] == [1, 2, 3, 4, 5, 6, 7]
    assert [category.slug for category in answer.categories][:2] == ["coding", "writing"]


async def test_an_open_task_ends_a_week_after_its_deadline(market: MarketPlatform, poster: Caller) -> None:
    task = await market.post(poster, deadline=to_timestamp(market.clock.now() + timedelta(hours=1)))
    later = await market.post(poster, deadline=to_timestamp(market.clock.now() + timedelta(days=2)))
    never = await market.post(poster)
    market.pass_time(days=7, minutes=30)
    await market.app.market.expiry.tick()
    assert (await market.task(task.id)).status == pb.MARKET_STATUS_OPEN
    market.pass_time(hours=1)
    assert await market.app.market.expiry.tick() == 1
    assert (await market.task(task.id)).status == pb.MARKET_STATUS_CANCELLED
    assert (await market.stored(task.id)).money is None
    for other in (later, never):
        assert (await market.task(other.id)).status == pb.MARKET_STATUS_OPEN
    assert await market.balance(poster.operator_id) == (9_800, 200)


async def test_a_claimed_task_does_not_expire(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    task = await market.post(poster, deadline=to_timestamp(market.clock.now() + timedelta(hours=1)))
    await market.accept_claim(poster, await market.claim(worker, task.id))
    market.pass_time(days=8)
    await market.app.market.expiry.tick()
    assert not await market.app.market.tasks.expire(task.id, market.clock.now())
    assert (await market.task(task.id)).status == pb.MARKET_STATUS_CLAIMED


async def test_numbers_grow(market: MarketPlatform, poster: Caller) -> None:
    ids = [(await market.call(market.market.PostTask, post_request(), poster)).task.id for _ in range(3)]
    assert ids == sorted(set(ids))
