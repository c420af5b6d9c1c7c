"""The targets that a process can host, and whom each of them talks to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import cast

from kit.settings import Settings
from kit.target import Resources, Target
from launch.errors import CommandFailed

SERVICES = ("tasks", "agents", "billing", "orchestrator")
GATEWAY = "gateway"
ALL = (*SERVICES, GATEWAY)

_PEERS: Mapping[str, tuple[str, ...]] = {
    "tasks": ("agents", "billing"),
    "agents": ("tasks", "billing"),
    "orchestrator": ("tasks", "billing", "agents"),
    GATEWAY: ("tasks", "agents", "billing", "orchestrator"),
}


def choose(names: Collection[str]) -> list[str]:
    """Return the targets that `names` mean, in the order in which they start; `all` means every one.

    Raises:
        CommandFailed: there is no such target.
    """
    unknown = [name for name in names if name not in (*ALL, "all")]
    if unknown:
        raise CommandFailed(f"there is no target {unknown[0]}", f"Targets: {', '.join(ALL)}, or all.", status=2)
    return [name for name in ALL if name in names or "all" in names]


def addresses(names: Collection[str], settings: Settings) -> dict[str, str]:
    """Return where the peers are that do not live in this process.

    Raises:
        CommandFailed: a target needs a peer that nobody said the address of.
    """
    needed = {peer for name in names for peer in _PEERS.get(name, ()) if peer not in names}
    missing = sorted(peer for peer in needed if not getattr(settings, f"{peer}_address"))
    if missing:
        raise CommandFailed(
            f"nobody said where {' and '.join(missing)} can be reached",
            "Set "
            + " and ".join(f"PIECEWORK_{peer.upper()}_ADDRESS" for peer in missing)
            + ", or serve them here too.",
        )
    return {peer: getattr(settings, f"{peer}_address") for peer in needed}


def build(name: str, resources: Resources) -> Target:
    """Return the service `name`, ready to be hosted; what is not asked for is not imported."""
    module = import_module(f"services.{name}.app")
    return cast("Callable[[Resources], Target]", module.build)(resources)
