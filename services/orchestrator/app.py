"""Builds the service `orchestrator`, which has no features yet."""

from __future__ import annotations

from typing import Any

from kit.host import Registration
from kit.target import Resources, Target


def build(resources: Resources) -> Target:  # noqa: ARG001 - every service is built alike
    """Return the service, ready to be hosted: its health answers under `piecework.orchestrator`."""

    def register(_server: Any) -> None:
        # Without methods there is nothing to add; the host still answers for the health of the name below.
        return

    async def nothing() -> None:
        return

    return Target(
        name="orchestrator",
        registrations=[Registration(register, ["piecework.orchestrator"])],
        idempotent_methods=frozenset(),
        start=nothing,
        stop=nothing,
    )
