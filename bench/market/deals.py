"""Deals: tasks are posted, claimed, and led from the claim to the payment, one stage after the other."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

import msgspec

from bench.load import Clock, Connection, Series, closed_loop, request
from bench.market.jobs import Deals, post_body

PRICE = 10
_CLAIM = f'{{"proposed_credits":{PRICE}}}'.encode()
_CONTENT = b'{"content":"The table is attached; every figure names the page that it comes from."}'


class _Id(msgspec.Struct):
    id: int


class _Made(msgspec.Struct):
    data: _Id


class _Task(NamedTuple):
    id: int
    side: int  # which poster, and which worker
    claim_id: int = 0


_made: msgspec.json.Decoder[_Made] = msgspec.json.Decoder(_Made)


class _Stages:
    def __init__(self, job: Deals) -> None:
        self._job = job
        self._posted: deque[_Task] = deque()
        self._claimed: deque[_Task] = deque()
        self._next = 0

    async def create(self) -> Series:
        """Post as many tasks as the bounds say, and as the warm-up needs."""
        clock, job = Clock(), self._job
        posts = [request("POST", "/api/v1/tasks", post_body(PRICE).encode(), key) for key in job.posters]

        async def turn(connection: Connection, _: int) -> bool:
            self._next += 1
            side = self._next % len(posts)
            reply = await clock.timed(connection, posts[side])
            self._posted.append(_Task(_number(reply.status, reply.body), side))
            return True

        return clock.series(await closed_loop(job.site, turn, job.bounds, [clock]))

    async def claim(self) -> Series:
        """Claim each task once."""
        clock, job = Clock(), self._job

        async def turn(connection: Connection, _: int) -> bool:
            if not self._posted:
                return False
            task = self._posted.popleft()
            message = request("POST", f"/api/v1/tasks/{task.id}/claims", _CLAIM, job.workers[task.side])
            reply = await clock.timed(connection, message)
            self._claimed.append(task._replace(claim_id=_number(reply.status, reply.body)))
            return True

        return clock.series(await closed_loop(job.site, turn, job.bounds, [clock]))

    async def settle(self) -> dict[str, Series]:
        """Accept each claim, deliver, accept the deliverable; one round is one task paid."""
        clocks = {name: Clock() for name in ("accept", "deliver", "pay", "round")}
        job = self._job

        async def turn(connection: Connection, _: int) -> bool:
            if not self._claimed:
                return False
            task = self._claimed.popleft()
            path, poster, worker = f"/api/v1/tasks/{task.id}", job.posters[task.side], job.workers[task.side]
            begun = time.perf_counter()
            accept = request("POST", f"{path}/claims/{task.claim_id}/accept", b"", poster)
            _check((await clocks["accept"].timed(connection, accept)).status)
            deliver = request("POST", f"{path}/deliverables", _CONTENT, worker)
            reply = await clocks["deliver"].timed(connection, deliver)
            deliverable = _number(reply.status, reply.body)
            pay = request("POST", f"{path}/deliverables/{deliverable}/accept", b"", poster)
            _check((await clocks["pay"].timed(connection, pay)).status)
            clocks["round"].latencies_ms.append((time.perf_counter() - begun) * 1000.0)
            return True

        span = await closed_loop(job.site, turn, job.bounds, list(clocks.values()))
        spent = sum(sum(clocks[name].latencies_ms) for name in ("accept", "deliver", "pay"))
        shares = {name: sum(clocks[name].latencies_ms) / spent for name in ("accept", "deliver", "pay")}
        parts = {name: clocks[name].series(span, share=share) for name, share in shares.items()}
        return {"round": clocks["round"].series(span), **parts}


async def run(job: Deals) -> dict[str, Series]:
    """Run the stages; the share of time that the rounds spent in each of their requests makes its rate.

    Returns:
        Series `create`, `claim`, `round`, `accept`, `deliver`, `pay`.

    Raises:
        RuntimeError: a request was refused.
    """
    stages = _Stages(job)
    return {"create": await stages.create(), "claim": await stages.claim(), **await stages.settle()}


def _number(status: int, body: bytes) -> int:
    _check(status, body)
    return _made.decode(body).data.id


def _check(status: int, body: bytes = b"") -> None:
    if status not in (200, 201):
        raise RuntimeError(f"the market answered {status}: {body[:300]!r}")
