"""Each process of an installation is killed ten times in mid-work, and nothing that was promised gets lost.

`PIECEWORK_TEST_SEED` chooses other moments, `PIECEWORK_TEST_KILL_ROUNDS` more of them.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e import kills_invariants as invariants
from tests.e2e.kills_ordeal import Aftermath, rounds

pytestmark = pytest.mark.timeout(3600)


def test_each_part_was_killed_ten_times(fleet_aftermath: Aftermath) -> None:
    times = Counter(fleet_aftermath.kills)
    assert [times[name] for name in ("tasks-1", "gateway", "mongod")] == [rounds(10)] * 3


def test_every_accepted_create_exists_once(fleet_aftermath: Aftermath) -> None:
    invariants.check_creates(fleet_aftermath)


def test_a_create_that_is_repeated_gets_the_first_answer(fleet_aftermath: Aftermath) -> None:
    invariants.check_replays(fleet_aftermath)


def test_every_task_has_the_outcome_that_was_acknowledged(fleet_aftermath: Aftermath) -> None:
    invariants.check_outcomes(fleet_aftermath)


def test_no_stale_lease_was_accepted(fleet_aftermath: Aftermath) -> None:
    invariants.check_stale_leases(fleet_aftermath)


def test_attempts_add_up(fleet_aftermath: Aftermath) -> None:
    invariants.check_attempts(fleet_aftermath)


def test_clients_saw_no_error_of_the_server(fleet_aftermath: Aftermath) -> None:
    invariants.check_answers(fleet_aftermath)
