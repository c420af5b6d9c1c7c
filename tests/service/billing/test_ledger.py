"""Deposits, holds and payments through gRPC."""

from __future__ import annotations

from collections.abc import Callable

from piecework.billing.v1 import ledger_pb2 as pb

from kit.errors import AlreadyExists, InvalidInput, NotFound, WrongState
from kit.ids import new_id
from tests.service.billing.platform import BillingPlatform
from tests.service.hosting import refused

NewOperator = Callable[[], int]


async def test_an_account_that_was_never_opened_has_nothing(
    platform: BillingPlatform, new_operator: NewOperator
) -> None:
    assert await platform.balances(new_operator()) == (0, 0)


async def test_opening_an_account_twice_changes_nothing(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster = new_operator()
    await platform.call(platform.ledger.OpenAccount, pb.OpenAccountRequest(operator_id=poster))
    await platform.deposit(poster, 5)
    answer = await platform.call(platform.ledger.OpenAccount, pb.OpenAccountRequest(operator_id=poster))
    assert (answer.account.operator_id, answer.account.available_credits) == (poster, 5)


async def test_a_deposit_moves_money_once(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, transfer = new_operator(), new_id()
    for _ in range(3):
        account = await platform.deposit(poster, 500, transfer, type=pb.ENTRY_TYPE_BONUS)
        assert account.available_credits == account.deposited_credits == 500
    with refused("TRANSFER_EXISTS", AlreadyExists):
        await platform.deposit(poster, 501, transfer, type=pb.ENTRY_TYPE_BONUS)
    with refused("TRANSFER_EXISTS", AlreadyExists):
        await platform.deposit(poster, 500, transfer)
    assert [entry.type for entry in await platform.entries(poster)] == [pb.ENTRY_TYPE_BONUS]


async def test_the_life_of_a_hold(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker = new_operator(), new_operator()
    await platform.deposit(poster, 500)
    hold = await platform.place(poster, 200, reference_id=7, description="Budget")
    assert (hold.amount_credits, hold.state) == (200, pb.HOLD_STATE_PENDING)
    assert await platform.balances(poster) == (300, 200)
    await platform.adjust(hold.id, 180)
    assert await platform.balances(poster) == (320, 180)
    await platform.adjust(hold.id, 200)
    await platform.adjust(hold.id, 180)
    settled = await platform.settle(hold.id, (worker, 90, "Payment for work"), (0, 10, "Platform fee (10%) for work"))
    assert (settled.state, settled.amount_credits) == (pb.HOLD_STATE_SETTLED, 180)
    assert await platform.balances(poster) == (400, 0)
    assert await platform.balances(worker) == (90, 0)
    assert (await platform.account(poster)).spent_credits == 100
    assert (await platform.verify()).ok


async def test_the_histories_of_a_settlement(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker = new_operator(), new_operator()
    await platform.deposit(poster, 500)
    hold = await platform.place(poster, 180, reference_id=7, description="Budget")
    await platform.settle(hold.id, (worker, 90, "Payment for work"), (0, 10, "Platform fee (10%) for work"))
    assert [_line(entry) for entry in await platform.entries(poster)] == [
        ("RELEASE", 80, 400, 80, -80, 7, 0),
        ("PAYMENT", -100, 320, 0, -100, 7, worker),
        ("HOLD", -180, 320, -180, 180, 7, 0),
        ("DEPOSIT", 500, 500, 500, 0, 0, 0),
    ]
    rows = await platform.entries(worker)
    assert [_line(entry) for entry in rows] == [
        ("PLATFORM_FEE", -10, 90, 0, 0, 7, 0),
        ("PAYMENT", 90, 90, 90, 0, 7, poster),
    ]
    assert [entry.description for entry in rows] == ["Platform fee (10%) for work", "Payment for work"]
    assert [entry.number for entry in rows] == [2, 1]


def _line(entry: pb.Entry) -> tuple[str, int, int, int, int, int, int]:
    return (
        pb.EntryType.Name(entry.type).removeprefix("ENTRY_TYPE_"),
        entry.amount_credits,
        entry.balance_after_credits,
        entry.available_delta_credits,
        entry.held_delta_credits,
        entry.reference_id,
        entry.counterparty_id,
    )


async def test_repeated_calls_move_nothing(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker, change = new_operator(), new_operator(), new_id()
    await platform.deposit(poster, 500)
    hold = await platform.place(poster, 100)
    assert await platform.place(poster, 100, hold.id) == hold
    await platform.adjust(hold.id, 50, change)
    await platform.adjust(hold.id, 80)
    assert (await platform.adjust(hold.id, 50, change)).amount_credits == 80
    paid = await platform.settle(hold.id, (worker, 80, ""))
    assert await platform.settle(hold.id, (worker, 80, "")) == paid
    assert await platform.place(poster, 100, hold.id) == paid
    assert await platform.adjust(hold.id, 50, change) == paid
    assert await platform.balances(poster) == (420, 0)
    assert await platform.balances(worker) == (80, 0)


async def test_a_hold_ends_once(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker = new_operator(), new_operator()
    await platform.deposit(poster, 500)
    settled, released = await platform.place(poster, 100), await platform.place(poster, 100)
    await platform.settle(settled.id, (worker, 80, ""))
    await platform.release(released.id)
    assert (await platform.release(released.id)).state == pb.HOLD_STATE_RELEASED
    for call in (
        platform.release(settled.id),
        platform.settle(settled.id, (worker, 81, "")),
        platform.adjust(settled.id, 10),
        platform.settle(released.id, (worker, 80, "")),
        platform.adjust(released.id, 10),
    ):
        with refused("HOLD_RESOLVED", WrongState):
            await call
    assert await platform.balances(poster) == (420, 0)


async def test_refusals(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, worker = new_operator(), new_operator()
    await platform.deposit(poster, 100)
    with refused("INSUFFICIENT_CREDITS", WrongState) as caught:
        await platform.place(poster, 101)
    assert caught.value.metadata == {"available": "100", "required": "101"}
    hold = await platform.place(poster, 60)
    with refused("HOLD_EXISTS", AlreadyExists):
        await platform.place(poster, 61, hold.id)
    with refused("INSUFFICIENT_CREDITS", WrongState):
        await platform.adjust(hold.id, 101)
    with refused("HOLD_TOO_SMALL", WrongState):
        await platform.settle(hold.id, (worker, 60, ""), (0, 1, ""))
    for missing in (
        platform.hold("x"),
        platform.release("x"),
        platform.adjust("x", 1),
        platform.settle("x", (1, 1, "")),
    ):
        with refused("HOLD_NOT_FOUND", NotFound):
            await missing
    assert await platform.balances(poster) == (40, 60)
    assert await platform.hold(hold.id) == hold


async def test_working_for_oneself(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster = new_operator()
    await platform.deposit(poster, 100)
    hold = await platform.place(poster, 100)
    await platform.settle(hold.id, (poster, 45, ""), (0, 5, ""))
    assert await platform.balances(poster) == (95, 0)
    assert (await platform.account(poster)).spent_credits == 5
    assert (await platform.verify()).problems == []


async def test_a_hold_expires(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster = new_operator()
    await platform.deposit(poster, 100)
    first = await platform.place(poster, 10, expires_at=platform.later(minutes=5))
    second = await platform.place(poster, 20, expires_at=platform.later(minutes=50))
    third = await platform.place(poster, 30)
    assert await platform.app.expiry.tick() == 0
    platform.pass_time(minutes=6)
    assert await platform.app.expiry.tick() == 1
    assert (await platform.hold(first.id)).state == pb.HOLD_STATE_EXPIRED
    assert (await platform.release(first.id)).state == pb.HOLD_STATE_EXPIRED
    for kept in (second, third):
        assert await platform.hold(kept.id) == kept
    assert await platform.balances(poster) == (50, 50)


async def test_pages_of_a_history(platform: BillingPlatform, new_operator: NewOperator) -> None:
    poster, other = new_operator(), new_operator()
    for number in range(1, 8):
        await platform.deposit(poster, number)
    seen: list[int] = []
    request = pb.ListEntriesRequest(operator_id=poster, limit=3)
    while True:
        page = await platform.call(platform.ledger.ListEntries, request)
        seen += [entry.amount_credits for entry in page.entries]
        if not page.cursor:
            break
        request.cursor = page.cursor
        # What comes meanwhile moves no page.
        await platform.deposit(poster, 100)
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    request.operator_id = other
    with refused("CURSOR_INVALID", InvalidInput):
        await platform.call(platform.ledger.ListEntries, request)
