"""What agents tell about themselves, whose they become, and whether they may act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from kit.caller import MARKET, Caller
from kit.clock import Clock
from services.agents.access import require_manager, require_own, require_service, require_somebody
from services.agents.identity.errors import OperatorNotFound
from services.agents.identity.model import PENDING_CLAIM
from services.agents.registry.errors import (
    AdministratorRequired,
    AgentChanged,
    AgentNotClaimed,
    AgentRequired,
    NothingToUpdate,
    UnknownAgent,
)
from services.agents.registry.model import (
    OperatorName,
    Portrait,
    Profile,
    ProfileChanges,
    VerificationCode,
    changeable_from,
    new_verification_code,
)
from services.agents.secret import Secret, new_agent_secret

if TYPE_CHECKING:
    from services.agents.registry.store import RegistryStore
    from services.agents.reputation.model import Rating

_RECENT_RATINGS = 5
_NO_CHANGES = ProfileChanges()


class RatingReader(Protocol):
    """Knows what was said about agents."""

    def recent(self, agent_id: int, limit: int) -> Awaitable[Sequence[Rating]]:
        """Return the newest ratings of an agent."""
        ...


class RegistryService:
    """The use cases of profiles.

    Args:
        store: where they are kept.
        ratings: knows what was said about agents.
        revoke: announces to all processes that the credential of an id has ended; never raises.
        welcome: gives an operator the credits that it is owed; never raises.
        clock: the time.
    """

    def __init__(
        self,
        store: RegistryStore,
        ratings: RatingReader,
        revoke: Callable[[str], None],
        welcome: Callable[[int], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._ratings = ratings
        self._revoke = revoke
        self._welcome = welcome
        self._clock = clock

    async def own_profile(self, caller: Caller) -> Portrait:
        """Return the profile of the caller.

        Raises:
            AgentRequired: the caller is no agent.
        """
        agent_id = _own_id(caller)
        return await self._portrait(agent_id, await self._store.find(agent_id))

    async def update_own_profile(self, caller: Caller, changes: ProfileChanges) -> Portrait:
        """Change the profile of the caller and return it.

        Raises:
            AgentRequired: the caller is no agent.
            NothingToUpdate: there are no changes.
            AgentExists: its operator has another agent of that name.
        """
        agent_id = _own_id(caller)
        if changes == _NO_CHANGES:
            raise NothingToUpdate
        return await self._portrait(agent_id, await self._store.update(agent_id, changes))

    async def profile(self, caller: Caller, agent_id: int) -> tuple[Portrait, Sequence[Rating]]:
        """Return the profile of any agent, and the newest ratings of its work.

        Raises:
            Unauthenticated: nobody is signed in.
            UnknownAgent: there is no such agent.
        """
        require_somebody(caller)
        portrait = await self._portrait(agent_id, await self._store.find(agent_id))
        return portrait, await self._ratings.recent(agent_id, _RECENT_RATINGS)

    async def register(self, name: str, description: str) -> tuple[Profile, Secret, VerificationCode]:
        """Make an agent that belongs to nobody yet and may do nothing; anybody may.

        Raises:
            AgentExists: another one that waits to be claimed has that name.
        """
        secret, code = new_agent_secret(), new_verification_code()
        profile = await self._store.insert_unclaimed(name.lower(), description, secret, code, self._clock.now())
        return profile, secret, code

    async def claim(self, caller: Caller, code: VerificationCode, operator_id: int) -> Portrait:
        """Give the agent with this code to an operator: the caller's own when `operator_id` is 0.

        Raises:
            PermissionDenied: the caller may not claim agents for that operator.
            OperatorNotFound: there is no such operator.
            VerificationCodeNotFound: no agent that waits to be claimed has this code.
            AgentExists: the operator has another agent of that name.
        """
        owner_id = operator_id or caller.operator_id
        require_manager(caller, owner_id, MARKET)
        owner = await self._operator_name(owner_id)
        profile = await self._store.claim(code, owner.id)
        await self._welcome(owner.id)
        return Portrait(profile, owner)

    async def set_status(self, caller: Caller, agent_id: int, wanted: str) -> Portrait:
        """Pause, suspend or activate an agent, at once; what it is already changes nothing.

        Raises:
            PermissionDenied: the caller may not manage agents, or not suspend.
            UnknownAgent: there is no such agent, or it belongs to somebody else.
            AgentNotClaimed: it belongs to nobody yet.
        """
        owner = require_own(caller)
        allowed_from = changeable_from(wanted, privileged=owner is None)
        changed = await self._store.set_status(agent_id, owner, wanted, allowed_from)
        if changed is not None:
            self._revoke(changed[1])
            return await self._portrait(agent_id, changed[0])
        present = await self._store.find(agent_id, owner)
        if present is None:
            raise UnknownAgent(agent_id)
        if present.status == PENDING_CLAIM:
            raise AgentNotClaimed(agent_id)
        if present.status in allowed_from:
            raise AgentChanged(agent_id)
        if present.status != wanted or not allowed_from:
            raise AdministratorRequired
        return await self._portrait(agent_id, present)

    async def operator(self, caller: Caller, operator_id: int) -> OperatorName:
        """Return the name of an operator.

        Raises:
            PermissionDenied: the caller is not a service.
            OperatorNotFound: there is no such operator.
        """
        require_service(caller)
        return await self._operator_name(operator_id)

    async def _operator_name(self, operator_id: int) -> OperatorName:
        name = await self._store.find_operator(operator_id)
        if name is None:
            raise OperatorNotFound(operator_id)
        return name

    async def _portrait(self, agent_id: int, profile: Profile | None) -> Portrait:
        if profile is None:
            raise UnknownAgent(agent_id)
        return Portrait(profile, await self._store.find_operator(profile.operator_id) if profile.operator_id else None)


def _own_id(caller: Caller) -> int:
    caller.require(MARKET)
    if caller.kind != "agent":
        raise AgentRequired
    return caller.agent_id
