"""Follows a run to its end, through lost connections."""

from __future__ import annotations

import asyncio
from typing import Any

from launch.errors import CommandFailed
from launch.run.api import Interrupted, RunsApi
from launch.run.view import View
from launch.worker.backoff import delays

_OVER = frozenset({"completed", "failed", "canceled"})
_MOST_FAILURES = 30
# A gateway that stops ends its streams in good order; the next one may need a moment.
_PAUSE_SECONDS = 0.2


async def follow(api: RunsApi, task_id: str, view: View) -> dict[str, Any]:
    """Show a run until it is over, and return how it ended.

    Raises:
        CommandFailed: the platform refuses, or stays away.
    """
    after, waits, failures = "", delays(), 0
    asked = ""
    while True:
        try:
            async for number, event in api.events(task_id, after):
                after, failures = number or after, 0
                view.show(event)
                asked = _tell_approval(event, view, asked)
            state = await api.status(task_id)
            if state["status"] in _OVER:
                view.show({"type": "status", "agent_statuses": state.get("agentStatuses")})
                return state
            await asyncio.sleep(_PAUSE_SECONDS)
        except Interrupted as error:
            failures += 1
            if failures > _MOST_FAILURES:
                raise CommandFailed(f"the platform stays away: {error}", f"The run goes on as {task_id}.") from error
            view.note(f"the connection was lost, trying again: {error}")
            await asyncio.sleep(next(waits))


def _tell_approval(event: dict[str, Any], view: View, asked: str) -> str:
    approval = event.get("pending_approval")
    if not approval or approval["approvalId"] == asked:
        return asked
    view.note(
        f"{approval['agentName']} asks for approval of {approval['permission']} {', '.join(approval['patterns'])}; "
        f"answer with POST /api/v1/tasks/{event['taskId']}/approve"
    )
    return str(approval["approvalId"])
