"""Whoever guesses keys soon costs the agents service nothing, and holds up nobody whose key is known."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import pytest
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub

from gateway.admission import Admission
from gateway.auth import Authenticator, Identity
from gateway.errors import Failure
from gateway.exchange import Exchange
from gateway.faces import runs
from gateway.faces.runs.buckets import BUCKETS
from kit.caller import CallerSigner
from kit.channels import Channels, Outgoing
from tests.gateway.scripted_peers import ScriptedPeers

_KEY = "k" * 32


class Door:
    """What stands before a request that no limit has counted, with a clock that the test moves."""

    def __init__(self, peers: ScriptedPeers, channels: Channels) -> None:
        self.now = 1_000_000.0
        self._peers = peers
        identities = IdentityServiceStub(channels.get("agents"))
        self.authenticator = Authenticator(identities, Outgoing(CallerSigner(_KEY)), now=lambda: self.now)
        face = dataclasses.replace(runs.face(), buckets=dataclasses.replace(BUCKETS, strangers="3/day"))
        self._admission = Admission(face)

    @property
    def questions(self) -> int:
        return self._peers.identities.questions

    async def show(self, key: str, address: str = "192.0.2.1") -> Identity | int:
        """Return whom `key` speaks for, or the status of the refusal."""
        exchange = Exchange("id", 0.0, address, secure=False)
        try:
            return await self.authenticator.identify({"x-api-key": key}, self._admission, exchange)
        except Failure as failure:
            if failure.status == 401:
                await self._admission.of_stranger(exchange)
            return failure.status


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A door with a service behind it that knows the keys `good` and `agent`."""
    peers = ScriptedPeers()
    await peers.start()
    channels = Channels({"agents": f"127.0.0.1:{peers.port}"})
    yield Door(peers, channels)
    await channels.close()
    await peers.stop()


async def test_guesses_are_not_passed_on_for_ever(door: Door) -> None:
    assert [await door.show(f"bad-{n}") for n in range(10)] == [401] * 3 + [429] * 7
    assert await door.show("agent") == 429
    assert door.questions == 3
    assert isinstance(await door.show("agent", "192.0.2.2"), Identity)


async def test_known_keys_are_asked_about_again_whoever_guesses(door: Door) -> None:
    known = await door.show("good")
    assert isinstance(known, Identity)
    assert [await door.show(f"bad-{n}") for n in range(4)] == [401, 401, 401, 429]
    asked = door.questions
    assert await door.show("good") == known
    assert door.questions == asked
    door.now += 60
    assert await door.show("good") == known
    door.authenticator.forget_all()
    assert await door.show("good") == known
    door.authenticator.forget(known)
    assert await door.show("good") == known
    assert door.questions == asked + 3


async def test_a_key_that_has_ended_is_not_known_any_more(door: Door) -> None:
    assert isinstance(await door.show("good"), Identity)
    door.authenticator.revoke("one")
    assert [await door.show("good") for _ in range(4)] == [401, 401, 401, 429]
    assert door.questions == 4
