"""Items as documents: what a write sets and removes."""

from __future__ import annotations

from datetime import timedelta

from services.tasks.work.documents import to_document, to_item, to_update
from services.tasks.work.model import COMPLETED, FAILED
from services.tasks.work.steps import Claim, Ending, amend, delete, end, extend, hand_out
from tests.unit.tasks.items import NOW, make_item


def test_an_item_comes_back_as_it_was_stored() -> None:
    item = hand_out(make_item(batch="b", dedupe="d", kind="k"), "a", NOW, seat=True).after
    document = to_document(item, "operator:1")
    assert to_item({key: value for key, value in document.items() if key != "change"}) == item
    assert document["lease"]["expires_at"] == NOW + timedelta(minutes=1)


def test_a_new_document_leaves_out_what_is_not_there() -> None:
    document = to_document(make_item(queue="agent:7"), "operator:1")
    # A unique index with a partial filter must not see fields that are null.
    assert document.keys().isdisjoint({"lease", "batch", "dedupe", "idempotency", "ended_at", "attempts"})
    assert (document["version"], document["token"]) == (1, 0)
    change = document["change"]
    assert (change["type"], change["stream"], change["actor"]) == ("task.created", "agent:7", "operator:1")
    assert change["id"] == f"{document['_id']}:1"


def test_a_write_names_only_what_changed() -> None:
    leased = hand_out(make_item(queue="agent:7"), "a", NOW, seat=False)
    update = to_update(leased)
    assert set(update) == {"$set", "$inc"}
    assert set(update["$set"]) == {"state", "intended_version", "token", "lease", "attempts", "change"}
    assert (update["$inc"], update["$set"]["intended_version"]) == ({"version": 1}, 2)
    longer = extend(leased.after, Claim(), timedelta(minutes=1), NOW)
    assert set(to_update(longer)["$set"]) == {"intended_version", "lease", "attempts", "change"}
    titled = amend(make_item(queue="agent:7"), {"payload": {"a": 2}}, "operator:1", NOW)
    assert set(to_update(titled)["$set"]) == {"payload", "intended_version", "change"}


def test_what_happens_on_a_pool_is_no_event() -> None:
    item = make_item(queue="pool:llm.7")
    assert "change" not in to_document(item, "service:orchestrator")
    leased = hand_out(item, "a", NOW, seat=False)
    assert set(to_update(leased)["$set"]) == {"state", "intended_version", "token", "lease", "attempts"}


def test_what_ends_removes_its_lease() -> None:
    leased = hand_out(make_item(queue="agent:7"), "a", NOW, seat=True).after
    done = end(leased, Claim(), Ending(COMPLETED, "r"), NOW)
    assert done is not None
    assert to_update(done)["$unset"] == {"lease": ""}
    assert to_update(done)["$set"]["change"]["type"] == "task.completed"


def test_what_failed_or_is_deleted_gives_up_its_key_even_one_it_did_not_know_of() -> None:
    leased = hand_out(make_item(max_attempts=1), "a", NOW, seat=True).after
    failed = end(leased, Claim(), Ending(FAILED, "r"), NOW)
    assert failed is not None
    assert "dedupe" in to_update(failed)["$unset"]
    gone = to_update(delete(make_item(idempotency="i"), "operator:1", NOW))["$unset"]
    assert gone.keys() >= {"dedupe", "idempotency"}
