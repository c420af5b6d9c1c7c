from __future__ import annotations

import pytest

from kit.caller import CallerSigner, service_caller
from kit.channels import Channels, Outgoing
from kit.errors import Unavailable
from kit.peer import Peer


class LedgerPeer(Peer):
    service = "billing"
    caller = service_caller("tests")
    timeout_seconds = 3.0


def test_a_peer_that_nobody_placed_cannot_be_reached_now() -> None:
    peer = LedgerPeer(Channels({}), Outgoing(CallerSigner("the key of an installation of tests")))
    with pytest.raises(Unavailable, match="the service billing") as caught:
        _ = peer.channel
    assert caught.value.reason == "PEER_UNKNOWN"


def test_calls_carry_caller_and_deadline() -> None:
    signer = CallerSigner("the key of an installation of tests")
    options = LedgerPeer(Channels({}), Outgoing(signer)).options
    assert options["timeout"] == 3.0
    assert options == Outgoing(signer)(service_caller("tests"), timeout=3.0)
