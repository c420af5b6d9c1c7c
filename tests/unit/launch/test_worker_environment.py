from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from launch.worker.environment import describe
from launch.worker.task import LeasedTask

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(**fields: Any) -> LeasedTask:
    document = {"id": "t1", "leaseExpiresAt": (_NOW + timedelta(minutes=10)).isoformat(), "leaseToken": 7, **fields}
    return LeasedTask(document, _NOW)


def described(inherited: dict[str, str] | None = None, **variables: str) -> dict[str, str]:
    return describe(task(variables=variables, typeName="mail"), "me", Path("/tmp/t1.json"), inherited or {})


def test_variables_come_under_their_own_name_and_in_upper_case() -> None:
    environment = described(repositoryUrl="https://x")
    assert environment["PIECEWORK_VAR_repositoryUrl"] == "https://x"
    assert environment["PIECEWORK_VAR_REPOSITORYURL"] == "https://x"


def test_of_names_that_differ_by_case_each_keeps_its_own_value() -> None:
    environment = described(a="small", A="large")
    assert environment["PIECEWORK_VAR_a"] == "small"
    assert environment["PIECEWORK_VAR_A"] == "large"


def test_the_command_learns_which_task_it_has() -> None:
    environment = described()
    assert environment["PIECEWORK_TASK_ID"] == "t1"
    assert environment["PIECEWORK_TASK"] == "/tmp/t1.json"
    assert environment["PIECEWORK_TASK_TYPE"] == "mail"
    assert environment["PIECEWORK_AGENT"] == "me"


def test_the_key_and_variables_of_another_task_are_not_passed_on() -> None:
    inherited = {"PATH": "/bin", "PIECEWORK_KEY": "secret", "PIECEWORK_VAR_OLD": "x", "PIECEWORK_URL": "http://h"}
    environment = described(inherited)
    assert environment["PATH"] == "/bin"
    assert environment["PIECEWORK_URL"] == "http://h"
    assert "PIECEWORK_KEY" not in environment
    assert "PIECEWORK_VAR_OLD" not in environment


def test_a_lease_is_as_long_as_the_platform_says_whatever_our_clock_shows() -> None:
    assert 599 < task().remaining_seconds() <= 600
