from __future__ import annotations

import pytest

from kit.settings import Settings
from launch import targets
from launch.addresses import authority, url
from launch.errors import CommandFailed


def test_all_means_every_target_and_the_gateway_starts_last() -> None:
    assert targets.choose(["all"]) == ["tasks", "agents", "billing", "orchestrator", "gateway"]
    assert targets.choose(["gateway", "tasks", "tasks"]) == ["tasks", "gateway"]


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(CommandFailed, match="no target nothing"):
        targets.choose(["tasks", "nothing"])


def test_peers_elsewhere_need_an_address_and_peers_here_do_not() -> None:
    elsewhere = {name: f"{name}:7001" for name in ("agents", "billing", "orchestrator")}
    settings = Settings().replace(**{f"{name}_address": f"{name}:7001" for name in ("tasks", *elsewhere)})
    assert targets.addresses(["gateway", "tasks"], settings) == elsewhere
    assert targets.addresses(["billing"], settings) == {}
    assert targets.addresses(targets.ALL, Settings()) == {}


def test_every_missing_address_is_named() -> None:
    with pytest.raises(CommandFailed) as caught:
        targets.addresses(["gateway"], Settings())
    names = ("AGENTS", "BILLING", "ORCHESTRATOR", "TASKS")
    assert " and ".join(f"PIECEWORK_{name}_ADDRESS" for name in names) in caught.value.advice


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
    ],
)
def test_the_address_that_is_shown_can_be_used(host: str, shown: str) -> None:
    assert url(host, 80) == shown


def test_the_address_to_listen_on_stays_what_it_is() -> None:
    assert authority("0.0.0.0", 80, reachable=False) == "0.0.0.0:80"
    assert authority("::", 80, reachable=False) == "[::]:80"
