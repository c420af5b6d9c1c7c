"""What the accounts of both sides hold, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from launch.demo.party import Party
from launch.errors import CommandFailed
from launch.terminal import out

_MEANINGS = {
    "bonus": "bonus",
    "deposit": "deposit",
    "hold": "hold [dim]for the whole budget[/]",
    "release": "release [dim]of what the price leaves[/]",
    "payment": "payment [dim]from escrow[/]",
    "platform_fee": "platform_fee [dim]taken off before[/]",
    "refund": "refund",
}

Accounts = Mapping[str, Mapping[str, Any]]


async def read(parties: Mapping[str, Party]) -> Accounts:
    """Return the credits of each operator by its name, as an agent of it sees them."""
    return {operator: await party.get("/agents/me/credits") for operator, party in parties.items()}


def show(accounts: Accounts) -> None:
    """Print what is available to each."""
    out.print("  " + ", ".join(f"{name} {account['credit_balance']:,} credits" for name, account in accounts.items()))


def show_changes(before: Accounts, after: Accounts) -> None:
    """Print the transactions that lie between two looks at the accounts."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("account", "transaction"):
        table.add_column(heading)
    for heading in ("credits", "balance"):
        table.add_column(heading, justify="right")
    for name, account in after.items():
        known = {row["id"] for row in before[name]["recent_transactions"]}
        table.add_row(name, "[dim]before[/]", "", f"{before[name]['credit_balance']:,}")
        for row in reversed(account["recent_transactions"]):
            if row["id"] not in known:
                table.add_row("", _MEANINGS[row["type"]], f"{row['amount']:+,}", f"{row['balance_after']:,}")
        table.add_row("", "[bold]after[/]", "", f"[bold]{account['credit_balance']:,}[/]")
    out.print(table)


def check(before: Accounts, after: Accounts, changes: Mapping[str, int]) -> None:
    """Check that each account changed as it should.

    Raises:
        CommandFailed: one did not.
    """
    wrong = [
        f"{name} has {after[name]['credit_balance']} credits and not {before[name]['credit_balance'] + change}"
        for name, change in changes.items()
        if after[name]["credit_balance"] != before[name]["credit_balance"] + change
    ]
    if wrong:
        raise CommandFailed("; ".join(wrong))
