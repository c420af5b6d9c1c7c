"""Finds out who is calling: reads the credential, asks the agents service, and remembers for a few seconds."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import grpc.aio
import msgspec
from piecework.agents.v1 import identity_pb2

from gateway.errors import Failure, from_domain
from gateway.routing import Access
from kit.caller import ANONYMOUS, Caller, service_caller
from kit.channels import Outgoing
from kit.status import from_rpc_error

if TYPE_CHECKING:
    from piecework.agents.v1.identity_pb2_grpc import IdentityServiceAsyncStub

    from gateway.admission import Admission
    from gateway.exchange import Exchange

_GATEWAY = service_caller("gateway")
_MAX_SECRET = 512
_REVOKED_KEPT = 4096
_SESSIONS_COUNTED = 100_000
_TIMEOUT_SECONDS = 5.0
_KEY_MARKS = ("pw_live_", "pw_test_", "th_agent_")
_SESSION_MARK = "pws_"


class Identity(msgspec.Struct, frozen=True):
    """A credential that has been looked up.

    Attributes:
        caller: the party that it speaks for.
        credential_id: the id under which its revocation is announced.
        expires_at: when it ends by itself, in seconds since the epoch; infinite when it does not.
    """

    caller: Caller
    credential_id: str = ""
    expires_at: float = float("inf")


NOBODY = Identity(ANONYMOUS)


class _Known(msgspec.Struct):
    identity: Identity
    until: float


class Authenticator:
    """Looks up credentials.

    Args:
        identities: the service that knows them.
        outgoing: signs calls as the gateway.
        lifetime_seconds: how long an answer is believed.
        capacity: how many answers are kept.
        now: the time in seconds since the epoch.
    """

    def __init__(
        self,
        identities: IdentityServiceAsyncStub,
        outgoing: Outgoing,
        *,
        lifetime_seconds: float = 5.0,
        capacity: int = 10_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._identities = identities
        self._outgoing = outgoing
        self._lifetime = lifetime_seconds
        self._capacity = capacity
        self._now = now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Identity | None]] = {}
        self._revoked: OrderedDict[str, None] = OrderedDict()
        self._sessions: dict[str, float] = {}
        self._watched: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def identify(
        self, headers: Mapping[str, str], admission: Admission | None = None, exchange: Exchange | None = None
    ) -> Identity:
        """Return whom the request's `Authorization: Bearer` or `x-api-key` speaks for; `NOBODY` without either.

        Args:
            headers: of the request.
            admission: asked before a credential is tried that was never seen to be valid, with `exchange`.
            exchange: the request.

        Raises:
            Failure: 401 for a credential that is not valid, 403 for the key of an agent that may not act now, 429 for
                one that is not known after too many wrong ones, 503 when nobody can tell.
        """
        secret = credential(headers)
        if secret is None:
            return NOBODY
        key = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(key)
        now = self._now()
        if known is not None and now < known.until:
            return known.identity
        # Who was known before is asked about again whoever else guesses at that address: hence only the new ones wait.
        if known is None and admission is not None and exchange is not None:
            await admission.of_unknown(exchange)
        identity = await self._ask_once(key, secret)
        if identity is None:
            raise _not_valid(headers, secret)
        return identity

    def revoke(self, credential_id: str) -> None:
        """Forget a credential that has ended, and tell the streams that were opened with it."""
        self._revoked[credential_id] = None
        if len(self._revoked) > _REVOKED_KEPT:
            self._revoked.popitem(last=False)
        self._drop(credential_id)
        self._sessions.pop(credential_id, None)
        for event in self._watched.pop(credential_id, ()):
            event.set()

    def forget(self, identity: Identity) -> None:
        """Ask again about a credential that has changed."""
        for known in self._known.values():
            if known.identity.credential_id == identity.credential_id:
                known.until = 0.0

    def forget_all(self) -> None:
        """Ask again about everybody: announcements may have been missed."""
        for known in self._known.values():
            known.until = 0.0

    @property
    def active_sessions(self) -> int:
        """Sessions that came by here and have not ended since."""
        now = self._now()
        self._sessions = {session: ends for session, ends in self._sessions.items() if ends > now}
        return len(self._sessions)

    def watch(self, identity: Identity) -> asyncio.Event:
        """Return an event that is set when the credential is revoked; give it back with `unwatch`."""
        event = asyncio.Event()
        if identity.credential_id in self._revoked:
            event.set()
        self._watched[identity.credential_id].add(event)
        return event

    def unwatch(self, identity: Identity, event: asyncio.Event) -> None:
        """Give back what `watch` returned."""
        watchers = self._watched.get(identity.credential_id)
        if watchers is not None:
            watchers.discard(event)
            if not watchers:
                del self._watched[identity.credential_id]

    def _drop(self, credential_id: str) -> None:
        for key in [key for key, known in self._known.items() if known.identity.credential_id == credential_id]:
            del self._known[key]

    async def _ask_once(self, key: bytes, secret: str) -> Identity | None:
        # A crowd that arrives with the same credential asks once. A caller that goes away must not take the others'
        # answer with it: hence the task of its own, and the shield.
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, secret))
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    def _asked(self, key: bytes, done: asyncio.Task[Identity | None]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # seen, also when everybody who asked has gone

    async def _ask(self, key: bytes, secret: str) -> Identity | None:
        """Return whom a credential speaks for; None when it is not valid."""
        request = identity_pb2.AuthenticateRequest(secret=secret)
        try:
            answer = await self._identities.Authenticate(request, **self._outgoing(_GATEWAY, timeout=_TIMEOUT_SECONDS))
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT):
                self._known.pop(key, None)
                refused = from_domain(from_rpc_error(error))
                if refused.status == 500:
                    raise refused from None
                return None
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                # The credential is the right one; its agent is paused, suspended or belongs to nobody yet.
                raise from_domain(from_rpc_error(error)) from None
            raise from_domain(from_rpc_error(error)) from error
        identity = _identity(answer)
        if identity.credential_id in self._revoked:
            return None
        self._remember(key, identity)
        return identity

    def _remember(self, key: bytes, identity: Identity) -> None:
        until = min(self._now() + self._lifetime, identity.expires_at)
        self._known[key] = _Known(identity, until)
        self._known.move_to_end(key)
        if identity.caller.kind == "session" and len(self._sessions) < _SESSIONS_COUNTED:
            self._sessions[identity.credential_id] = identity.expires_at
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)


def credential(headers: Mapping[str, str]) -> str | None:
    """Return the secret of a request, or None when it names none.

    Raises:
        Failure: 401 for a secret that cannot be one.
    """
    authorization = headers.get("Authorization")
    secret = None
    if authorization is not None:
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            secret = rest.strip()
    if not secret:
        secret = headers.get("x-api-key", "").strip() or None
    if secret is not None and (len(secret) > _MAX_SECRET or not secret.isascii()):
        raise _not_valid(headers, secret)
    return secret


def required() -> Failure:
    """Return the failure of a request without a credential."""
    return Failure(
        401, "Authentication required", headers={"WWW-Authenticate": "Bearer"}, reason="AUTHENTICATION_REQUIRED"
    )


def check(identity: Identity, access: Access) -> None:
    """Check that somebody is calling, and with a credential of the kind that a route wants.

    Raises:
        Failure: 401.
    """
    if identity is NOBODY:
        raise required()
    kind = identity.caller.kind
    if access is Access.AGENT and kind != "agent":
        raise _unfit("An agent's key is needed", "AGENT_KEY_REQUIRED")
    if access is Access.KEY and kind == "session":
        raise _unfit("A key is needed, not a session", "KEY_REQUIRED")


def _not_valid(headers: Mapping[str, str], secret: str) -> Failure:
    """Return the failure of a wrong credential, called what its client takes it for."""
    shown_as_key = headers.get("x-api-key", "").strip() == secret and not secret.startswith(_SESSION_MARK)
    is_key = shown_as_key or secret.startswith(_KEY_MARKS)
    return _unfit("Invalid or revoked key" if is_key else "Invalid or expired session", "CREDENTIAL_INVALID")


def _unfit(message: str, reason: str) -> Failure:
    return Failure(401, message, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}, reason=reason)


def _identity(answer: identity_pb2.AuthenticateResponse) -> Identity:
    caller = Caller(
        kind=answer.kind,
        operator_id=answer.operator_id,
        scopes=tuple(answer.scopes),
        agent_id=answer.agent_id,
        name=answer.name,
        project_id=answer.project_id,
        session_id=answer.session_id,
    )
    ends = answer.expires_at.ToNanoseconds() / 1e9 if answer.HasField("expires_at") else float("inf")
    return Identity(caller, answer.credential_id, ends)
