"""`piecework admin credits`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.billing.v1 import ledger_pb2 as ledger

from kit.ids import new_id
from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import show_one
from launch.errors import CommandFailed

app = typer.Typer(help="Credits: one is one US cent.", no_args_is_help=True)
_VERIFY_SECONDS = 300.0


def _row(account: ledger.Account, operator: str) -> dict[str, Any]:
    return {
        "operator": operator,
        "operator_id": account.operator_id,
        "available": account.available_credits,
        "held": account.held_credits,
        "deposited": account.deposited_credits,
        "spent": account.spent_credits,
    }


@app.command("grant")
def grant(
    credits: Annotated[int, typer.Argument(min=1, max=10**12, help="How many.")],  # noqa: A002 - what people read
    operator: Owner,
    description: Annotated[str, typer.Option(help="What the operator reads in its history.")] = "Granted",
    transfer_id: Annotated[
        str | None, typer.Option(help="Names this grant: the same command again grants nothing.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put credits on the account of an operator."""
    # An empty one, as of a variable that is not set, is refused: the command would grant each time that it is repeated.
    transfer = f"grant:{new_id()}" if transfer_id is None else transfer_id

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = ledger.DepositRequest(
            transfer_id=transfer,
            operator_id=owner.id,
            amount_credits=credits,
            type=ledger.ENTRY_TYPE_DEPOSIT,
            description=description,
        )
        answer = await platform.ledger.Deposit(request, **platform.options)
        return {**_row(answer.account, owner.name), "transfer_id": transfer}

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("balance")
def balance(operator: Owner, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Show the account of an operator."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = ledger.GetAccountRequest(operator_id=owner.id)
        answer = await platform.ledger.GetAccount(request, **platform.options)
        return _row(answer.account, owner.name)

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("verify")
def verify(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Compute every balance again from the journal and compare; fails when the books are wrong."""

    async def work(platform: Administration) -> ledger.VerifyResponse:
        return await platform.ledger.Verify(ledger.VerifyRequest(), **platform.options_within(_VERIFY_SECONDS))

    found = call(data_dir, work)
    row = {
        "ok": found.ok,
        "transfers": found.transfers,
        "accounts": found.accounts,
        "pending_holds": found.pending_holds,
        "postings_sum": found.postings_sum,
        "fees": found.fees_credits,
        "problems": list(found.problems),
    }
    show_one(row, as_json=wants_json(as_json=as_json))
    if not found.ok:
        raise CommandFailed("the books are wrong", "\n".join(found.problems))
