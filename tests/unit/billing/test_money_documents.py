"""What is stored is read back the same."""

from __future__ import annotations

from services.billing.ledger import documents
from services.billing.ledger.model import Account, Entry, Hold, Posting, Transfer
from tests.unit.billing.bank import START


def test_round_trips() -> None:
    account = Account(1, 2, 3, 4, 5, 6)
    assert documents.to_account({"_id": "operator:1", **documents.account_document(account)}) == account
    for hold in (
        Hold("h", 1, 2, "pending", START, 7, "words", START),
        Hold("h", 1, 2, "released", START, resolved_at=START),
    ):
        assert documents.to_hold(documents.hold_document(hold)) == hold
    entry = Entry("operator:1", 3, "hold", -5, 10, -5, 5, "place:h", START, 7, "words", 2)
    document = documents.entry_document(entry)
    assert document["_id"] == "operator:1:3"
    assert documents.to_entry(document) == entry


def test_a_hold_without_an_end_is_not_in_the_index_of_ends() -> None:
    assert "expires_at" not in documents.hold_document(Hold("h", 1, 2, "pending", START))


def test_a_transfer_has_its_postings() -> None:
    transfer = Transfer("t", "deposit", "f", (Posting("operator:1", "available", 5),), START)
    assert documents.transfer_document(transfer) == {
        "_id": "t",
        "kind": "deposit",
        "fingerprint": "f",
        "postings": [{"account": "operator:1", "balance": "available", "amount": 5}],
        "at": START,
    }
