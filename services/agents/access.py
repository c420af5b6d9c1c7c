"""Who may manage operators, agents and keys.

They are managed with an operator's key, or by our own services: a session, which anybody who knows the id of a project
may open, must not be worth a lasting credential.
"""

from __future__ import annotations

from kit.caller import ADMIN, READ, WRITE, Caller
from services.agents.identity.errors import OperatorKeyNeeded, ServicesOnly


def require_somebody(caller: Caller) -> None:
    """Check that there is a caller.

    Raises:
        Unauthenticated: nobody is signed in.
    """
    if caller.kind == "anonymous":
        caller.require(READ)


def require_service(caller: Caller) -> None:
    """Check that one of our own processes is calling.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: it is somebody else.
    """
    if not caller.is_service:
        require_somebody(caller)
        raise ServicesOnly


def is_privileged(caller: Caller) -> bool:
    """Tell whether the caller may manage what belongs to anybody."""
    return caller.is_service or (caller.kind == "operator" and ADMIN in caller.scopes)


def require_manager(caller: Caller, operator_id: int, scope: str) -> None:
    """Check that the caller may manage what belongs to `operator_id`.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: it may not.
    """
    if is_privileged(caller):
        return
    require_operator_key(caller, scope)
    caller.require_operator(operator_id)


def require_own(caller: Caller) -> int | None:
    """Return the operator whose things the caller may change, None when it may change everybody's.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: it may change nothing.
    """
    if is_privileged(caller):
        return None
    require_operator_key(caller, WRITE)
    return caller.operator_id


def require_operator_key(caller: Caller, scope: str) -> None:
    """Check that the caller shows the key of an operator that allows `scope`.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: the caller is somebody else, or the key does not allow it.
    """
    caller.require(scope)
    if caller.kind != "operator":
        raise OperatorKeyNeeded
