"""Who is calling: a short-lived signed token that travels in gRPC metadata.

The gateway authenticates a request once and signs what it found; every service verifies the signature and decides by
itself what that caller may do. No service trusts the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import jwt
import msgspec

from kit.errors import PermissionDenied, Unauthenticated

METADATA_KEY = "x-piecework-caller"
LIFETIME_SECONDS = 60
_ALGORITHM = "HS256"
_CACHE_SIZE = 4096

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

READ = "queue:read"
WRITE = "queue:write"
WORK = "queue:work"
MARKET = "market"
ADMIN = "admin"
SESSION_SCOPES = (READ, WRITE, WORK)
OPERATOR_SCOPES = (*SESSION_SCOPES, MARKET)


class Caller(msgspec.Struct, frozen=True, omit_defaults=True):
    """The party that a request acts for.

    Attributes:
        kind: `operator` (an operator's key), `agent` (an agent's key), `session` (a queue session), `service` (one of
            our own processes, `name` says which) or `anonymous` (a request without credentials).
        operator_id: the operator acted for; 0 for services and anonymous callers.
        scopes: what the credential allows, for example `queue:read`.
        agent_id: the agent acted for, 0 when there is none.
        name: the agent name of a session or agent, or the name of the service.
        project_id: the home project of a session.
        session_id: the id of a session.
    """

    kind: str
    operator_id: int = 0
    scopes: tuple[str, ...] = ()
    agent_id: int = 0
    name: str = ""
    project_id: str = ""
    session_id: str = ""

    @property
    def is_service(self) -> bool:
        """Whether one of our own processes is calling on its own behalf."""
        return self.kind == "service"

    def require(self, scope: str) -> None:
        """Check that the credential allows `scope`.

        Raises:
            Unauthenticated: nobody is signed in.
            PermissionDenied: the credential lacks the scope.
        """
        if self.is_service or scope in self.scopes:
            return
        if self.kind == "anonymous":
            raise Unauthenticated("AUTHENTICATION_REQUIRED", "Authentication required")
        raise PermissionDenied("SCOPE_MISSING", f"This credential does not allow {scope}", metadata={"scope": scope})

    def require_operator(self, operator_id: int) -> None:
        """Check that the caller acts for `operator_id`, the owner of a thing.

        Raises:
            PermissionDenied: the thing belongs to another operator.
        """
        if not self.is_service and self.operator_id != operator_id:
            raise PermissionDenied("OTHER_OPERATOR", "Access denied")


ANONYMOUS = Caller(kind="anonymous")


def service_caller(name: str) -> Caller:
    """Return the caller that the service `name` is, when it acts on its own behalf."""
    return Caller(kind="service", name=name)


class CallerSigner:
    """Turns callers into tokens and back.

    Args:
        key: the secret that all processes of one installation share; at least 32 bytes.
        now: the time in seconds since the epoch; tests inject it.
    """

    def __init__(self, key: str, now: Callable[[], float] = time.time) -> None:
        if len(key) < 32:
            raise ValueError("the caller key must have at least 32 characters")
        self._key = key
        self._now = now
        self._minted: dict[Caller, tuple[str, float]] = {}
        self._verified: dict[str, tuple[Caller, float]] = {}

    def sign(self, caller: Caller) -> str:
        """Return a token for `caller` that lives between half of and the whole of `LIFETIME_SECONDS`."""
        now = self._now()
        known = self._minted.get(caller)
        if known is not None and known[1] - now > LIFETIME_SECONDS / 2:
            return known[0]
        expires = int(now) + LIFETIME_SECONDS
        token = jwt.encode({"exp": expires, "caller": msgspec.to_builtins(caller)}, self._key, algorithm=_ALGORITHM)
        _remember(self._minted, caller, (token, float(expires)))
        return token

    def verify(self, token: str) -> Caller:
        """Return the caller that `token` speaks for.

        Raises:
            Unauthenticated: the token is forged, malformed or has expired.
        """
        known = self._verified.get(token)
        now = self._now()
        if known is not None and now < known[1]:
            return known[0]
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"verify_exp": False})
            caller = msgspec.convert(claims["caller"], Caller)
            expires = float(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            raise Unauthenticated("CALLER_TOKEN_INVALID", "The caller token is not valid") from error
        if now >= expires:
            raise Unauthenticated("CALLER_TOKEN_EXPIRED", "The caller token has expired")
        _remember(self._verified, token, (caller, expires))
        return caller


def _remember(cache: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(cache) >= _CACHE_SIZE:
        cache.pop(next(iter(cache)))
    cache[key] = value
