"""Who is who: makes operators, agents and keys, and tells whom a secret speaks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from kit.caller import ADMIN, OPERATOR_SCOPES, READ, SESSION_SCOPES, WRITE, Caller
from kit.clock import Clock
from kit.ids import new_id
from services.agents.access import require_manager, require_own, require_service
from services.agents.identity.errors import (
    AgentNotActive,
    AgentNotFound,
    AgentPendingClaim,
    CredentialInvalid,
    KeyNotFound,
    OperatorNotFound,
)
from services.agents.identity.model import (
    ACTIVE,
    AGENT_SCOPES,
    PENDING_CLAIM,
    Agent,
    Identity,
    Operator,
    OperatorKey,
)
from services.agents.secret import (
    AGENT_KEY,
    LIVE_KEY,
    SESSION_TOKEN,
    TEST_KEY,
    Secret,
    new_agent_secret,
    new_operator_secret,
)
from services.agents.sessions.model import Session

if TYPE_CHECKING:
    from services.agents.identity.store import IdentityStore


class SessionReader(Protocol):
    """Knows the live sessions."""

    async def identify(self, token: Secret) -> Session | None:
        """Return the live session that `token` belongs to, None when there is none."""
        ...


class IdentityService:
    """The use cases of operators, agents and keys.

    Args:
        store: where they are kept.
        sessions: tells whose a session token is.
        note_use: writes down, later and off the caller's way, that a key was used at a time.
        revoke: announces to all processes that the credential of an id has ended; never raises.
        welcome: gives an operator the credits that it is owed; never raises.
        clock: the time.
    """

    def __init__(
        self,
        store: IdentityStore,
        sessions: SessionReader,
        note_use: Callable[[str, datetime], None],
        revoke: Callable[[str], None],
        welcome: Callable[[int], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._note_use = note_use
        self._revoke = revoke
        self._welcome = welcome
        self._clock = clock
        self._lookups: dict[str, Callable[[Secret], Awaitable[Identity | None]]] = {
            LIVE_KEY: self._operator_identity,
            TEST_KEY: self._operator_identity,
            AGENT_KEY: self._agent_identity,
            SESSION_TOKEN: self._session_identity,
        }

    async def authenticate(self, caller: Caller, secret: Secret) -> Identity:
        """Tell whom `secret` speaks for, with one indexed look-up.

        Raises:
            PermissionDenied: the caller is not a service.
            AgentNotActive: the agent is paused or suspended.
            AgentPendingClaim: nobody has claimed the agent yet.
            CredentialInvalid: the secret is unknown, revoked or has expired.
        """
        require_service(caller)
        lookup = self._lookups.get(secret.mark)
        identity = await lookup(secret) if lookup is not None else None
        if identity is None:
            raise CredentialInvalid
        return identity

    async def create_operator(self, caller: Caller, name: str) -> Operator:
        """Make an operator.

        Raises:
            PermissionDenied: the caller lacks the scope `admin`.
            OperatorExists: the name is taken.
        """
        caller.require(ADMIN)
        operator = await self._store.insert_operator(name, self._clock.now())
        await self._welcome(operator.id)
        return operator

    async def list_operators(self, caller: Caller) -> list[Operator]:
        """Return all operators by id.

        Raises:
            PermissionDenied: the caller lacks the scope `admin`.
        """
        caller.require(ADMIN)
        return await self._store.list_operators()

    async def create_key(
        self, caller: Caller, operator_id: int, scopes: Sequence[str], *, test: bool
    ) -> tuple[OperatorKey, Secret]:
        """Make a key of an operator; without `scopes` it allows everything but administration.

        Raises:
            PermissionDenied: the caller may not manage this operator, or does not hold a scope that it grants.
            OperatorNotFound: there is no such operator.
        """
        require_manager(caller, operator_id, WRITE)
        granted = tuple(sorted(scopes)) or OPERATOR_SCOPES
        for scope in granted:
            caller.require(scope)
        await self._require_operator(operator_id)
        secret = new_operator_secret(test=test)
        key = OperatorKey(
            id=new_id(),
            operator_id=operator_id,
            prefix=secret.prefix,
            scopes=granted,
            test=test,
            created_at=self._clock.now(),
            ending=secret.ending,
        )
        await self._store.insert_key(key, secret)
        return key, secret

    async def list_keys(self, caller: Caller, operator_id: int) -> list[OperatorKey]:
        """Return the keys of an operator, newest first.

        Raises:
            PermissionDenied: the caller may not look into this operator.
        """
        require_manager(caller, operator_id, READ)
        return await self._store.list_keys(operator_id)

    async def revoke_key(self, caller: Caller, key_id: str) -> OperatorKey:
        """End a key at once; ending it again changes nothing.

        Raises:
            PermissionDenied: the caller may not manage keys.
            KeyNotFound: there is no such key, or it belongs to somebody else.
        """
        owner = require_own(caller)
        key = await self._store.revoke_key(key_id, owner, self._clock.now())
        if key is None:
            raise KeyNotFound
        self._revoke(key.id)
        return key

    async def create_agent(self, caller: Caller, operator_id: int, name: str) -> tuple[Agent, Secret]:
        """Make an agent with its first key.

        Raises:
            PermissionDenied: the caller may not manage this operator.
            OperatorNotFound: there is no such operator.
            AgentExists: the operator has an agent of that name.
        """
        require_manager(caller, operator_id, WRITE)
        await self._require_operator(operator_id)
        secret = new_agent_secret()
        agent = await self._store.insert_agent(operator_id, name, secret, self._clock.now())
        await self._welcome(operator_id)
        return agent, secret

    async def list_agents(self, caller: Caller, operator_id: int) -> list[Agent]:
        """Return the agents of an operator by id.

        Raises:
            PermissionDenied: the caller may not look into this operator.
        """
        require_manager(caller, operator_id, READ)
        return await self._store.list_agents(operator_id)

    async def rotate_agent_key(self, caller: Caller, agent_id: int) -> Secret:
        """Give an agent a new key and end the old one at once.

        Raises:
            PermissionDenied: the caller may not manage agents.
            AgentNotFound: there is no such agent, or it belongs to somebody else.
        """
        owner = require_own(caller)
        secret = new_agent_secret()
        before = await self._store.replace_agent_key(agent_id, owner, secret)
        if before is None:
            raise AgentNotFound(agent_id)
        self._revoke(before.key_id)
        return secret

    async def _require_operator(self, operator_id: int) -> None:
        if not await self._store.operator_exists(operator_id):
            raise OperatorNotFound(operator_id)

    async def _operator_identity(self, secret: Secret) -> Identity | None:
        key = await self._store.find_key(secret)
        if key is None or key.revoked_at is not None:
            return None
        now = self._clock.now()
        if key.is_quiet(now):
            self._note_use(key.id, now)
        return Identity(kind="operator", operator_id=key.operator_id, scopes=key.scopes, credential_id=key.id)

    async def _agent_identity(self, secret: Secret) -> Identity | None:
        agent = await self._store.find_agent(secret)
        if agent is None:
            return None
        if agent.status == PENDING_CLAIM:
            raise AgentPendingClaim
        if agent.status != ACTIVE:
            raise AgentNotActive(agent.status)
        return Identity(
            kind="agent",
            operator_id=agent.operator_id,
            scopes=AGENT_SCOPES,
            credential_id=agent.key_id,
            agent_id=agent.id,
            name=agent.name,
        )

    async def _session_identity(self, secret: Secret) -> Identity | None:
        session = await self._sessions.identify(secret)
        if session is None:
            return None
        return Identity(
            kind="session",
            operator_id=session.operator_id,
            scopes=SESSION_SCOPES,
            credential_id=session.credential_id,
            name=session.agent_name,
            project_id=session.project_id,
            session_id=session.id,
            expires_at=session.expires_at,
        )
