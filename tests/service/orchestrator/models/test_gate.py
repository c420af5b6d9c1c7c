"""The limits of models: of all replicas together, and of each while Redis is away."""

from __future__ import annotations

import asyncio
from typing import cast

import redis.asyncio

from kit import redis as kit_redis
from kit.errors import Unavailable
from kit.ids import new_id
from services.orchestrator.models.gate import ModelGate
from services.orchestrator.models.model import MOCK, ModelSpec
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.orchestrator.models.calls import NewCalls
from tests.service.orchestrator.models.provider import HELLO, Provider, event, stream


def spec(**fields: int) -> ModelSpec:
    return ModelSpec(id=f"test/{new_id()}", provider=MOCK, **fields)  # type: ignore[arg-type]


class Crowd:
    """Many who want a place, and how many had one at the same time."""

    def __init__(self) -> None:
        self.now = self.most = self.served = 0

    async def enter(self, gate: ModelGate, model: ModelSpec, turns: int = 3) -> None:
        async with gate.slot(model):
            self.now += 1
            self.most = max(self.most, self.now)
            for _ in range(turns):
                await asyncio.sleep(0.001)
            self.now -= 1
            self.served += 1


async def test_replicas_share_the_places(redis_client: redis.asyncio.Redis) -> None:
    model, crowd = spec(concurrency=3), Crowd()
    gates = [ModelGate(redis_client) for _ in range(4)]
    await asyncio.gather(*(crowd.enter(gate, model) for gate in gates for _ in range(15)))
    assert crowd.served == 60
    assert crowd.most == 3
    assert await redis_client.zcard(f"piecework:model:{model.id}:places") == 0


async def test_without_redis_each_process_counts_by_itself() -> None:
    model, crowd = spec(concurrency=2), Crowd()
    gate = ModelGate(None)
    await asyncio.gather(*(crowd.enter(gate, model) for _ in range(20)))
    assert (crowd.most, crowd.served) == (2, 20)


async def test_a_model_without_limits_takes_all(redis_client: redis.asyncio.Redis) -> None:
    crowd = Crowd()
    gate = ModelGate(redis_client)
    await asyncio.gather(*(crowd.enter(gate, spec()) for _ in range(50)))
    assert crowd.most == 50


async def test_who_waits_too_long_is_told_to_come_back(redis_client: redis.asyncio.Redis) -> None:
    model = spec(concurrency=1)
    here, there = ModelGate(redis_client, 0.2), ModelGate(redis_client, 0.2)
    async with here.slot(model):
        for gate in (here, there):
            with refused("MODEL_UNAVAILABLE", Unavailable) as caught:
                async with gate.slot(model):
                    raise AssertionError
            assert caught.value.metadata["cause"] == "busy"
            assert caught.value.retry_after_seconds
    async with there.slot(model):
        pass


async def test_a_place_comes_back_whatever_happens_to_its_holder(redis_client: redis.asyncio.Redis) -> None:
    model = spec(concurrency=1)
    here, there = ModelGate(redis_client), ModelGate(redis_client)
    inside = asyncio.Event()

    async def hold() -> None:
        async with here.slot(model):
            inside.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await inside.wait()
    waiting = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in (*waiting, holding):
        task.cancel()
    await asyncio.gather(*waiting, holding, return_exceptions=True)
    async with asyncio.timeout(5), there.slot(model):
        pass


async def test_the_place_of_a_dead_process_is_free_after_a_while(redis_client: redis.asyncio.Redis) -> None:
    model = spec(concurrency=1)
    soon = await _milliseconds(redis_client) + 200
    await redis_client.zadd(f"piecework:model:{model.id}:places", {"of the dead": soon})
    async with asyncio.timeout(10), ModelGate(redis_client).slot(model):
        assert await _milliseconds(redis_client) >= soon


async def _milliseconds(redis_client: redis.asyncio.Redis) -> int:
    seconds, microseconds = await redis_client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


async def test_a_long_call_keeps_its_place(redis_client: redis.asyncio.Redis) -> None:
    model = spec(concurrency=1)
    key = f"piecework:model:{model.id}:places"

    async def until() -> float:
        ((_, score),) = cast("list[tuple[bytes, float]]", await redis_client.zrange(key, 0, -1, withscores=True))
        return score

    async with ModelGate(redis_client, lease_seconds=0.3).slot(model):
        first = await until()
        async with asyncio.timeout(5):
            while await until() < first + 600:  # noqa: ASYNC110 - another task renews it
                await asyncio.sleep(0.05)


async def test_replicas_share_the_calls_of_a_minute(redis_client: redis.asyncio.Redis) -> None:
    model, crowd = spec(requests_per_minute=5), Crowd()
    gates = [ModelGate(redis_client, 0.3) for _ in range(3)]
    outcomes = await asyncio.gather(
        *(crowd.enter(gate, model) for gate in gates for _ in range(4)), return_exceptions=True
    )
    assert crowd.served == 5
    refusals = [outcome for outcome in outcomes if outcome is not None]
    assert [type(each).__name__ for each in refusals] == ["ModelUnavailable"] * 7


async def test_losing_redis_refuses_nobody(new_calls: NewCalls, provider: Provider) -> None:
    client = kit_redis.connect("redis://127.0.0.1:1")
    calls = new_calls(client, concurrency=2, requests_per_minute=1000)
    try:
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(calls.ask() for _ in range(6)))
    finally:
        await client.aclose()
    assert [answer.text for answer in answers] == ["Hello"] * 6
    assert provider.most_at_once <= 2


async def test_a_call_leaves_its_place_while_it_waits_to_try_again(
    new_calls: NewCalls, provider: Provider, redis_client: redis.asyncio.Redis
) -> None:
    calls = new_calls(redis_client, concurrency=1)
    provider.answers = [stream(event("Hel"), event(finish="stop"), hold=provider.released), stream(*HELLO)]
    first = asyncio.create_task(calls.ask())
    await come_true(lambda: bool(provider.under_way))
    second = asyncio.create_task(calls.ask())
    provider.released.set()
    assert {(await first).text, (await second).text} == {"Hel", "Hello"}
    assert provider.most_at_once == 1
