"""From how a command ended to what the queue is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from launch.worker.connection import Connection
from launch.worker.errors import Refused
from launch.worker.run import MAX_OUTPUT_BYTES, Ending
from launch.worker.task import LeasedTask


class Fate(StrEnum):
    """What became of a task in the hands of this worker.

    `FAILED` is for good; a task that failed here and is tried again, here or elsewhere, is `REQUEUED`.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    REQUEUED = "requeued"
    LOST = "lost"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Outcome:
    """What the queue is to be told.

    Attributes:
        fate: completed, or failed, or stopped; the others are never told.
        text: the result, or the error.
        can_retry: whether another attempt may succeed.
    """

    fate: Fate
    text: str
    can_retry: bool = True


STOPPED = Outcome(Fate.STOPPED, "the worker was stopped before the command ended")


def judge(ending: Ending) -> Outcome:
    """Return what a command's end means."""
    text = ending.output.decode(errors="replace")
    # Bytes that are not UTF-8 grow when they are replaced.
    if ending.overflowed or len(text.encode()) > MAX_OUTPUT_BYTES:
        reason = f"the command's output is longer than {MAX_OUTPUT_BYTES} bytes; store it elsewhere and print where"
        return Outcome(Fate.FAILED, reason, can_retry=False)
    if ending.status == 0:
        return Outcome(Fate.COMPLETED, text)
    tail = ending.error_tail.decode(errors="replace").strip()
    return Outcome(Fate.FAILED, f"{ending.describe_status()}: {tail}" if tail else ending.describe_status())


async def deliver(connection: Connection, task: LeasedTask, outcome: Outcome) -> tuple[Fate, str]:
    """Tell the queue, for as long as that takes; return what became of the task, and why when it was lost."""
    agent = connection.agent
    try:
        if outcome.fate is Fate.COMPLETED:
            await connection.call(lambda api, token: api.complete(token, agent, task, outcome.text))
        else:
            has_failed = await connection.call(
                lambda api, token: api.fail(token, agent, task, outcome.text, can_retry=outcome.can_retry)
            )
            if outcome.fate is Fate.FAILED and not has_failed:
                return Fate.REQUEUED, ""
    except Refused as refusal:
        if outcome.fate is Fate.COMPLETED and await _was_accepted(connection, task, outcome.text):
            return Fate.COMPLETED, ""
        return Fate.LOST, refusal.message
    return outcome.fate, ""


async def _was_accepted(connection: Connection, task: LeasedTask, result: str) -> bool:
    """Tell whether an earlier attempt got through whose answer did not come back."""
    try:
        now = await connection.call(lambda api, token: api.task(token, task.id))
    except Refused:
        return False
    attempts = now.get("attempts") or [{}]
    ours = attempts[-1].get("agentName") in (None, connection.agent)
    return now.get("status") == "completed" and now.get("result") == result and ours
