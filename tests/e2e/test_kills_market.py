"""Tasks, billing, agents, gateway and MongoDB are killed in the middle of deals: every credit is where it belongs."""

from __future__ import annotations

from collections import Counter

import pytest
from piecework.billing.v1 import ledger_pb2 as ledger

from kit.engines import EphemeralDirectory
from tests.e2e.kills_fleet import Fleet
from tests.e2e.kills_ordeal import rounds
from tests.e2e.market_ordeal import Books, trade_under_fire

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="session")
async def books() -> Books:
    """What is left after the parts of an installation were killed while deals were made."""
    with EphemeralDirectory() as directory:
        fleet = Fleet(directory)
        try:
            await fleet.start()
            times = dict.fromkeys(("tasks-1", "billing", "mongod"), rounds(4))
            return await trade_under_fire(fleet, {**times, "agents": 1, "gateway": 2})
        finally:
            await fleet.stop()


def test_the_ledger_finds_nothing_wrong_with_itself(books: Books) -> None:
    assert list(books.check.problems) == []
    assert books.check.ok
    assert books.check.postings_sum == 0


def test_every_deal_ended_as_it_was_told(books: Books) -> None:
    assert {deal.task_id for deal in books.deals} == set(books.tasks)
    assert len(books.deals) == len(books.tasks)
    assert {deal.task_id: deal.status for deal in books.deals} == {
        number: task["status"] for number, task in books.tasks.items()
    }


def test_every_completed_task_is_paid_once_and_every_cancelled_one_released(books: Books) -> None:
    for deal in books.deals:
        hold = books.holds[deal.task_id]
        settled = deal.paid is not None
        assert hold.state == (ledger.HOLD_STATE_SETTLED if settled else ledger.HOLD_STATE_RELEASED), (deal, hold)


def test_no_hold_is_without_a_task(books: Books) -> None:
    assert books.check.pending_holds == 0
    assert all(account.held_credits == 0 for account in books.accounts.values())


def test_every_account_has_what_its_deals_left_it(books: Books) -> None:
    wanted = Counter({operator: account.available_credits for operator, account in books.before.items()})
    for deal in books.deals:
        if deal.paid is not None:
            wanted[deal.poster.operator] -= deal.paid[1] + deal.fee
            wanted[deal.paid[0]] += deal.paid[1]
    assert {operator: account.available_credits for operator, account in books.accounts.items()} == dict(wanted)
    assert books.check.fees_credits == sum(deal.fee for deal in books.deals)


def test_every_change_is_told_once_and_in_order(books: Books) -> None:
    numbers = [event["_id"] for event in books.events]
    assert numbers == sorted(set(numbers))
    versions: dict[str, list[int]] = {}
    for event in books.events:
        versions.setdefault(event["change"]["subject"], []).append(event["change"]["version"])
    assert all(told == sorted(set(told)) for told in versions.values())
    last = {event["change"]["subject"]: event["change"]["data"]["status"] for event in books.events}
    assert last == {f"market:{number}": task["status"] for number, task in books.tasks.items()}


def test_clients_saw_no_error_of_the_server(books: Books) -> None:
    assert books.errors == []
    assert "Traceback" not in books.told
