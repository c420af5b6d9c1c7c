"""The gRPC face of the ledger: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.billing.v1 import ledger_pb2 as pb
from piecework.billing.v1 import ledger_pb2_grpc

from kit.interceptors.caller import current_caller
from kit.pages import clamp_limit
from services.billing.ledger import commands as do
from services.billing.ledger import convert
from services.billing.ledger.service import LedgerService, readable_operator

Context = Any  # grpc.aio.ServicerContext, which nothing here needs

_PAGE, _LARGEST_PAGE = 20, 100


class LedgerHandlers(ledger_pb2_grpc.LedgerServiceServicer):
    """Serves `piecework.billing.v1.LedgerService`."""

    def __init__(self, service: LedgerService) -> None:
        self._service = service

    async def OpenAccount(self, request: pb.OpenAccountRequest, _: Context) -> pb.OpenAccountResponse:
        """Open an account."""
        account = await self._service.open_account(current_caller(), do.OpenAccount(request.operator_id))
        return pb.OpenAccountResponse(account=convert.account_to_proto(account))

    async def Deposit(self, request: pb.DepositRequest, _: Context) -> pb.DepositResponse:
        """Put credits on an account."""
        account = await self._service.deposit(current_caller(), convert.from_deposit(request))
        return pb.DepositResponse(account=convert.account_to_proto(account))

    async def PlaceHold(self, request: pb.PlaceHoldRequest, _: Context) -> pb.PlaceHoldResponse:
        """Set credits aside."""
        hold = await self._service.change_hold(current_caller(), convert.from_place(request))
        return pb.PlaceHoldResponse(hold=convert.hold_to_proto(hold))

    async def AdjustHold(self, request: pb.AdjustHoldRequest, _: Context) -> pb.AdjustHoldResponse:
        """Change what is set aside."""
        hold = await self._service.change_hold(current_caller(), convert.from_adjust(request))
        return pb.AdjustHoldResponse(hold=convert.hold_to_proto(hold))

    async def SettleHold(self, request: pb.SettleHoldRequest, _: Context) -> pb.SettleHoldResponse:
        """Pay."""
        hold = await self._service.change_hold(current_caller(), convert.from_settle(request))
        return pb.SettleHoldResponse(hold=convert.hold_to_proto(hold))

    async def ReleaseHold(self, request: pb.ReleaseHoldRequest, _: Context) -> pb.ReleaseHoldResponse:
        """Give back."""
        hold = await self._service.change_hold(current_caller(), convert.from_release(request))
        return pb.ReleaseHoldResponse(hold=convert.hold_to_proto(hold))

    async def GetHold(self, request: pb.GetHoldRequest, _: Context) -> pb.GetHoldResponse:
        """Read a hold."""
        hold = await self._service.hold(current_caller(), request.hold_id)
        return pb.GetHoldResponse(hold=convert.hold_to_proto(hold))

    async def GetAccount(self, request: pb.GetAccountRequest, _: Context) -> pb.GetAccountResponse:
        """Read an account."""
        account = await self._service.account(current_caller(), request.operator_id)
        return pb.GetAccountResponse(account=convert.account_to_proto(account))

    async def ListEntries(self, request: pb.ListEntriesRequest, _: Context) -> pb.ListEntriesResponse:
        """Read a page of a history."""
        caller = current_caller()
        operator_id = readable_operator(caller, request.operator_id)
        limit = clamp_limit(request.limit or None, default=_PAGE, largest=_LARGEST_PAGE)
        before = convert.from_cursor(request.cursor, operator_id)
        # One more than is shown tells whether there is another page.
        found = await self._service.entries(caller, operator_id, before, limit + 1)
        return pb.ListEntriesResponse(
            entries=[convert.entry_to_proto(entry) for entry in found[:limit]],
            cursor=convert.to_cursor(found[limit - 1]) if len(found) > limit else "",
        )

    async def Verify(self, request: pb.VerifyRequest, _: Context) -> pb.VerifyResponse:
        """Check the books."""
        return convert.report_to_proto(await self._service.verify(current_caller()))
