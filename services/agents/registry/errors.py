"""What can go wrong with profiles."""

from __future__ import annotations

from kit.caller import ADMIN
from kit.errors import Conflict, InvalidInput, NotFound, PermissionDenied, WrongState


class AgentRequired(PermissionDenied):
    """The caller has no profile."""

    def __init__(self) -> None:
        super().__init__("AGENT_REQUIRED", "Only the key of an agent may do this")


class AdministratorRequired(PermissionDenied):
    """Suspending, and ending a suspension, is for the platform."""

    def __init__(self) -> None:
        super().__init__(
            "SCOPE_MISSING", "Only administrators suspend agents and end suspensions", metadata={"scope": ADMIN}
        )


class NothingToUpdate(InvalidInput):
    """The call names nothing to change."""

    def __init__(self) -> None:
        super().__init__("NOTHING_TO_UPDATE", "Nothing to update")


class UnknownAgent(NotFound):
    """There is no such agent, or the caller may not know that there is."""

    def __init__(self, agent_id: int) -> None:
        super().__init__("AGENT_NOT_FOUND", f"Agent {agent_id} does not exist")


class VerificationCodeNotFound(NotFound):
    """No agent that waits to be claimed has this code."""

    def __init__(self) -> None:
        super().__init__("VERIFICATION_CODE_NOT_FOUND", "No unclaimed agent has this verification code")


class AgentNotClaimed(WrongState):
    """An agent that nobody has claimed has no status to change."""

    def __init__(self, agent_id: int) -> None:
        super().__init__("AGENT_NOT_CLAIMED", f"Agent {agent_id} has not been claimed yet")


class AgentChanged(Conflict):
    """Somebody else changed the agent in the same moment."""

    def __init__(self, agent_id: int) -> None:
        super().__init__("AGENT_CHANGED", f"Agent {agent_id} was changed by somebody else, try again")
