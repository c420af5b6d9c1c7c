"""Webhooks as agents manage them, and what happened to their deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from kit.caller import MARKET, Caller
from kit.clock import Clock
from kit.outbound.errors import TargetRefused
from kit.pages import clamp_limit, decode_cursor, encode_cursor
from services.agents.webhooks.errors import (
    AgentRequired,
    EventsInvalid,
    KeyReused,
    NothingNamed,
    WebhookNotFound,
    target_refused,
)
from services.agents.webhooks.model import ROTATION, Delivery, SealedSecrets, Webhook, new_secret, shown, unknown

if TYPE_CHECKING:
    from kit.keyring import KeyRing
    from services.agents.webhooks.store.deliveries import DeliveryStore
    from services.agents.webhooks.store.webhooks import WebhookStore

_PAGE, _LARGEST_PAGE = 20, 100


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of deliveries ended."""

    created_at: datetime
    id: str


class Request(msgspec.Struct, frozen=True):
    """A creation that may be asked for again.

    Attributes:
        key: the idempotency key.
        digest: what was asked for.
    """

    key: str
    digest: str


class Created(msgspec.Struct, frozen=True):
    """The outcome of a creation.

    Attributes:
        webhook: the webhook.
        secret: its secret.
        replayed: whether it was made by an earlier call with the same key.
    """

    webhook: Webhook
    secret: str
    replayed: bool = False

    def __repr__(self) -> str:
        return f"Created(webhook={self.webhook!r}, secret='***', replayed={self.replayed})"


class WebhookService:
    """The use cases of webhooks.

    Args:
        webhooks: where webhooks are kept.
        deliveries: where deliveries are kept.
        ring: seals the secrets.
        check: checks an address; raises `TargetRefused`.
        wake: tells the sender of this process that there is something to send.
        clock: the time.
    """

    def __init__(
        self,
        webhooks: WebhookStore,
        deliveries: DeliveryStore,
        ring: KeyRing,
        check: Callable[[str], Awaitable[None]],
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._ring = ring
        self._check = check
        self._wake = wake
        self._clock = clock

    async def create(self, caller: Caller, url: str, events: Sequence[str], key: str | None) -> Created:
        """Make a webhook; with the key of an earlier call, return what that made.

        Raises:
            EventsInvalid: some events do not exist.
            InvalidInput: the address is refused, or the key was used for something else.
            WebhookLimit: the agent has too many.
            Unavailable: there is no key to encrypt the secret with.
        """
        agent_id = _agent_of(caller)
        if wrong := unknown(events):
            raise EventsInvalid(wrong)
        self._ring.require()
        request = None if key is None else Request(key, _digest(url, events))
        if request is not None and (known := await self._known(agent_id, request)) is not None:
            return known
        try:
            await self._check(url)
        except TargetRefused as error:
            raise target_refused(error) from None
        webhook, secret = await self._new(caller, url, events), new_secret()
        webhook = msgspec.structs.replace(webhook, secret_prefix=shown(secret))
        sealed = self._ring.seal(secret, owner(webhook.id))
        if await self._webhooks.insert(webhook, sealed, request):
            return Created(webhook, secret)
        assert request is not None
        # A call with the same key came between.
        known = await self._known(agent_id, request)
        if known is None:
            raise WebhookNotFound(webhook.id)
        return known

    async def list_webhooks(self, caller: Caller) -> list[Webhook]:
        """Return the caller's webhooks by id."""
        return await self._webhooks.of_agent(_agent_of(caller))

    async def get(self, caller: Caller, webhook_id: int) -> Webhook:
        """Return one of the caller's webhooks.

        Raises:
            WebhookNotFound: it has none of that id.
        """
        found = await self._webhooks.find(webhook_id, _agent_of(caller))
        if found is None:
            raise WebhookNotFound(webhook_id)
        return found

    async def delete(self, caller: Caller, webhook_id: int) -> None:
        """Remove one of the caller's webhooks and what waits for it.

        Raises:
            WebhookNotFound: it has none of that id.
        """
        if not await self._webhooks.condemn(webhook_id, _agent_of(caller)):
            raise WebhookNotFound(webhook_id)
        await self._remove(webhook_id)

    async def finish_deletions(self) -> None:
        """Finish what a crash interrupted."""
        for webhook_id in await self._webhooks.condemned():
            await self._remove(webhook_id)

    async def rotate(self, caller: Caller, webhook_id: int) -> tuple[Webhook, str, datetime]:
        """Give a webhook a new secret and switch it on; return it, the secret and until when the old one signs too.

        Raises:
            WebhookNotFound: the caller has none of that id.
            Unavailable: there is no key to encrypt the secret with.
        """
        agent_id = _agent_of(caller)
        secret, now = new_secret(), self._clock.now()
        sealed = SealedSecrets(self._ring.seal(secret, owner(webhook_id)), old_until=now + ROTATION)
        webhook = await self._webhooks.rotate(webhook_id, agent_id, sealed, shown(secret), now)
        if webhook is None:
            raise WebhookNotFound(webhook_id)
        self._wake()
        return webhook, secret, now + ROTATION

    async def list_deliveries(
        self, caller: Caller, webhook_id: int, *, limit: int, cursor: str, state: str | None
    ) -> tuple[list[Delivery], str]:
        """Return a page of deliveries, newest first, and the cursor after it; empty at the end.

        Raises:
            WebhookNotFound: the caller has no such webhook.
            InvalidInput: the cursor is not one of this list.
        """
        await self.get(caller, webhook_id)
        scope = f"deliveries:{webhook_id}:{state or ''}"
        after = decode_cursor(cursor, Place, scope) if cursor else None
        size = clamp_limit(limit or None, default=_PAGE, largest=_LARGEST_PAGE)
        place = None if after is None else (after.created_at, after.id)
        found = await self._deliveries.page(webhook_id, state, place, size + 1)
        page = found[:size]
        if len(found) <= size:
            return page, ""
        return page, encode_cursor(Place(page[-1].created_at, page[-1].id), scope)

    async def replay(
        self, caller: Caller, webhook_id: int, ids: Sequence[str], since: datetime | None, until: datetime | None
    ) -> int:
        """Deliver again and return how many: those of `ids`, else those made from `since` on and before `until`.

        A webhook that was switched off is switched on: who asks for deliveries is there to take them.

        Raises:
            WebhookNotFound: the caller has no such webhook.
            DeliveryNotFound: one of `ids` is not of this webhook.
            NothingNamed: neither is given.
        """
        agent_id = _agent_of(caller)
        await self.get(caller, webhook_id)
        now = self._clock.now()
        if ids:
            replayed = await self._deliveries.replay_some(webhook_id, ids, now)
        elif since is not None or until is not None:
            replayed = await self._deliveries.replay_span(webhook_id, since, until, now)
        else:
            raise NothingNamed
        await self._webhooks.switch_on(webhook_id, agent_id, now)
        self._wake()
        return replayed

    async def _new(self, caller: Caller, url: str, events: Sequence[str]) -> Webhook:
        return Webhook(
            id=await self._webhooks.next_id(),
            agent_id=caller.agent_id,
            operator_id=caller.operator_id,
            url=url,
            events=tuple(dict.fromkeys(events)),
            is_active=True,
            failure_count=0,
            last_triggered_at=None,
            created_at=self._clock.now(),
            secret_prefix="",
        )

    async def _known(self, agent_id: int, request: Request) -> Created | None:
        found = await self._webhooks.find_request(agent_id, request.key)
        if found is None:
            return None
        webhook, sealed, digest = found
        if digest != request.digest:
            raise KeyReused
        return Created(webhook, self._ring.open(sealed, owner(webhook.id)), replayed=True)

    async def _remove(self, webhook_id: int) -> None:
        await self._deliveries.remove_all(webhook_id)
        await self._webhooks.remove(webhook_id)


def owner(webhook_id: int) -> str:
    """Return what a sealed secret is bound to."""
    return f"webhook:{webhook_id}"


def _agent_of(caller: Caller) -> int:
    caller.require(MARKET)
    if caller.kind != "agent" or not caller.agent_id:
        raise AgentRequired
    return caller.agent_id


def _digest(url: str, events: Sequence[str]) -> str:
    return hashlib.sha256(msgspec.json.encode([url, list(events)])).hexdigest()
