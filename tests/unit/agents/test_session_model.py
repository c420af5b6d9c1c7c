"""The rules of a session's life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.agents.sessions.model import LIFETIME, MAX_AHEAD, Session

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "quiet"), [(0, False), (29.999, False), (30, True), (3600, True)])
def test_activity_is_worth_a_write_after_half_a_minute(seconds: float, quiet: bool) -> None:
    session = Session(
        id="s",
        agent_name="worker-1",
        project_id="p",
        operator_id=1,
        created_at=START,
        expires_at=START + LIFETIME,
        last_activity_at=START,
        credential_id="c",
    )
    assert session.is_quiet(START + timedelta(seconds=seconds)) is quiet


def test_a_session_lasts_three_hours_and_a_week_at_most() -> None:
    assert timedelta(hours=3) == LIFETIME
    assert timedelta(days=7) == MAX_AHEAD
