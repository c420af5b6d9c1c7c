"""The billing service, as newcomers need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.billing.v1 import ledger_pb2 as pb
from piecework.billing.v1 import ledger_pb2_grpc as rpc

from kit.caller import service_caller
from kit.channels import UnknownPeer
from kit.errors import Unavailable
from kit.status import result_of

if TYPE_CHECKING:
    from kit.channels import Channels, Outgoing
    from services.agents.welcome.model import Bonus

_AGENTS = service_caller("agents")
# Whoever makes an operator waits for it: rather let the credits come later.
_TIMEOUT_SECONDS = 3.0


class LedgerPeer:
    """Keeps the accounts of operators.

    Args:
        channels: the way to the billing service.
        outgoing: puts caller and deadline on calls.
    """

    def __init__(self, channels: Channels, outgoing: Outgoing) -> None:
        self._channels = channels
        self._outgoing = outgoing

    async def open_account(self, operator_id: int) -> None:
        """Open the account of an operator, unless it is open."""
        message = pb.OpenAccountRequest(operator_id=operator_id)
        await result_of(self._stub().OpenAccount(message, **self._outgoing(_AGENTS, timeout=_TIMEOUT_SECONDS)))

    async def give(self, bonus: Bonus) -> None:
        """Put a bonus on an account, unless it has been.

        Raises:
            AlreadyExists: something else was given under its id.
        """
        message = pb.DepositRequest(
            transfer_id=bonus.transfer_id,
            operator_id=bonus.operator_id,
            amount_credits=bonus.amount_credits,
            type=pb.ENTRY_TYPE_BONUS,
            description=bonus.description,
        )
        await result_of(self._stub().Deposit(message, **self._outgoing(_AGENTS, timeout=_TIMEOUT_SECONDS)))

    def _stub(self) -> rpc.LedgerServiceAsyncStub:
        try:
            return rpc.LedgerServiceStub(self._channels.get("billing"))
        except UnknownPeer as error:
            raise Unavailable("BILLING_UNKNOWN", "Nobody said where the billing service is") from error
