"""What can go wrong with operators, agents and credentials."""

from __future__ import annotations

from kit.errors import AlreadyExists, NotFound, PermissionDenied, Unauthenticated


class CredentialInvalid(Unauthenticated):
    """The secret is unknown, revoked or has expired; which of these is nobody's business."""

    def __init__(self) -> None:
        super().__init__("CREDENTIAL_INVALID", "Invalid or expired session")


class AgentNotActive(PermissionDenied):
    """The agent is paused or suspended."""

    def __init__(self, status: str) -> None:
        super().__init__("AGENT_NOT_ACTIVE", f"Agent is {status}", metadata={"status": status})


class AgentPendingClaim(PermissionDenied):
    """The agent registered by itself and belongs to nobody yet."""

    def __init__(self) -> None:
        super().__init__("AGENT_PENDING_CLAIM", "Agent has not been claimed yet")


class ServicesOnly(PermissionDenied):
    """The method serves our own processes alone."""

    def __init__(self) -> None:
        super().__init__("SCOPE_MISSING", "Only services may call this", metadata={"scope": "service"})


class OperatorKeyNeeded(PermissionDenied):
    """An agent or a session tried to manage credentials."""

    def __init__(self) -> None:
        super().__init__("SCOPE_MISSING", "Only the key of an operator may do this", metadata={"scope": "operator"})


class OperatorNotFound(NotFound):
    """There is no such operator."""

    def __init__(self, operator_id: int) -> None:
        super().__init__("OPERATOR_NOT_FOUND", f"Operator {operator_id} not found")


class OperatorExists(AlreadyExists):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__("OPERATOR_EXISTS", f"An operator named {name} exists already", metadata={"name": name})


class KeyNotFound(NotFound):
    """There is no such key, or it belongs to somebody else."""

    def __init__(self) -> None:
        super().__init__("KEY_NOT_FOUND", "Key not found")


class AgentNotFound(NotFound):
    """There is no such agent, or it belongs to somebody else."""

    def __init__(self, agent_id: int) -> None:
        super().__init__("AGENT_NOT_FOUND", f"Agent {agent_id} not found")


class AgentExists(AlreadyExists):
    """The operator has an agent of that name."""

    def __init__(self, name: str) -> None:
        super().__init__("AGENT_EXISTS", f"An agent named {name} exists already", metadata={"name": name})
