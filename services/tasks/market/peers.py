"""Other services, as the market needs them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from piecework.agents.v1 import registry_pb2, registry_pb2_grpc
from piecework.billing.v1 import ledger_pb2 as pb
from piecework.billing.v1 import ledger_pb2_grpc as rpc

from kit.caller import service_caller
from kit.peer import Peer
from kit.status import result_of
from services.tasks.market.model import ADJUST, HOLD, RELEASE

if TYPE_CHECKING:
    from kit.channels import Channels, Outgoing
    from services.tasks.market.model import MarketTask, MoneyIntent

# Shorter than the age at which the reconciler takes an intent up, so that no two calls of one intent overlap.
LEDGER_TIMEOUT_SECONDS = 5.0
_TASKS = service_caller("tasks")
_NAME_SECONDS = 60.0
_MAX_NAMES = 10_000


class BillingPeer(Peer):
    """Moves money."""

    service = "billing"
    caller = _TASKS
    timeout_seconds = LEDGER_TIMEOUT_SECONDS

    async def carry_out(self, task: MarketTask, intent: MoneyIntent) -> None:
        """Do what an intent says; doing it again changes nothing.

        Raises:
            WrongState: INSUFFICIENT_CREDITS.
            Unavailable: it is not known whether it was done.
        """
        stub, options = self._stub(), self.options
        if intent.step == HOLD:
            await result_of(stub.PlaceHold(_place(task, intent), **options))
        elif intent.step == ADJUST:
            await result_of(stub.AdjustHold(_adjust(task, intent), **options))
        elif intent.step == RELEASE:
            await self.release(task, intent.description)
        else:
            await result_of(stub.SettleHold(_settle(task, intent), **options))

    async def release(self, task: MarketTask, description: str) -> None:
        """Give back what is held for a task."""
        request = pb.ReleaseHoldRequest(hold_id=task.hold_id, description=description)
        await result_of(self._stub().ReleaseHold(request, **self.options))

    async def available(self, operator_id: int) -> int:
        """Return what an operator can spend."""
        request = pb.GetAccountRequest(operator_id=operator_id)
        return (await result_of(self._stub().GetAccount(request, **self.options))).account.available_credits

    def _stub(self) -> rpc.LedgerServiceAsyncStub:
        return rpc.LedgerServiceStub(self.channel)


class AgentsPeer(Peer):
    """Knows the names of operators, and remembers them for a minute.

    Args:
        channels: the way to the agents service.
        outgoing: puts caller and deadline on calls.
    """

    service = "agents"
    caller = _TASKS

    def __init__(self, channels: Channels, outgoing: Outgoing) -> None:
        super().__init__(channels, outgoing)
        self._names: dict[int, tuple[str, float]] = {}

    async def operator_name(self, operator_id: int) -> str:
        """Return the name of an operator.

        Raises:
            NotFound: OPERATOR_NOT_FOUND.
        """
        known = self._names.get(operator_id)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        stub = registry_pb2_grpc.RegistryServiceStub(self.channel)
        request = registry_pb2.GetOperatorRequest(operator_id=operator_id)
        name: str = (await result_of(stub.GetOperator(request, **self.options))).operator.name
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        self._names[operator_id] = (name, time.monotonic() + _NAME_SECONDS)
        return name


def _place(task: MarketTask, intent: MoneyIntent) -> pb.PlaceHoldRequest:
    return pb.PlaceHoldRequest(
        hold_id=task.hold_id,
        operator_id=task.poster_id,
        amount_credits=intent.amount,
        reference_id=task.id,
        description=intent.description,
    )


def _adjust(task: MarketTask, intent: MoneyIntent) -> pb.AdjustHoldRequest:
    return pb.AdjustHoldRequest(
        hold_id=task.hold_id,
        transfer_id=intent.transfer_id,
        amount_credits=intent.amount,
        description=intent.description,
    )


def _settle(task: MarketTask, intent: MoneyIntent) -> pb.SettleHoldRequest:
    legs = [
        pb.Leg(operator_id=leg.operator_id, amount_credits=leg.amount, description=leg.description)
        for leg in intent.legs
    ]
    return pb.SettleHoldRequest(hold_id=task.hold_id, legs=legs, description=intent.description)
