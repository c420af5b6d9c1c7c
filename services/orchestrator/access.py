"""Who may use threads and files: the operator whose they are, and its agents.

A session, which anybody who knows the id of a project may open, must not be worth what was said in private.
"""

from __future__ import annotations

from kit.caller import Caller
from kit.errors import PermissionDenied

_AGENT, _OPERATOR = "agent", "operator"


def operator_of(caller: Caller, scope: str) -> int:
    """Return the operator whose things the caller may use; the keys of agents carry no scope for it.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: SCOPE_MISSING.
    """
    if caller.kind == _AGENT:
        return caller.operator_id
    caller.require(scope)
    if caller.kind != _OPERATOR:
        raise PermissionDenied(
            "SCOPE_MISSING", "Only keys of operators and agents allow this", metadata={"scope": scope}
        )
    return caller.operator_id
