"""The ledger itself, without a database."""

from __future__ import annotations

from datetime import timedelta

from services.billing.ledger.commands import AdjustHold, Deposit, Leg, OpenAccount, PlaceHold, ReleaseHold, SettleHold
from services.billing.ledger.model import Account, Hold
from tests.unit.billing.bank import START, Bank


def bank_with(amount: int) -> Bank:
    bank = Bank()
    bank.do(Deposit("start", 1, amount, "deposit"))
    return bank


def test_commands_of_a_batch_see_one_another() -> None:
    bank = Bank()
    outcomes = bank.do(
        PlaceHold("early", 1, 10),
        Deposit("d", 1, 15, "bonus"),
        PlaceHold("a", 1, 10),
        PlaceHold("b", 1, 10),
        ReleaseHold("a"),
        PlaceHold("b", 1, 10),
        PlaceHold("a", 1, 10),
    )
    assert [each if isinstance(each, str) else type(each).__name__ for each in outcomes] == [
        "INSUFFICIENT_CREDITS",
        "Account",
        "Hold",
        "INSUFFICIENT_CREDITS",
        "Hold",
        "Hold",
        "Hold",
    ]
    # The last one repeats the first hold, which has ended meanwhile.
    last = outcomes[-1]
    assert isinstance(last, Hold)
    assert last.state == "released"
    assert bank.balances(1) == (5, 10)
    bank.check()


def test_opening_writes_an_account_and_nothing_else() -> None:
    bank = Bank()
    assert bank.one(OpenAccount(1)) == Account(1)
    assert bank.accounts == {1: Account(1)}
    assert not bank.transfers


def test_an_adjustment_to_the_same_amount_is_done_once_too() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("h", 1, 50))
    bank.do(AdjustHold("h", "first", 50))
    bank.do(AdjustHold("h", "second", 80))
    repeated = bank.one(AdjustHold("h", "first", 50))
    assert isinstance(repeated, Hold)
    assert repeated.amount == 80
    assert bank.one(AdjustHold("h", "first", 60)) == "TRANSFER_EXISTS"
    bank.check()


def test_the_id_of_a_change_belongs_to_its_hold() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("g", 1, 50), PlaceHold("h", 1, 50))
    bank.do(AdjustHold("g", "change", 40))
    assert bank.one(AdjustHold("h", "change", 40)) == "TRANSFER_EXISTS"
    assert bank.one(Deposit("change", 1, 40, "deposit")) == "TRANSFER_EXISTS"


def test_no_id_of_a_caller_is_that_of_a_holds_transfer() -> None:
    bank = bank_with(100)
    bank.do(Deposit("place:h", 1, 1, "deposit"), Deposit("settle:h", 1, 1, "deposit"))
    bank.do(PlaceHold("h", 1, 50))
    assert isinstance(bank.one(SettleHold("h", (Leg(2, 50),))), Hold)
    bank.check()


def test_words_may_differ_when_a_call_is_repeated() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("h", 1, 50, description="one"))
    again = bank.one(PlaceHold("h", 1, 50, description="two"))
    assert isinstance(again, Hold)
    assert again.description == "one"


def test_a_payment_without_a_rest_gives_nothing_back() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("h", 1, 100), SettleHold("h", (Leg(2, 90), Leg(0, 10))))
    assert [entry.type for entry in bank.entries["operator:1"]] == ["deposit", "hold", "payment"]
    assert bank.platform == {"platform:issuance:0": -100, "platform:fees:0": 10}
    bank.check()


def test_a_payment_to_the_platform_alone() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("h", 1, 100), SettleHold("h", (Leg(0, 10),)))
    assert bank.balances(1) == (90, 0)
    assert bank.entries["operator:1"][-2].counterparty_id == 0
    bank.check()


def test_a_hold_ends_by_itself_only_when_its_time_is_over() -> None:
    bank = bank_with(100)
    end = START + timedelta(hours=1)
    bank.do(PlaceHold("h", 1, 10, expires_at=end), PlaceHold("forever", 1, 10))
    for due_at in (end - timedelta(seconds=1), end):
        for hold_id in ("h", "forever"):
            bank.do(ReleaseHold(hold_id, due_at=due_at))
        assert bank.holds["h"].state == ("expired" if due_at == end else "pending")
    assert bank.holds["forever"].is_pending
    assert bank.one(SettleHold("h", (Leg(2, 1),))) == "HOLD_RESOLVED"
    assert isinstance(bank.one(ReleaseHold("h")), Hold)
    bank.check()


def test_ending_a_paid_hold_by_its_time_changes_nothing() -> None:
    bank = bank_with(100)
    bank.do(PlaceHold("h", 1, 10, expires_at=START), SettleHold("h", (Leg(2, 10),)))
    assert isinstance(bank.one(ReleaseHold("h", due_at=START)), Hold)
    assert bank.holds["h"].state == "settled"
