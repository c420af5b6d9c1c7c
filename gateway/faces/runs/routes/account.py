"""What an operator has used, and its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from piecework.agents.v1 import identity_pb2
from piecework.billing.v1 import plans_pb2

from gateway.call import Call
from gateway.faces.runs import store_schemas as schemas
from gateway.faces.runs.requests import ApiKeyName, NewApiKey
from gateway.faces.runs.routes.table import Rows
from gateway.routing import Route
from gateway.times import time_text
from kit.caller import ADMIN

_HOUR, _DAY = plans_pb2.QUOTA_WINDOW_HOUR, plans_pb2.QUOTA_WINDOW_DAY
_WEEK, _MONTH = plans_pb2.QUOTA_WINDOW_WEEK, plans_pb2.QUOTA_WINDOW_MONTH


async def get_usage(call: Call) -> schemas.Usage:
    """Tell what the caller's operator has used."""
    use, plan, keys = await asyncio.gather(_usage(call), _plan(call), _keys(call))
    counted = {each.window: each for each in use.counted}
    limits: dict[int, int] = {each.window: each.runs for each in plan.limits}
    used: dict[int, int] = {
        window: counted[window].used if window in counted else 0 for window in (_HOUR, _DAY, _WEEK, _MONTH)
    }
    quota = limits.get(_MONTH, 0)
    end = counted[_MONTH].resets_at if _MONTH in counted else Timestamp()
    return schemas.Usage(
        total_requests=use.total_runs,
        requests_this_month=used[_MONTH],
        requests_this_week=used[_WEEK],
        requests_today=used[_DAY],
        monthly_quota=quota,
        monthly_remaining=max(0, quota - used[_MONTH]),
        period_start=time_text(_begin_of_month(end)),
        period_end=time_text(end),
        plan=plan.id,
        api_keys=[_key_use(key, plan, limits, used) for key in keys],
        usage_history=[schemas.DayCount(each.date, each.runs) for each in use.days],
    )


async def list_keys(call: Call) -> schemas.ApiKeys:
    """List the keys of the caller's operator."""
    plan, keys = await asyncio.gather(_plan(call), _keys(call))
    limits = {each.window: each.runs for each in plan.limits}
    return schemas.ApiKeys(
        [
            schemas.ApiKey(
                key.id,
                _shown(key),
                plan.id.upper(),
                limits.get(_HOUR, 0),
                limits.get(_MONTH, 0),
                time_text(key.created_at),
                _time(key, "last_used_at"),
                _time(key, "revoked_at"),
            )
            for key in keys
        ]
    )


async def create_key(call: Call) -> schemas.MadeKey:
    """Make a key that allows what the caller's own does."""
    caller = call.identity.caller
    scopes = [scope for scope in caller.scopes if scope != ADMIN]
    request = identity_pb2.CreateOperatorKeyRequest(operator_id=caller.operator_id, scopes=scopes)
    made: identity_pb2.CreateOperatorKeyResponse = await call.send(call.peers.identities.CreateOperatorKey, request)
    return schemas.MadeKey("Key created", made.secret, "Save it now.")


async def revoke_key(call: Call) -> schemas.Told:
    """End a key."""
    await call.send(call.peers.identities.RevokeOperatorKey)
    return schemas.Told("Key revoked")


async def _usage(call: Call) -> plans_pb2.ReadUsageResponse:
    return await call.send(call.peers.plans.ReadUsage, plans_pb2.ReadUsageRequest())


async def _plan(call: Call) -> plans_pb2.Plan:
    found: plans_pb2.GetPlanResponse = await call.send(call.peers.plans.GetPlan, plans_pb2.GetPlanRequest())
    return found.plan


async def _keys(call: Call) -> Iterable[identity_pb2.OperatorKey]:
    request = identity_pb2.ListOperatorKeysRequest(operator_id=call.identity.caller.operator_id)
    found: identity_pb2.ListOperatorKeysResponse = await call.send(call.peers.identities.ListOperatorKeys, request)
    return found.keys


def _key_use(
    key: identity_pb2.OperatorKey, plan: plans_pb2.Plan, limits: dict[int, int], used: dict[int, int]
) -> schemas.ApiKeyUse:
    return schemas.ApiKeyUse(
        key.id,
        _shown(key),
        plan.id.upper(),
        time_text(key.created_at),
        _time(key, "last_used_at"),
        _time(key, "revoked_at"),
        limits.get(_HOUR, 0),
        limits.get(_MONTH, 0),
        used[_HOUR],
        used[_DAY],
        used[_WEEK],
        used[_MONTH],
    )


def _shown(key: identity_pb2.OperatorKey) -> str:
    return f"{key.prefix}…{key.ending}"


def _time(key: identity_pb2.OperatorKey, name: str) -> str | None:
    return time_text(getattr(key, name)) if key.HasField(name) else None  # type: ignore[arg-type]


def _begin_of_month(end: Timestamp) -> Timestamp:
    last = end.ToDatetime().replace(day=1)
    begin = Timestamp()
    begin.FromDatetime(
        last.replace(year=last.year - 1, month=12) if last.month == 1 else last.replace(month=last.month - 1)
    )
    return begin


def routes(rows: Rows) -> list[Route]:
    """Return the rows of the account."""
    return [*_reads(rows), *_changes(rows)]


def _reads(rows: Rows) -> list[Route]:
    tag = {"tag": "Usage and keys"}
    return [
        *rows.under_bases(
            "GET",
            "/usage",
            "getUsage",
            "Tell how many runs were counted, and how many the plan allows",
            get_usage,
            answer=schemas.Usage,
            errors=(403, 503),
            **tag,
        ),
        *rows.under_bases(
            "GET",
            "/keys",
            "listKeys",
            "List the operator's keys, newest first",
            list_keys,
            answer=schemas.ApiKeys,
            errors=(403, 503),
            **tag,
        ),
    ]


def _changes(rows: Rows) -> list[Route]:
    tag = {"tag": "Usage and keys"}
    ended = {"answer": schemas.Told, "request": identity_pb2.RevokeOperatorKeyRequest, "errors": (400, 403, 404), **tag}
    return [
        *rows.under_bases(
            "POST",
            "/keys",
            "createKey",
            "Make a key; it is shown this once",
            create_key,
            answer=schemas.MadeKey,
            body=NewApiKey,
            body_required=False,
            errors=(403, 503),
            **tag,
        ),
        *rows.under_bases("DELETE", "/keys/{keyId}", "revokeKey", "End a key, at once", revoke_key, **ended),
        *rows.under_bases(
            "DELETE", "/keys", "revokeNamedKey", "End the key that the body names", revoke_key, body=ApiKeyName, **ended
        ),
    ]
