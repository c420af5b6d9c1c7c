"""The way to the platform that is to be administered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub
from piecework.agents.v1.registry_pb2_grpc import RegistryServiceStub
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub
from piecework.tasks.v1.market_pb2_grpc import MarketServiceStub
from piecework.tasks.v1.queue_pb2_grpc import QueueServiceStub

from kit.caller import ADMIN, OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.channels import CallOptions, Channels, Outgoing, UnknownPeer
from kit.status import from_rpc_error
from launch import places
from launch.choices import choices
from launch.configuration import configured, require
from launch.errors import CommandFailed
from launch.running import find_running

if TYPE_CHECKING:
    from piecework.agents.v1.identity_pb2_grpc import IdentityServiceAsyncStub
    from piecework.agents.v1.registry_pb2_grpc import RegistryServiceAsyncStub
    from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceAsyncStub
    from piecework.billing.v1.plans_pb2_grpc import PlanServiceAsyncStub
    from piecework.tasks.v1.market_pb2_grpc import MarketServiceAsyncStub
    from piecework.tasks.v1.queue_pb2_grpc import QueueServiceAsyncStub

_TIMEOUT_SECONDS = 10.0
_SELF = service_caller("admin")
_OPERATORS = "`piecework admin operators list` shows them all."
_KEYS = "`piecework admin keys list --operator NAME` shows those of an operator."
# What to do about a refusal, by its reason or by the field that is wrong.
_ADVICE: Mapping[str, str] = {
    "AGENT_NOT_FOUND": "`piecework admin agents list --operator NAME` shows those of an operator.",
    "KEY_NOT_FOUND": _KEYS,
    "key_id": _KEYS,
    "TASK_NOT_FOUND": "`piecework admin dispute list` shows the tasks that wait for a decision.",
    "TRANSFER_EXISTS": "It was another amount, or for another operator. Choose another --transfer-id for this one.",
}


class Administration:
    """Stubs of the services, and the options of calls to them.

    Args:
        channels: the way to the services.
        outgoing: signs calls.
    """

    def __init__(self, channels: Channels, outgoing: Outgoing) -> None:
        self.identities: IdentityServiceAsyncStub = IdentityServiceStub(channels.get("agents"))
        self.registry: RegistryServiceAsyncStub = RegistryServiceStub(channels.get("agents"))
        self.queue: QueueServiceAsyncStub = QueueServiceStub(channels.get("tasks"))
        self.market: MarketServiceAsyncStub = MarketServiceStub(channels.get("tasks"))
        self._channels = channels
        self._outgoing = outgoing

    @property
    def ledger(self) -> LedgerServiceAsyncStub:
        """The stub of the ledger.

        Raises:
            CommandFailed: the address of the billing service is not set.
        """
        return LedgerServiceStub(self._peer("billing"))

    @property
    def plans(self) -> PlanServiceAsyncStub:
        """The stub of the plans.

        Raises:
            CommandFailed: the address of the billing service is not set.
        """
        return PlanServiceStub(self._peer("billing"))

    @property
    def options(self) -> CallOptions:
        """The options of a call on behalf of the installation."""
        return self.options_within(_TIMEOUT_SECONDS)

    def options_within(self, seconds: float) -> CallOptions:
        """Return the options of a call on behalf of the installation that may take long."""
        return self._outgoing(_SELF, timeout=seconds)

    def options_for(self, operator_id: int) -> CallOptions:
        """Return the options of a call on behalf of an operator."""
        caller = Caller(kind="operator", operator_id=operator_id, scopes=(*OPERATOR_SCOPES, ADMIN))
        return self._outgoing(caller, timeout=_TIMEOUT_SECONDS)

    def _peer(self, name: str) -> grpc.aio.Channel:
        try:
            return self._channels.get(name)
        except UnknownPeer as error:
            raise CommandFailed(
                f"the address of the service {name} is not known",
                f"Set PIECEWORK_{name.upper()}_ADDRESS, or name a data directory with --data-dir.",
            ) from error

    async def operators(self) -> list[identity.Operator]:
        """Return all operators by id."""
        answer = await self.identities.ListOperators(identity.ListOperatorsRequest(), **self.options)
        return list(answer.operators)

    async def operator(self, name_or_id: str) -> identity.Operator:
        """Return the operator with this name or id.

        Raises:
            CommandFailed: there is none.
        """
        operators = await self.operators()
        for operator in operators:
            if name_or_id in (operator.name, str(operator.id)):
                return operator
        known = choices("Operators", [operator.name for operator in operators], _OPERATORS)
        raise CommandFailed(f"there is no operator {name_or_id}", known)


@asynccontextmanager
async def connected(data_dir: Path | None) -> AsyncIterator[Administration]:
    """Connect to the platform of a data directory, else to that of the settings, else to that of the usual directory.

    Raises:
        CommandFailed: nothing runs there, or a call was refused.
    """
    addresses, key = _locate(data_dir)
    channels = Channels(addresses)
    try:
        yield Administration(channels, Outgoing(CallerSigner(key)))
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            place = ", ".join(sorted({address for address in addresses.values() if address}))
            raise CommandFailed(
                f"the platform at {place} does not answer", "Is it running? Try piecework doctor."
            ) from error
        refusal = from_rpc_error(error)
        said = (refusal.reason, *(violation.field for violation in refusal.violations))
        advice = next((_ADVICE[name] for name in said if name in _ADVICE), "")
        raise CommandFailed(refusal.message, advice) from error
    finally:
        await channels.close()


def _locate(data_dir: Path | None) -> tuple[dict[str, str], str]:
    if data_dir is None:
        settings = configured()
        if settings.agents_address and settings.tasks_address:
            require(settings, "caller_key")
            names = ("agents", "tasks", "billing")
            return {name: getattr(settings, f"{name}_address") for name in names}, settings.caller_key
    directory = places.DataDirectory(places.choose(data_dir))
    platform = find_running(directory)
    secrets = places.read(directory.secrets, places.PlatformSecrets)
    if platform is None or secrets is None:
        raise CommandFailed(
            f"no platform runs on {directory.path}",
            f"Start one with `piecework up --data-dir {directory.path}`, name its directory with --data-dir, or set\n"
            "PIECEWORK_AGENTS_ADDRESS, PIECEWORK_TASKS_ADDRESS and PIECEWORK_CALLER_KEY.",
        )
    return dict.fromkeys(("agents", "tasks", "billing"), platform.grpc), secrets.caller_key
