"""What every provider can do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from services.orchestrator.models.model import Call, Piece


class Provider(Protocol):
    """Answers calls of its models."""

    def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield an answer as it comes.

        Raises:
            ModelUnavailable: it cannot be used now; trying again may help.
            ModelAuthFailed: it does not accept this installation.
            ModelRequestRefused: it does not take this call.
            ModelAnswerInvalid: what came is not an answer.
        """
        ...

    async def close(self) -> None:
        """End what it keeps open."""
        ...
