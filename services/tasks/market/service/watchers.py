"""Who may watch the market: anybody a task, an agent what concerns itself and its operator, services all of it."""

from __future__ import annotations

from kit.caller import MARKET, Caller
from kit.errors import PermissionDenied

STREAM = "market"


def task_topic(task_id: int) -> str:
    """Return the topic of what happens to a task."""
    return f"task:{task_id}"


def agent_topic(agent_id: int) -> str:
    """Return the topic of what concerns an agent: changes of status of the tasks that it ever claimed, and its part."""
    return f"agent:{agent_id}"


def operator_topic(operator_id: int) -> str:
    """Return the topic of what happens to the tasks that an operator posted."""
    return f"operator:{operator_id}"


class MarketWatchers:
    """Knows who may read the streams of the market."""

    async def readable(self, caller: Caller, stream: str) -> tuple[str, ...]:
        """Return the topics whose events make up `stream`.

        Raises:
            Unauthenticated: nobody is signed in.
            PermissionDenied: SCOPE_MISSING, or OTHER_AGENT for the stream of another agent or, for callers that are no
                service, of the whole market.
        """
        caller.require(MARKET)
        if stream.startswith("task:") or caller.is_service:
            return (stream,)
        if stream != agent_topic(caller.agent_id):
            raise PermissionDenied("OTHER_AGENT", "This stream belongs to another agent")
        return (stream, operator_topic(caller.operator_id))
