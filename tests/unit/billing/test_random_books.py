"""Random histories of the ledger: whatever is asked, in whatever batches, the books are right."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from services.billing.ledger.commands import (
    AdjustHold,
    Command,
    Deposit,
    Leg,
    OpenAccount,
    PlaceHold,
    ReleaseHold,
    SettleHold,
)
from tests.unit.billing.bank import START, Bank

OPERATORS = some.integers(1, 3)
HOLDS = some.sampled_from(["h1", "h2", "h3", "h4", "h5"])
CHANGES = some.sampled_from(["c1", "c2", "c3", "c4", "h1"])
AMOUNTS = some.integers(1, 60)
TIMES = some.none() | some.integers(0, 100).map(lambda seconds: START + timedelta(seconds=seconds))
LEGS = some.lists(some.builds(Leg, some.integers(0, 3), some.integers(1, 30)), min_size=1, max_size=3).map(tuple)

COMMANDS: some.SearchStrategy[Command] = some.one_of(
    some.builds(OpenAccount, OPERATORS),
    some.builds(Deposit, CHANGES, OPERATORS, some.integers(1, 300), some.sampled_from(["deposit", "bonus"])),
    some.builds(PlaceHold, HOLDS, OPERATORS, AMOUNTS, expires_at=TIMES),
    some.builds(AdjustHold, HOLDS, CHANGES, AMOUNTS),
    some.builds(SettleHold, HOLDS, LEGS),
    some.builds(ReleaseHold, HOLDS, due_at=TIMES),
)
BATCHES = some.lists(some.tuples(some.integers(0, 15), some.lists(COMMANDS, min_size=1, max_size=6)), max_size=12)


@given(BATCHES)
def test_the_books_are_right_after_every_batch(batches: list[tuple[int, list[Command]]]) -> None:
    bank = Bank()
    for stripe, batch in batches:
        bank.do(*batch, stripe=stripe)
        bank.check()


@given(BATCHES)
def test_repeating_what_was_done_changes_nothing(batches: list[tuple[int, list[Command]]]) -> None:
    bank = Bank()
    for stripe, batch in batches:
        outcomes = bank.do(*batch, stripe=stripe)
        done = [command for command, outcome in zip(batch, outcomes, strict=True) if not isinstance(outcome, str)]
        # A hold that ends by its time may be due only now; that is no repetition.
        again = [each for each in done if not (isinstance(each, ReleaseHold) and each.due_at is not None)]
        before = (dict(bank.accounts), dict(bank.holds), dict(bank.transfers), dict(bank.platform))
        assert not [outcome for outcome in bank.do(*again, stripe=stripe) if isinstance(outcome, str)]
        assert (bank.accounts, bank.holds, bank.transfers, bank.platform) == before


@given(BATCHES)
def test_a_refusal_changes_nothing(batches: list[tuple[int, list[Command]]]) -> None:
    together, apart = Bank(), Bank()
    for stripe, batch in batches:
        apart.now = together.now
        outcomes = together.do(*batch, stripe=stripe)
        accepted = [command for command, outcome in zip(batch, outcomes, strict=True) if not isinstance(outcome, str)]
        assert apart.do(*accepted, stripe=stripe) == [each for each in outcomes if not isinstance(each, str)]
    assert together.accounts == apart.accounts
    assert together.holds == apart.holds
    assert together.transfers == apart.transfers
    assert together.entries == apart.entries


@given(BATCHES)
def test_batches_do_not_matter(batches: list[tuple[int, list[Command]]]) -> None:
    together, alone = Bank(), Bank()
    for stripe, batch in batches:
        at = alone.now = together.now
        together.do(*batch, stripe=stripe)
        for command in batch:
            alone.now = at
            alone.do(command, stripe=stripe)
    assert together.accounts == alone.accounts
    assert together.holds == alone.holds
    assert together.transfers == alone.transfers
