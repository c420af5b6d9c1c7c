"""Two replicas of the tasks service: one is killed, or paused while it leads, and the other goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e import kills_invariants as invariants
from tests.e2e.kills_ordeal import Aftermath

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("check", invariants.ALL)
def test_nothing_that_was_promised_gets_lost(replicas_aftermath: Aftermath, check: Callable[[Aftermath], None]) -> None:
    check(replicas_aftermath)
