"""A ledger in memory: keeps what the books say is to be written."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from kit.errors import DomainError
from services.billing.ledger import commands
from services.billing.ledger.books import Books
from services.billing.ledger.model import Account, Entry, Hold, Transfer, account_of

START = datetime(2026, 1, 1, tzinfo=UTC)

Outcome = Account | Hold | str


class Bank:
    """Everything that was ever written."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.platform: dict[str, int] = defaultdict(int)
        self.holds: dict[str, Hold] = {}
        self.transfers: dict[str, Transfer] = {}
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.now = START

    def do(self, *batch: commands.Command, stripe: int = 0) -> list[Outcome]:
        """Apply commands in one batch; a refusal is its reason."""
        books = Books(
            self.accounts.values(),
            self.holds.values(),
            {each.id: each.fingerprint for each in self.transfers.values()},
            stripe,
            self.now,
        )
        outcomes = [_outcome(books, command) for command in batch]
        changes = books.changes
        self.accounts |= changes.accounts
        self.holds |= changes.holds
        for account, more in changes.platform.items():
            self.platform[account] += more
        for transfer in changes.transfers:
            assert transfer.id not in self.transfers
            self.transfers[transfer.id] = transfer
        for entry in changes.entries:
            self.entries[entry.account].append(entry)
        self.now += timedelta(seconds=1)
        return outcomes

    def one(self, command: commands.Command) -> Outcome:
        """Apply one command."""
        return self.do(command)[0]

    def balances(self, operator_id: int) -> tuple[int, int]:
        account = self.accounts.get(operator_id) or Account(operator_id)
        return account.available, account.held

    def check(self) -> None:
        """Check every invariant."""
        journal: dict[tuple[str, str], int] = defaultdict(int)
        for transfer in self.transfers.values():
            assert sum(posting.amount for posting in transfer.postings) == 0, transfer
            for posting in transfer.postings:
                journal[posting.account, posting.balance] += posting.amount
        for operator_id, account in self.accounts.items():
            self._check_account(operator_id, account, journal)
        for stripe, balance in self.platform.items():
            assert balance == journal[stripe, "available"], stripe
            assert balance >= 0 or stripe.startswith("platform:issuance:")
        for hold in self.holds.values():
            ends = [f"{end}:{hold.id}" in self.transfers for end in ("settle", "release")]
            assert sum(ends) == (not hold.is_pending), hold

    def _check_account(self, operator_id: int, account: Account, journal: dict[tuple[str, str], int]) -> None:
        name = account_of(operator_id)
        assert account.available >= 0, account
        assert account.held >= 0, account
        assert (account.available, account.held) == (journal[name, "available"], journal[name, "held"])
        pending = sum(
            hold.amount for hold in self.holds.values() if hold.operator_id == operator_id and hold.is_pending
        )
        assert account.held == pending
        history = self.entries[name]
        assert [entry.seq for entry in history] == list(range(1, account.seq + 1))
        balance = 0
        for entry in history:
            balance += entry.available_delta
            assert entry.balance_after == balance
        assert account.available == balance
        assert account.held == sum(entry.held_delta for entry in history)
        assert account.deposited == sum(entry.amount for entry in history if entry.type in ("deposit", "bonus"))


def _outcome(books: Books, command: commands.Command) -> Outcome:
    try:
        return books.apply(command)
    except DomainError as refusal:
        return refusal.reason
