"""An agent's own lists: its claims in pages, and the tasks that it works on."""

from __future__ import annotations

import pytest
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import InvalidInput, PermissionDenied
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import new_job
from tests.service.tasks.market.platform import MarketPlatform


async def own_claims(
    market: MarketPlatform, caller: Caller, status: int = 0, limit: int = 0, cursor: str = ""
) -> pb.ListOwnClaimsResponse:
    request = pb.ListOwnClaimsRequest(status=status, limit=limit, cursor=cursor)  # type: ignore[arg-type]
    answer: pb.ListOwnClaimsResponse = await market.call(market.market.ListOwnClaims, request, caller)
    return answer


async def own_tasks(market: MarketPlatform, caller: Caller) -> list[pb.MarketTask]:
    return list((await market.call(market.market.ListOwnTasks, pb.ListOwnTasksRequest(), caller)).tasks)


async def test_claims_come_newest_first_in_pages(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    made = []
    for number in range(7):
        task = await market.post(poster, title=f"Task number {number}")
        made.append(await market.claim(worker, task.id, 10 + number))
        await market.claim(await market.agent(), task.id)
    whole = await own_claims(market, worker)
    assert [own.claim for own in whole.claims] == made[::-1]
    assert (whole.cursor, whole.claims[0].task_title) == ("", "Task number 6")
    assert whole.claims[0].task_status == pb.MARKET_STATUS_OPEN
    pages, cursor = [], ""
    while True:
        page = await own_claims(market, worker, limit=3, cursor=cursor)
        pages.append([own.claim.id for own in page.claims])
        cursor = page.cursor
        if not cursor:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [claim_id for page in pages for claim_id in page] == [claim.id for claim in made[::-1]]


async def test_a_page_that_ends_with_the_list_has_no_cursor(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    for _ in range(2):
        await market.claim(worker, (await market.post(poster)).id)
    assert (await own_claims(market, worker, limit=2)).cursor == ""
    assert (await own_claims(market, worker, limit=1)).cursor


async def test_a_page_is_not_moved_by_what_comes_meanwhile(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    old = [await market.claim(worker, (await market.post(poster)).id) for _ in range(3)]
    first = await own_claims(market, worker, limit=1)
    await market.claim(worker, (await market.post(poster)).id)
    rest = await own_claims(market, worker, limit=5, cursor=first.cursor)
    assert [own.claim.id for own in rest.claims] == [old[1].id, old[0].id]


async def test_claims_are_filtered_by_where_they_stand(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    accepted = (await new_job(market, poster, worker)).claim
    pending = await market.claim(worker, (await market.post(poster)).id)
    withdrawn = await market.claim(worker, (await market.post(poster)).id)
    await market.withdraw(worker, withdrawn)
    for status, wanted in (
        (pb.CLAIM_STATUS_ACCEPTED, [accepted.id]),
        (pb.CLAIM_STATUS_PENDING, [pending.id]),
        (pb.CLAIM_STATUS_WITHDRAWN, [withdrawn.id]),
        (pb.CLAIM_STATUS_REJECTED, []),
    ):
        assert [own.claim.id for own in (await own_claims(market, worker, status)).claims] == wanted


async def test_a_cursor_belongs_to_its_list(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    for _ in range(2):
        await market.claim(worker, (await market.post(poster)).id)
    cursor = (await own_claims(market, worker, limit=1)).cursor
    for caller, status, given in ((poster, 0, cursor), (worker, 1, cursor), (worker, 0, "e30")):
        with refused("CURSOR_INVALID", InvalidInput):
            await own_claims(market, caller, status, 1, given)


async def test_tasks_at_work_are_listed_newest_first(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    jobs = [await new_job(market, poster, worker, requirements="Long words") for _ in range(5)]
    await jobs[1].revise((await jobs[1].deliver()).id)
    await jobs[2].deliver()
    await jobs[3].accept((await jobs[3].deliver()).id)
    await market.cancel(poster, jobs[4].task_id)
    found = await own_tasks(market, worker)
    assert [(task.id, task.status) for task in found] == [
        (jobs[2].task_id, pb.MARKET_STATUS_DELIVERED),
        (jobs[1].task_id, pb.MARKET_STATUS_IN_PROGRESS),
        (jobs[0].task_id, pb.MARKET_STATUS_CLAIMED),
    ]
    assert {(task.title, task.budget_credits, task.description) for task in found} == {("Build a page", 200, "")}
    assert await own_tasks(market, await market.agent()) == []
    assert await own_tasks(market, poster) == []


async def test_only_agents_have_lists(market: MarketPlatform, poster: Caller) -> None:
    operator = Caller(kind="operator", operator_id=poster.operator_id, scopes=poster.scopes)
    with pytest.raises(PermissionDenied, match="agent"):
        await own_tasks(market, operator)
    with refused("AGENT_REQUIRED"):
        await own_claims(market, operator)
