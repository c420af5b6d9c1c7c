"""Webhooks as agents manage them."""

from __future__ import annotations

import asyncio
import re

import pytest

from kit.caller import ANONYMOUS, MARKET, OPERATOR_SCOPES, READ, Caller, service_caller
from kit.errors import Exhausted, InvalidInput, NotFound, PermissionDenied, Unauthenticated, Unavailable
from services.agents.webhooks.model import EVENTS
from tests.service.agents.webhooks.conftest import MakePlatform
from tests.service.agents.webhooks.platform import WORKER, WebhookPlatform, agent
from tests.service.hosting import refused

URL = "https://hooks.invalid/x"
OTHER = agent(2)


async def test_a_webhook_is_made_and_read(hooks: WebhookPlatform) -> None:
    made = await hooks.create(URL, "claim.accepted", "claim.rejected", "claim.accepted")
    assert re.fullmatch(r"whsec_[0-9a-f]{48}", made.secret)
    webhook = made.webhook
    assert (webhook.agent_id, webhook.url, webhook.is_active) == (1, URL, True)
    assert list(webhook.events) == ["claim.accepted", "claim.rejected"]
    assert webhook.secret_prefix == made.secret[:8]
    assert not webhook.HasField("last_triggered_at")
    assert await hooks.get(webhook.id) == webhook
    second = await hooks.create(URL)
    assert await hooks.hooks() == [webhook, second.webhook]
    assert list(second.webhook.events) == list(EVENTS)
    assert await hooks.hooks(OTHER) == []


async def test_no_secret_is_stored_or_logged_as_it_is(
    hooks: WebhookPlatform, capfd: pytest.CaptureFixture[str]
) -> None:
    made = await hooks.create(URL)
    rotated = await hooks.rotate(made.webhook.id)
    stored = str([document async for document in hooks.database["webhooks"].find()])
    logged = "".join(capfd.readouterr())
    for secret in (made.secret, rotated.secret):
        assert secret[8:] not in stored
        assert secret[8:] not in logged


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "WEBHOOK_URL_INVALID"),
        ("https://u:p@hooks.invalid/", "WEBHOOK_URL_INVALID"),
        ("https://2130706433/", "WEBHOOK_URL_INVALID"),
        ("http://hooks.invalid/", "WEBHOOK_URL_NOT_HTTPS"),
        ("ftp://hooks.invalid/", "WEBHOOK_URL_NOT_HTTPS"),
        ("http://127.0.0.1:5000/", "WEBHOOK_URL_NOT_HTTPS"),
        ("https://127.0.0.1:5000/", "WEBHOOK_TARGET_REFUSED"),
        ("https://localhost/", "WEBHOOK_TARGET_REFUSED"),
        ("https://[::1]/", "WEBHOOK_TARGET_REFUSED"),
        ("https://169.254.169.254/", "WEBHOOK_TARGET_REFUSED"),
    ],
)
async def test_addresses_that_are_refused(make_platform: MakePlatform, url: str, reason: str) -> None:
    hooks = await make_platform(loopback=False)
    with refused(reason, InvalidInput):
        await hooks.create(url)
    assert await hooks.hooks() == []


async def test_a_development_installation_may_reach_itself(hooks: WebhookPlatform) -> None:
    assert (await hooks.create("http://localhost:5000/x")).webhook.is_active
    with refused("WEBHOOK_TARGET_REFUSED", InvalidInput):
        await hooks.create("https://10.0.0.1/")


async def test_events_that_do_not_exist(hooks: WebhookPlatform) -> None:
    with pytest.raises(InvalidInput) as caught:
        await hooks.create(URL, "claim.accepted", "task.eaten", "x", "x")
    assert caught.value.reason == "WEBHOOK_EVENTS_INVALID"
    assert caught.value.metadata["events"] == "task.eaten, x"
    assert caught.value.metadata["valid_events"] == ", ".join(EVENTS)


async def test_five_webhooks_and_no_sixth_however_many_are_made_at_once(hooks: WebhookPlatform) -> None:
    made = await asyncio.gather(*(hooks.create(URL) for _ in range(20)), return_exceptions=True)
    refusals = [each for each in made if isinstance(each, BaseException)]
    assert len(refusals) == 15
    for each in refusals:
        assert isinstance(each, Exhausted)
        assert (each.reason, each.metadata["limit"]) == ("WEBHOOK_LIMIT", "5")
    found = await hooks.hooks()
    assert len(found) == 5
    await hooks.create(URL, caller=OTHER)
    await hooks.delete(found[2].id)
    assert len({(await hooks.create(URL)).webhook.id, *(each.id for each in found)}) == 6
    with refused("WEBHOOK_LIMIT", Exhausted):
        await hooks.create(URL)


async def test_another_agents_webhook_does_not_exist(hooks: WebhookPlatform) -> None:
    webhook_id = (await hooks.create(URL)).webhook.id
    for caller in (OTHER, agent(2, operator_id=2)):
        for call in (
            hooks.get(webhook_id, caller),
            hooks.delete(webhook_id, caller),
            hooks.rotate(webhook_id, caller),
            hooks.deliveries(webhook_id, caller),
            hooks.replay(webhook_id, "x", caller=caller),
        ):
            with refused("WEBHOOK_NOT_FOUND", NotFound):
                await call
    assert (await hooks.get(webhook_id)).is_active


@pytest.mark.parametrize(
    ("caller", "kind", "reason"),
    [
        (ANONYMOUS, Unauthenticated, "AUTHENTICATION_REQUIRED"),
        (Caller(kind="operator", operator_id=1, scopes=OPERATOR_SCOPES), PermissionDenied, "AGENT_REQUIRED"),
        (Caller(kind="session", operator_id=1, scopes=(MARKET,), name="agent-1"), PermissionDenied, "AGENT_REQUIRED"),
        (Caller(kind="agent", operator_id=1, scopes=(READ,), agent_id=1), PermissionDenied, "SCOPE_MISSING"),
        (service_caller("gateway"), PermissionDenied, "AGENT_REQUIRED"),
    ],
)
async def test_only_agents_have_webhooks(
    hooks: WebhookPlatform, caller: Caller, kind: type[PermissionDenied], reason: str
) -> None:
    for call in (
        hooks.create(URL, caller=caller),
        hooks.hooks(caller),
        hooks.get(1, caller),
        hooks.delete(1, caller),
        hooks.rotate(1, caller),
        hooks.deliveries(1, caller),
        hooks.replay(1, "x", caller=caller),
    ):
        with refused(reason, kind):
            await call


async def test_what_is_deleted_is_gone(hooks: WebhookPlatform) -> None:
    webhook_id = (await hooks.create(URL)).webhook.id
    await hooks.happens("claim.accepted", claim_id=3, agent_id=1, proposed_credits=100)
    await hooks.delete(webhook_id)
    assert await hooks.hooks() == []
    for call in (hooks.get(webhook_id), hooks.delete(webhook_id), hooks.deliveries(webhook_id)):
        with refused("WEBHOOK_NOT_FOUND", NotFound):
            await call
    assert await hooks.database["webhooks"].count_documents({}) == 0
    assert await hooks.database["webhook_deliveries"].count_documents({}) == 0


async def test_a_deletion_that_a_crash_interrupted_is_finished(hooks: WebhookPlatform) -> None:
    webhook_id = (await hooks.create(URL)).webhook.id
    await hooks.happens("claim.accepted", claim_id=3, agent_id=1, proposed_credits=100)
    assert await hooks.app.webhook_store.condemn(webhook_id, 1)
    assert await hooks.hooks() == []
    await hooks.send()
    await hooks.app.webhooks.finish_deletions()
    assert await hooks.database["webhooks"].count_documents({}) == 0
    assert await hooks.database["webhook_deliveries"].count_documents({}) == 0


async def test_the_same_key_makes_one_webhook(hooks: WebhookPlatform) -> None:
    made = await asyncio.gather(*(hooks.create(URL, "claim.accepted", key="once") for _ in range(10)))
    assert len({answer.SerializeToString(deterministic=True) for answer in made}) == 1
    assert len(await hooks.hooks()) == 1
    with refused("IDEMPOTENCY_KEY_REUSED", InvalidInput):
        await hooks.create(URL, "claim.rejected", key="once")
    other = await hooks.create(URL, "claim.accepted", key="once", caller=OTHER)
    assert other.secret != made[0].secret
    await hooks.delete(made[0].webhook.id)
    assert (await hooks.create(URL, "claim.rejected", key="once")).webhook.id != made[0].webhook.id


async def test_without_a_key_of_encryption_no_secret_is_kept(make_platform: MakePlatform) -> None:
    hooks = await make_platform(keys=())
    with refused("ENCRYPTION_NOT_CONFIGURED", Unavailable):
        await hooks.create(URL)
    assert await hooks.hooks(WORKER) == []
