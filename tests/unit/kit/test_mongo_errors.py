"""Which errors of MongoDB mean that it cannot be reached, and which index a write error names."""

from __future__ import annotations

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from kit.mongo import duplicate_index, is_outage

REFUSED = {"index": 1, "code": 11000, "errmsg": "E11000 duplicate key error collection: d.c index: by_name dup key: {}"}
UNCONFIRMED = {"code": 91, "errmsg": "Replication is being shut down"}


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        NotPrimaryError("not primary"),
        ServerSelectionTimeoutError("no primary"),
        WaitQueueTimeoutError("pool"),
        WriteConcernError("shutdown", 91),
        OperationFailure("shutting down", 11600, {"errorLabels": ["RetryableWriteError"]}),
        OperationFailure("too slow", 50, {}),
        BulkWriteError({"writeErrors": [], "writeConcernErrors": [UNCONFIRMED]}),
        BulkWriteError({"writeErrors": [REFUSED], "writeConcernErrors": [UNCONFIRMED]}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage_is_recognised(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("duplicate", 11000, REFUSED),
        OperationFailure("bad query", 2, {}),
        BulkWriteError({"writeErrors": [REFUSED], "writeConcernErrors": []}),
        ValueError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_not_outages(error: Exception) -> None:
    assert not is_outage(error)


def test_the_index_of_a_duplicate_is_named() -> None:
    assert duplicate_index(DuplicateKeyError("duplicate", 11000, REFUSED)) == "by_name"
    assert duplicate_index(REFUSED) == "by_name"
    assert duplicate_index({"code": 121, "errmsg": "index: by_name dup key"}) is None
    assert duplicate_index({"code": 11000, "errmsg": "words of another server"}) == ""
