"""An event of the market as its followers get it. No I/O."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class MarketEvent(msgspec.Struct, frozen=True):
    """Something that happened to a task of the market.

    Attributes:
        seq: place in the order of all events.
        id: `<subject>:<version>`, unique for ever: who may get an event twice tells by it.
        type: what happened, for example `claim.accepted`.
        subject: `market:<task id>`.
        version: the version of the task after the change.
        actor: who did it.
        at: when.
        data: facts about the change.
    """

    seq: int
    id: str
    type: str
    subject: str
    version: int
    actor: str
    at: datetime
    data: dict[str, Any]
