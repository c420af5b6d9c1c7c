from __future__ import annotations

import pytest

from launch.doctor import engines, machine
from launch.doctor.finding import Verdict


def test_an_old_python_is_a_problem() -> None:
    assert machine.python((3, 10, 9)).verdict is Verdict.PROBLEM
    assert machine.python((3, 11, 0)).verdict is Verdict.OK


def test_a_clock_that_was_never_set_is_a_problem() -> None:
    assert machine.clock(0.0).verdict is Verdict.PROBLEM
    assert machine.clock().verdict is Verdict.OK


@pytest.mark.parametrize(
    ("text", "version"),
    [("db version v6.0.5", "6.0.5"), ("Valkey server v=9.1.2 sha=0", "9.1.2"), ("Redis server v=7.2.4", "7.2.4")],
)
def test_versions_are_found_in_what_programs_say(text: str, version: str) -> None:
    found = engines._VERSION.search(text)
    assert found is not None
    assert found[1] == version
