"""Accounts, holds, transfers and entries as MongoDB keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from services.billing.ledger.model import Account, Entry, Hold, Transfer, account_of

ACCOUNTS, HOLDS = "ledger_accounts", "ledger_holds"
TRANSFERS, ENTRIES = "ledger_transfers", "ledger_entries"

Document = dict[str, Any]
_NATIVE = (datetime,)


def account_document(account: Account) -> Document:
    """Return the fields of an operator's account, without its id."""
    return _fields(account)


def to_account(document: Document) -> Account:
    """Return an operator's account."""
    return msgspec.convert({field: document[field] for field in Account.__struct_fields__}, Account)


def hold_document(hold: Hold) -> Document:
    """Return the document of a hold. Times that are not set are left out, so that they are not in the index."""
    document = {field: value for field, value in _fields(hold).items() if value is not None}
    return {"_id": document.pop("id"), **document}


def to_hold(document: Document) -> Hold:
    """Return a hold."""
    return msgspec.convert({**document, "id": document["_id"]}, Hold)


def transfer_document(transfer: Transfer) -> Document:
    """Return the document of a transfer."""
    document = _fields(transfer)
    return {"_id": document.pop("id"), **document, "postings": [_fields(each) for each in transfer.postings]}


def entry_document(entry: Entry) -> Document:
    """Return the document of a line of a history."""
    return {"_id": f"{entry.account}:{entry.seq}", **_fields(entry)}


def to_entry(document: Document) -> Entry:
    """Return a line of a history."""
    return msgspec.convert(document, Entry)


def account_ids(operator_ids: set[int]) -> list[str]:
    """Return the ids of operators' accounts, in an order that does not depend on the process."""
    return [account_of(each) for each in sorted(operator_ids)]


def _fields(struct: msgspec.Struct) -> Document:
    fields: Document = msgspec.to_builtins(struct, builtin_types=_NATIVE)
    return fields
