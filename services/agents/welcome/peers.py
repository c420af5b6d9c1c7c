"""The billing service, as newcomers need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.billing.v1 import ledger_pb2 as pb
from piecework.billing.v1 import ledger_pb2_grpc as rpc

from kit.caller import service_caller
from kit.peer import Peer
from kit.status import result_of

if TYPE_CHECKING:
    from services.agents.welcome.model import Bonus


class LedgerPeer(Peer):
    """Keeps the accounts of operators."""

    service = "billing"
    caller = service_caller("agents")
    # Whoever makes an operator waits for it: rather let the credits come later.
    timeout_seconds = 3.0

    async def open_account(self, operator_id: int) -> None:
        """Open the account of an operator, unless it is open."""
        message = pb.OpenAccountRequest(operator_id=operator_id)
        await result_of(self._stub().OpenAccount(message, **self.options))

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
        await result_of(self._stub().Deposit(message, **self.options))

    def _stub(self) -> rpc.LedgerServiceAsyncStub:
        return rpc.LedgerServiceStub(self.channel)
