"""How a run begins: counted, held, told to its thread, and only then seen; or undone as if it had never been asked for.

The document comes first and knows what was begun for it, so that a crash anywhere leaves something to finish: who asks
again with the same key goes on, and what nobody asks for again is undone by a loop.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kit.caller import WRITE, Caller
from kit.errors import DomainError, Unavailable
from kit.ids import new_id
from services.orchestrator.access import operator_of
from services.orchestrator.runs.blueprint import MAX_PRIORITY, Blueprint, plan_steps
from services.orchestrator.runs.errors import (
    attachments_not_found,
    busy,
    insufficient_credits,
    model_not_in_plan,
    options_invalid,
    role_unknown,
)
from services.orchestrator.runs.flow import advance
from services.orchestrator.runs.model import ABANDONED, CREATING, PROCESSING, Run, RunEvent
from services.orchestrator.runs.roles import DEFAULT_AGENTS, ROLES
from services.orchestrator.runs.service.access import actor_of

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.chores import Chores
    from services.orchestrator.runs.service.ports import Agents, Files, Ledger, Models, Plan, Threads
    from services.orchestrator.runs.store.runs import RunStore

MOCK_MODEL = "piecework/mock"
_DEFAULT_BUDGETS = {"free": 50, "pro": 100}
_LARGEST_DEFAULT_BUDGET = 250
_WEIGHTS = {"free": 1, "pro": 2}
_LARGEST_WEIGHT = 4


class Attachment(msgspec.Struct, frozen=True):
    """A file that comes with the request."""

    filename: str
    mime_type: str
    content: bytes


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; see the message `StartRunRequest`."""

    prompt: str
    model_id: str = ""
    agent_count: int = 0
    quick: bool = False
    mock: bool = False
    silent: bool = False
    budget: int = 0
    role_models: dict[str, str] = {}
    agent_ids: tuple[int, ...] = ()
    file_ids: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    attachment_ids: tuple[str, ...] = ()
    thread_id: int = 0
    options_json: str = ""


class Options(msgspec.Struct, frozen=True):
    """What the engine reads of a client's options; all others are only kept.

    Attributes:
        priority: from 0 to 9; a run goes before others of its operator that are up to so many minutes older.
        approve_tools: tools that may only be used when the operator says so.
    """

    priority: int = 0
    approve_tools: tuple[str, ...] = ()


class StartService:
    """Begins runs.

    Args:
        access: reads and changes runs.
        store: runs.
        chores: puts steps on queues, and undoes what was begun.
        models: knows models.
        ledger: holds money and counts runs.
        agents: knows registered agents.
        threads: conversations.
        files: knows files.
        clock: the time.
    """

    def __init__(
        self,
        access: RunAccess,
        store: RunStore,
        chores: Chores,
        models: Models,
        ledger: Ledger,
        agents: Agents,
        threads: Threads,
        files: Files,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._chores = chores
        self._models = models
        self._ledger = ledger
        self._agents = agents
        self._threads = threads
        self._files = files
        self._clock = clock

    async def start(self, caller: Caller, new: NewRun, key: str | None) -> Run:
        """Begin a run; with an idempotency `key`, at most one for that key.

        Raises:
            Exhausted: QUOTA_EXCEEDED.
            PermissionDenied: MODEL_NOT_IN_PLAN.
            InvalidInput: MODEL_UNKNOWN, ATTACHMENTS_NOT_FOUND, and why an attachment cannot be stored.
            NotFound: THREAD_NOT_FOUND, FILE_NOT_FOUND, AGENT_NOT_FOUND.
            WrongState: INSUFFICIENT_CREDITS, THREAD_BUSY.
            Unavailable: a service does not answer; the run does not begin.
        """
        operator_id = operator_of(caller, WRITE)
        draft = await self._draft(operator_id, await self._with_attachments(caller, operator_id, new), key)
        run = await self._inserted(draft)
        if run is draft:
            self._access.remember(run)
        if run.status != CREATING:
            return run
        try:
            begun = await self._begin(run, actor_of(caller))
        except Unavailable:
            # What was begun is not known, and a call may still be under way. Who asks again with the key goes on with
            # it; else a loop undoes it, when no call can be under way any more.
            raise
        except DomainError:
            await self._chores.abandon_soon(run.id)
            raise
        return await self._chores.carry_out_soon(begun)

    async def _with_attachments(self, caller: Caller, operator_id: int, new: NewRun) -> NewRun:
        """Return what is asked for with all its files, those stored first that came with the request."""
        found = await self._files.attached(operator_id, new.attachment_ids)
        if new.attachment_ids and not found:
            raise attachments_not_found()
        stored = [await self._files.attach(caller, *msgspec.structs.astuple(each)) for each in new.attachments]
        return replace(new, file_ids=(*new.file_ids, *found, *stored))

    async def _inserted(self, draft: Run) -> Run:
        """Store a run, or return the one that the same request has made before.

        Raises:
            Conflict: RUN_BUSY, the one before was given up and is in the way.
        """
        run = await self._store.insert(draft)
        if run.status != ABANDONED:
            return run
        # Nobody was told of it. What it holds is given back, and the request begins anew.
        await self._chores.abandon(run.id)
        run = await self._store.insert(draft)
        if run.status == ABANDONED:
            raise busy(run.id)
        return run

    async def _begin(self, run: Run, actor: str) -> Run:
        await self._ledger.count(run)
        if run.limit:
            await self._ledger.hold(run, run.limit)
        message_id = await self._threads.begin(run) if run.thread_id else 0
        now = self._clock.now()

        def step(current: Run) -> tuple[Run, RunEvent] | None:
            if current.status != CREATING:
                return None
            begun = replace(current, status=PROCESSING, message_id=message_id)
            return advance(begun, now), RunEvent("run.started", actor=actor)

        begun = await self._access.change(run.id, step)
        if begun is not None:
            return begun
        known = await self._store.find(run.id)
        if known is None or known.status == ABANDONED:
            # It was given up meanwhile, perhaps before what was begun here.
            await self._chores.undo(run)
            raise busy(run.id)
        return known

    async def _draft(self, operator_id: int, new: NewRun, key: str | None) -> Run:
        options, plan = _options(new.options_json), await self._ledger.plan(operator_id)
        blueprint = await self._blueprint(operator_id, new, plan, options)
        if new.file_ids:
            await self._files.require(operator_id, new.file_ids)
        now = self._clock.now()
        steps = plan_steps(blueprint, new.prompt, now)
        models = {step.model_id for step in steps if step.model_id}
        costs = not new.mock and (any(map(self._costs, models)) or any(step.payee for step in steps))
        return Run(
            id=f"task_{new_id()}",
            operator_id=operator_id,
            status=CREATING,
            version=1,
            prompt=new.prompt,
            model_id=blueprint.model_id,
            created_at=now,
            updated_at=now,
            deadline_at=now + timedelta(seconds=plan.run_seconds),
            weight=_WEIGHTS.get(plan.id, _LARGEST_WEIGHT),
            steps=steps,
            limit=new.budget or (await self._default_budget(operator_id, plan) if costs else 0),
            thread_id=new.thread_id,
            file_ids=new.file_ids,
            mock=new.mock,
            silent=new.silent,
            quick=new.quick,
            options_json=new.options_json,
            approve_tools=options.approve_tools,
            idempotency=key,
        )

    async def _blueprint(self, operator_id: int, new: NewRun, plan: Plan, options: Options) -> Blueprint:
        unknown = next((role for role in new.role_models if role not in ROLES), None)
        if unknown is not None:
            raise role_unknown(unknown)
        role_models = {} if new.mock else {role: self._model(name, plan) for role, name in new.role_models.items()}
        wanted = new.agent_count or max(DEFAULT_AGENTS, len(new.agent_ids))
        remote = [await self._agents.find(agent_id, operator_id) for agent_id in new.agent_ids]
        return Blueprint(
            agents=max(1, min(wanted, plan.max_agents)),
            quick=new.quick,
            # What is said about files cannot be checked without them.
            check=not new.file_ids,
            model_id=MOCK_MODEL if new.mock else self._model(new.model_id, plan),
            role_models=role_models,
            remote=remote,
            priority=max(0, min(options.priority, MAX_PRIORITY)),
        )

    def _model(self, model_id: str, plan: Plan) -> str:
        spec = self._models.resolve(model_id)
        if spec.paid and plan.is_free:
            raise model_not_in_plan(spec.id)
        return spec.id

    def _costs(self, model_id: str) -> bool:
        return self._models.price(model_id, 1_000_000, 1_000_000) > 0

    async def _default_budget(self, operator_id: int, plan: Plan) -> int:
        available = await self._ledger.available(operator_id)
        if available < 1:
            raise insufficient_credits(available, 1)
        return min(_DEFAULT_BUDGETS.get(plan.id, _LARGEST_DEFAULT_BUDGET), available)


def _options(text: str) -> Options:
    """Read what concerns the engine; values of other types are as good as not given, as clients send anything."""
    if not text:
        return Options()
    try:
        given = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise options_invalid("must be a JSON object") from error
    priority, tools = given.get("priority"), given.get("approveTools")
    return Options(
        priority=priority if isinstance(priority, int) else 0,
        approve_tools=tuple(str(tool) for tool in tools[:20]) if isinstance(tools, list) else (),
    )
