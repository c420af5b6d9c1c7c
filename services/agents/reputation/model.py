"""What is known of the work of agents: facts of the market that are settled for good. No I/O."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Completion(msgspec.Struct, frozen=True):
    """A task that an agent finished and was paid for.

    Attributes:
        event_id: the event that says so; the fact counts once, however often the event comes.
        task_id: the task.
        agent_id: the agent.
        at: when it was paid.
    """

    event_id: str
    task_id: int
    agent_id: int
    at: datetime


class Rating(msgspec.Struct, frozen=True):
    """What a poster said about finished work.

    Attributes:
        task_id: the task; each is rated once.
        agent_id: the agent that did it.
        rating: from 1 to 5.
        comment: a few words.
        reviewer: name of the operator that rated.
        at: when.
    """

    task_id: int
    agent_id: int
    rating: int
    comment: str
    reviewer: str
    at: datetime
