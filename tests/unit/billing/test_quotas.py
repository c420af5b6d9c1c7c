"""Plans and counting, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kit.errors import DomainError
from services.billing.plans.catalogue import read_catalogue
from services.billing.plans.errors import QuotaExceeded
from services.billing.plans.model import (
    HISTORY_DAYS,
    WINDOWS,
    Assignment,
    Consumption,
    Plan,
    Tally,
    Usage,
    window_end,
    window_start,
)
from services.billing.plans.quotas import Consume, Quotas, Return, usage_of

NOW = datetime(2026, 11, 18, 13, 45, 10, tzinfo=UTC)  # a Wednesday
TIMES = some.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=some.just(UTC))


class Counter:
    """Counts for operator 1 and keeps what is to be kept."""

    def __init__(self, **limits: int) -> None:
        self.plan = Plan("p", "P", 1, 1, limits)
        self.tally = Tally(1)
        self.consumptions: dict[str, Consumption] = {}
        self.now = NOW

    def do(self, command: Consume | Return) -> Usage | bool | str:
        quotas = Quotas({1: self.plan}, [self.tally], self.consumptions.values(), self.now)
        try:
            outcome = quotas.apply(command)
        except DomainError as refusal:
            assert not quotas.changed_tallies
            assert not quotas.changed_consumptions
            return refusal.reason
        self.tally = quotas.changed_tallies.get(1, self.tally)
        self.consumptions |= quotas.changed_consumptions
        return outcome

    def run(self, name: str, runs: int = 1) -> Usage | bool | str:
        return self.do(Consume(name, 1, runs))

    @property
    def used(self) -> list[int]:
        return [each.used for each in usage_of(self.tally, self.plan, self.now).counted]


def test_the_plans_of_the_seed() -> None:
    catalogue = read_catalogue()
    assert {plan.id: dict(plan.limits) for plan in catalogue.plans} == {
        "free": {"month": 8, "week": 2},
        "pro": {"month": 1500, "hour": 2},
        "super": {"month": 15000, "hour": 20},
    }
    assert [plan.max_agents for plan in catalogue.plans] == [2, 4, 16]
    assert catalogue.plan_of(None).id == "free"


def test_an_operators_own_limits() -> None:
    plan = read_catalogue().plan_of(Assignment(1, "pro", {"hour": 7, "day": 9}, 3))
    assert (plan.id, plan.limits, plan.max_agents) == ("pro", {"month": 1500, "hour": 7, "day": 9}, 3)


def test_a_plan_that_is_no_longer_offered_is_the_first_one() -> None:
    assert read_catalogue().plan_of(Assignment(1, "gone")).id == "free"


def test_the_total_and_the_days_outlast_every_window() -> None:
    counter = Counter(month=100)
    counter.run("a", 3)
    counter.now = NOW + timedelta(days=20)
    counter.run("b", 2)
    counter.run("c")
    counter.do(Return("c"))
    counter.do(Return("c"))
    assert counter.tally.total == 5
    told = {each.date: each.runs for each in counter.tally.history(counter.now)}
    assert len(told) == HISTORY_DAYS == 30
    assert {day: runs for day, runs in told.items() if runs} == {"2026-11-18": 3, "2026-12-08": 2}
    assert list(told)[-1] == "2026-12-08"
    assert list(told) == sorted(told)


def test_days_are_not_kept_for_ever() -> None:
    counter = Counter()
    for day in range(100):
        counter.now = NOW + timedelta(days=day)
        counter.run(f"day {day}")
    assert len(counter.tally.days) == HISTORY_DAYS
    assert counter.tally.total == 100
    counter.do(Return("day 3"))
    assert counter.tally.total == 99
    assert len(counter.tally.days) == HISTORY_DAYS


def test_windows() -> None:
    starts = {window: window_start(window, NOW) for window in WINDOWS}
    ends = {window: window_end(window, NOW) for window in WINDOWS}
    assert starts["hour"] == datetime(2026, 11, 18, 13, tzinfo=UTC)
    assert starts["day"] == datetime(2026, 11, 18, tzinfo=UTC)
    assert (starts["week"], ends["week"]) == (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
    assert (starts["month"], ends["month"]) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert window_end("month", datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


@given(TIMES)
def test_windows_follow_one_another(at: datetime) -> None:
    for window in WINDOWS:
        start, end = window_start(window, at), window_end(window, at)
        assert start <= at < end
        assert window_start(window, end) == end
        assert window_start(window, end - timedelta(microseconds=1)) == start


def test_a_full_window_refuses_until_it_ends() -> None:
    counter = Counter(month=3, week=2)
    assert isinstance(counter.run("a"), Usage)
    assert isinstance(counter.run("b"), Usage)
    assert counter.run("c") == "QUOTA_EXCEEDED"
    counter.now = window_end("week", NOW)
    assert isinstance(counter.run("c"), Usage)
    assert counter.run("d") == "QUOTA_EXCEEDED"
    assert counter.used == [1, 1, 1, 3]
    counter.now = window_end("month", NOW)
    assert isinstance(counter.run("d"), Usage)
    assert counter.used == [1, 1, 1, 1]


def test_a_refusal_tells_when_there_is_room_again() -> None:
    plan = Plan("p", "P", 1, 1, {"week": 0, "month": 0, "hour": 5})
    with pytest.raises(QuotaExceeded) as caught:
        Quotas({1: plan}, [], [], NOW).apply(Consume("a", 1, 1))
    ends = window_end("month", NOW)
    assert caught.value.metadata == {
        "plan": "p",
        "window": "month",
        "limit": "0",
        "used": "0",
        "resets_at": str(int(ends.timestamp())),
    }
    assert caught.value.retry_after_seconds == (ends - NOW).total_seconds()


def test_an_id_counts_once() -> None:
    counter = Counter(week=2)
    counter.run("a")
    assert isinstance(counter.run("a"), Usage)
    assert counter.used == [1, 1, 1, 1]
    assert counter.run("a", 2) == "CONSUMPTION_EXISTS"
    assert counter.do(Return("a")) is True
    assert counter.do(Return("a")) is False
    assert counter.run("a") == "CONSUMPTION_RETURNED"
    assert counter.do(Return("never")) is False
    assert counter.used == [0, 0, 0, 0]


def test_what_is_returned_late_counts_for_the_windows_that_still_last() -> None:
    counter = Counter()
    counter.run("a", 5)
    counter.now += timedelta(hours=1)
    counter.run("b", 3)
    counter.do(Return("a"))
    assert counter.used == [3, 3, 3, 3]


def test_clocks_that_differ_lose_no_count() -> None:
    counter = Counter(hour=2)
    counter.now = window_end("hour", NOW)
    counter.run("a")
    counter.now -= timedelta(seconds=1)
    counter.run("b")
    assert counter.run("c") == "QUOTA_EXCEEDED"
    counter.now += timedelta(seconds=1)
    assert counter.used[0] == 2
    counter.do(Return("b"))
    assert counter.used[0] == 1
