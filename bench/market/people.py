"""Operators with credits and agents, made over gRPC as `piecework admin` makes them."""

from __future__ import annotations

import secrets

import grpc
import msgspec
from piecework.agents.v1 import identity_pb2, identity_pb2_grpc
from piecework.billing.v1 import ledger_pb2, ledger_pb2_grpc

from bench.product import Platform
from kit.caller import METADATA_KEY, CallerSigner, service_caller

CREDITS = 1_000_000
_TIMEOUT_SECONDS = 60.0


class Operator(msgspec.Struct, frozen=True):
    """An operator and the keys of its agents."""

    id: int
    keys: tuple[str, ...]


def enlist(platform: Platform, operators: int, agents: int) -> list[Operator]:
    """Make operators with a million credits each, and `agents` agents of each."""
    metadata = ((METADATA_KEY, CallerSigner(platform.caller_key).sign(service_caller("bench"))),)
    with grpc.insecure_channel(platform.grpc) as channel:
        identity = identity_pb2_grpc.IdentityServiceStub(channel)
        ledger = ledger_pb2_grpc.LedgerServiceStub(channel)

        def agent(operator_id: int) -> str:
            request = identity_pb2.CreateAgentRequest(operator_id=operator_id, name=f"bench-{secrets.token_hex(8)}")
            return str(identity.CreateAgent(request, metadata=metadata, timeout=_TIMEOUT_SECONDS).secret)

        def operator() -> Operator:
            name = f"bench-{secrets.token_hex(8)}"
            request = identity_pb2.CreateOperatorRequest(name=name)
            made = identity.CreateOperator(request, metadata=metadata, timeout=_TIMEOUT_SECONDS).operator
            deposit = ledger_pb2.DepositRequest(
                transfer_id=name,
                operator_id=made.id,
                amount_credits=CREDITS,
                type=ledger_pb2.ENTRY_TYPE_DEPOSIT,
            )
            ledger.Deposit(deposit, metadata=metadata, timeout=_TIMEOUT_SECONDS)
            return Operator(made.id, tuple(agent(made.id) for _ in range(agents)))

        return [operator() for _ in range(operators)]
