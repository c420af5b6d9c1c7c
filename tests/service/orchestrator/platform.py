"""Hosts `orchestrator` beside the real `tasks`, `agents` and `billing`, and runs prompts as operators."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from piecework.billing.v1 import ledger_pb2, plans_pb2, plans_pb2_grpc
from piecework.orchestrator.v1 import (
    files_pb2,
    files_pb2_grpc,
    models_pb2_grpc,
    runs_pb2_grpc,
    threads_pb2_grpc,
)
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import OPERATOR_SCOPES, Caller
from kit.target import Target
from services.orchestrator import app as orchestrator_app
from services.orchestrator.app import OrchestratorApp
from services.orchestrator.runs.loops import Caretaker
from services.orchestrator.runs.model import Run
from tests.conditions import come_true
from tests.service.orchestrator.faults import Storm, StormyChannels, StormyStore
from tests.service.tasks.market.platform import TESTS, MarketPlatform

_NEVER = 1e6
SEED = int(os.environ.get("PIECEWORK_TEST_SEED", "1"))
OVER = (pb.RUN_STATUS_COMPLETED, pb.RUN_STATUS_FAILED, pb.RUN_STATUS_CANCELED)


class RunsPlatform(MarketPlatform):
    """One replica of the services, and hands to run prompts with."""

    orchestrator: Any = None
    threads: Any = None
    files: Any = None
    models: Any = None
    plans: Any = None

    def build_targets(self) -> list[Target]:
        tasks, *others = super().build_targets()
        self.storm = Storm()
        self._stormy = StormyChannels(self.storm)
        self._orchestrator_target = orchestrator_app.build(dataclasses.replace(self.resources, channels=self._stormy))
        keyed = tasks.idempotent_methods | self._orchestrator_target.idempotent_methods
        targets = [dataclasses.replace(tasks, idempotent_methods=keyed), *others, self._orchestrator_target]
        runs = self.runs_app.runs
        runs.store.__class__ = StormyStore
        cast(StormyStore, runs.store).storm = self.storm
        # The loop looks when tests say so.
        runs.caretaker = Caretaker(
            runs.store, runs.access, runs.chores, runs.remote, runs.stops, self.clock, tick_seconds=_NEVER
        )
        return targets

    async def start(self) -> None:
        self._stormy.lead_to(self.host)
        await super().start()
        channel = self._channels.get("orchestrator")
        self.orchestrator = runs_pb2_grpc.RunServiceStub(channel)
        self.threads = threads_pb2_grpc.ThreadServiceStub(channel)
        self.files = files_pb2_grpc.FileServiceStub(channel)
        self.models = models_pb2_grpc.ModelServiceStub(channel)
        self.plans = plans_pb2_grpc.PlanServiceStub(self._channels.get("agents"))

    @property
    def runs_app(self) -> OrchestratorApp:
        answer: OrchestratorApp = self._orchestrator_target.start.__self__  # type: ignore[attr-defined]
        return answer

    async def customer(self, plan: str = "super", credits: int = 10_000) -> Caller:  # noqa: A002 - what they are called
        """Return a new operator with a plan whose windows allow any number of runs."""
        number = await self.operator(credits)
        limits = [
            plans_pb2.QuotaLimit(window=window, runs=1_000_000)
            for window in (plans_pb2.QUOTA_WINDOW_HOUR, plans_pb2.QUOTA_WINDOW_WEEK, plans_pb2.QUOTA_WINDOW_MONTH)
        ]
        await self.set_plan(number, plan, limits)
        return Caller(kind="operator", operator_id=number, scopes=OPERATOR_SCOPES)

    async def set_plan(self, operator_id: int, plan: str, limits: Any = ()) -> None:
        request = plans_pb2.SetPlanRequest(operator_id=operator_id, plan_id=plan, limits=limits)
        await self.call(self.plans.SetPlan, request, TESTS)

    async def start_run(
        self, caller: Caller, prompt: str = "What is rain?", key: str | None = None, **fields: Any
    ) -> pb.Run:
        request = pb.StartRunRequest(prompt=prompt, **fields)
        answer: pb.Run = (await self.call(self.orchestrator.StartRun, request, caller, key=key)).run
        return answer

    async def add_file(self, caller: Caller, name: str, content: bytes) -> str:
        """Upload a file and return its id."""

        async def parts() -> AsyncIterator[files_pb2.UploadFileRequest]:
            yield files_pb2.UploadFileRequest(file=files_pb2.NewFile(filename=name))
            yield files_pb2.UploadFileRequest(chunk=content)

        answer: files_pb2.UploadFileResponse = await self.call(self.files.UploadFile, parts(), caller)
        return answer.file.id

    async def get_run(self, caller: Caller, run_id: str) -> pb.Run:
        request = pb.GetRunRequest(run_id=run_id)
        answer: pb.Run = (await self.call(self.orchestrator.GetRun, request, caller)).run
        return answer

    async def cancel_run(self, caller: Caller, run_id: str) -> pb.Run:
        request = pb.CancelRunRequest(run_id=run_id)
        answer: pb.Run = (await self.call(self.orchestrator.CancelRun, request, caller)).run
        return answer

    async def answer(self, caller: Caller, run_id: str, *, approved: bool = True, text: str = "") -> pb.Run:
        request = pb.AnswerApprovalRequest(run_id=run_id, approved=approved, result=text)
        answer: pb.Run = (await self.call(self.orchestrator.AnswerApproval, request, caller)).run
        return answer

    async def run(self, caller: Caller, prompt: str = "What is rain?", **fields: Any) -> pb.Run:
        """Run a prompt to its end."""
        return await self.ended(caller, (await self.start_run(caller, prompt, **fields)).id)

    async def patiently(self, caller: Caller, run_id: str) -> pb.Run:
        """Let time pass until a run is over, but none while steps are under way, and return it."""
        ending = asyncio.ensure_future(self.ended(caller, run_id))
        while not ending.done():
            # Leases are renewed by the time of the machine: under a clock that hurries they would run out.
            if await self.is_idle():
                self.pass_time(seconds=1)
            await asyncio.wait({ending}, timeout=0.05)
        return ending.result()

    async def ended(self, caller: Caller, run_id: str) -> pb.Run:
        """Wait until a run is over, and return it."""
        async for message in self.watch(caller, run_id):
            if message.run.status in OVER:
                break
        return await self.get_run(caller, run_id)

    async def until(self, caller: Caller, run_id: str, met: Callable[[pb.Run], bool]) -> pb.Run:
        """Wait until a run is as wanted, and return it."""
        async for message in self.watch(caller, run_id):
            if message.HasField("run") and met(message.run):
                return message.run
        raise AssertionError("the run is over and was never so")

    async def watch(self, caller: Caller, run_id: str, after: int | None = None) -> AsyncIterator[pb.WatchRunResponse]:
        request = pb.WatchRunRequest(run_id=run_id, after_seq=after)
        options = self.outgoing(caller, timeout=60)
        call = self.orchestrator.WatchRun(request, **options)
        async for message in call:
            yield message

    async def watched(self, caller: Caller, run_id: str, after: int | None = None) -> list[pb.WatchRunResponse]:
        """Return all that is told of a run until it is over."""
        return [message async for message in self.watch(caller, run_id, after)]

    async def stored_run(self, run_id: str) -> Run:
        """Return a run as it is stored."""
        run = await self.runs_app.runs.store.find(run_id)
        assert run is not None
        return run

    async def settled(self, run_id: str) -> Run:
        """Wait until ledger and thread have heard of the end of a run, and return it."""

        async def is_settled() -> bool:
            run = await self.stored_run(run_id)
            return run.settled and run.told

        await come_true(is_settled)
        return await self.stored_run(run_id)

    async def is_idle(self) -> bool:
        """Tell whether no step is being worked on here."""
        return not self.runs_app.runs.worker.busy

    async def run_hold(self, run_id: str) -> ledger_pb2.Hold:
        request = ledger_pb2.GetHoldRequest(hold_id=f"run:{run_id.removeprefix('task_')}")
        answer: ledger_pb2.Hold = (await self.call(self.ledger.GetHold, request, TESTS)).hold
        return answer

    async def care(self, **length: float) -> int:
        """Let time pass, and look after the runs."""
        if length:
            self.pass_time(**length)
        return await self.runs_app.runs.caretaker.tick()
