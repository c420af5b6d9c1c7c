"""A reader of events that comes back with `Last-Event-ID` after every crash has seen everything once, in order."""

from __future__ import annotations

import pytest

from tests.e2e import kills_invariants as invariants
from tests.e2e.kills_ordeal import Aftermath

pytestmark = pytest.mark.timeout(3600)


def test_the_history_has_no_hole(fleet_aftermath: Aftermath) -> None:
    invariants.check_history(fleet_aftermath)


def test_the_reader_saw_each_event_once_and_in_order(fleet_aftermath: Aftermath) -> None:
    invariants.check_reader(fleet_aftermath)
