"""The table of the market and the arithmetic of its fee."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from services.tasks.market.model import CANCEL, CLAIMED, FROM, OPEN, ROLL_BACK, STATUSES, fee_of
from tests.unit.tasks.market.samples import NOW, assignment, market_task


def test_every_action_starts_from_a_status_that_exists() -> None:
    assert {status for sources in FROM.values() for status in sources} <= set(STATUSES)


def test_finished_tasks_stay_finished() -> None:
    assert all("cancelled" not in sources for sources in FROM.values())
    assert [action for action, sources in FROM.items() if "completed" in sources] == ["rate"]


@pytest.mark.parametrize(("price", "fee"), [(0, 0), (1, 0), (9, 0), (10, 1), (99, 9), (100, 10), (10**9, 10**8)])
def test_the_fee_is_a_tenth_rounded_down(price: int, fee: int) -> None:
    assert fee_of(price) == fee


def test_what_a_status_allows() -> None:
    task = market_task()
    assert task.allows(CANCEL)
    assert not task.allows(ROLL_BACK)
    assert msgspec.structs.replace(task, status=CLAIMED).allows(ROLL_BACK)


def test_who_has_a_task() -> None:
    assert market_task().claimed_by is None
    assert market_task(status=CLAIMED, assignment=assignment(agent_id=7)).claimed_by == 7


def test_late_is_after_the_deadline() -> None:
    assert not market_task().is_late(NOW)
    task = market_task(deadline=NOW)
    assert not task.is_late(NOW)
    assert task.is_late(NOW + timedelta(milliseconds=1))


def test_the_hold_has_the_name_of_the_task() -> None:
    assert market_task(status=OPEN).hold_id == "task:0190-uuid"
