"""What a step and its model say to each other, until there is an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kit.errors import DomainError, Exhausted
from kit.ids import new_id
from services.orchestrator.models.model import ASSISTANT, USER, ChatMessage
from services.orchestrator.runs.approvals import needed, pending_wish
from services.orchestrator.runs.model import AGENT, DECOMPOSE, STEP_SECONDS, Run, ToolCall, Turn, cut
from services.orchestrator.runs.progress import Hold, Usage
from services.orchestrator.runs.prompts import Context, fenced, messages_for
from services.orchestrator.runs.service.outcomes import Outcomes
from services.orchestrator.runs.service.spending import NoRoomYet, TooLate
from services.orchestrator.runs.tools import (
    MAX_RESULT_CHARS,
    MAX_ROUNDS,
    NO_END_OF_TOOLS,
    PREVIEW_CHARS,
    Result,
    Wish,
    described,
    enough,
    offered,
    read_wish,
    told,
)

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.deltas import DeltaBatcher
    from services.orchestrator.runs.service.desk import Desk
    from services.orchestrator.runs.service.ports import Files, Models, Threads, Tools
    from services.orchestrator.runs.service.spending import Spending

_MAX_TURN_CHARS = 32_000


class Talks:
    """Begins conversations.

    Args:
        access: changes runs.
        models: answers.
        spending: reserves and settles.
        tools: uses tools.
        deltas: sends text on its way.
        threads: knows what was said before.
        files: knows what files say.
        clock: the time.

    Attributes:
        step_seconds: how long an attempt of a step may take.
    """

    def __init__(
        self,
        access: RunAccess,
        models: Models,
        spending: Spending,
        tools: Tools,
        deltas: DeltaBatcher,
        threads: Threads,
        files: Files,
        desk: Desk,
        clock: Clock,
    ) -> None:
        self.access = access
        self.models = models
        self.spending = spending
        self.tools = tools
        self.deltas = deltas
        self.threads = threads
        self.files = files
        self.desk = desk
        self.clock = clock
        self.step_seconds = STEP_SECONDS

    def open(self, run: Run, hold: Hold) -> Conversation:
        """Return the conversation of a step that has just been started."""
        return Conversation(self, run, hold)

    async def context(self, run: Run, tools: str) -> Context:
        """Return what an agent knows besides its question."""
        history: Sequence[Turn] = ()
        if run.thread_id:
            history = await self.threads.history(run)
        files = await self.files.texts(run.operator_id, run.file_ids) if run.file_ids else ()
        return Context(tuple(history), tuple(files), tools)


class Conversation:
    """The conversation of one attempt of one step.

    Attributes:
        outcomes: what became of it.
    """

    def __init__(self, talks: Talks, run: Run, hold: Hold) -> None:
        step = run.step(hold.step_id)
        if step is None:
            raise ValueError("a run has no such step")
        self._talks = talks
        self._run = run
        self._hold = hold
        self._step = step
        self._messages: list[ChatMessage] = []
        self._turns: list[Turn] = list(step.turns)
        self._stream = talks.deltas.open(run.id, hold.step_id, hold.token)
        left = (run.deadline_at - talks.clock.now()).total_seconds()
        self._until = asyncio.get_running_loop().time() + max(0.1, min(talks.step_seconds, left))
        self.outcomes = Outcomes(talks.access, talks.clock, run.id, hold)

    async def hold(self) -> None:
        """Talk until there is an outcome, and write it.

        Raises:
            DomainError: the outcome could not be written; the lease will run out and somebody else goes on.
        """
        try:
            await self._talk()
        except TooLate:
            self.outcomes.after = None
        except NoRoomYet:
            await self.outcomes.waits_for_room(tuple(self._turns))
        except Exhausted as error:
            if error.reason != "BUDGET_SPENT":
                raise
            await self.outcomes.spent()

    async def _listen(self) -> None:
        """Hear what operators said while threads and files were read, which may take long."""
        if not (self._run.thread_id or self._run.file_ids):
            return
        current = await self._talks.access.find(self._run.id)
        if current is not None:
            self._run = msgspec.structs.replace(self._run, steering=current.steering)

    def interrupted(self) -> Usage:
        """Return what the call took that was under way."""
        return self._talks.spending.interrupted(self._run, self._step.model_id, self._messages, self._stream.text)

    async def _talk(self) -> None:
        tools = self._tools()
        context = Context()
        if self._step.kind == AGENT:
            context = await self._talks.context(self._run, described(tools))
            await self._listen()
        most = self._talks.spending.most_input(self._step.model_id)
        waited = pending_wish(self._run, self._turns, tools)
        if waited is not None and not await self._use(*waited, Usage(), waited=True):
            return
        while True:
            is_last = sum(turn.role == ASSISTANT for turn in self._turns) >= MAX_ROUNDS
            if is_last:
                context = msgspec.structs.replace(context, tools=enough(tools))
            step = msgspec.structs.replace(self._step, turns=tuple(self._turns))
            self._messages = messages_for(self._run, step, context, most)
            answer = await self._ask()
            if answer is None:
                return
            text, usage = answer
            wish = read_wish(text, tools)
            if wish is None:
                await self._talks.deltas.finish(self._stream)
                await self.outcomes.answered(self._run, self._step, cut(text.strip()), usage)
                return
            if is_last:
                await self.outcomes.gave_up(self._run, self._step, NO_END_OF_TOOLS, usage)
                return
            if not await self._use(wish, text, usage):
                return

    async def _ask(self) -> tuple[str, Usage] | None:
        """Ask the model; None when it failed, and that is written."""
        spending, step = self._talks.spending, self._step
        tokens = await spending.open(self._run, self._hold, step, self._messages)
        self._stream.restart()
        try:
            with self._talks.desk.leave():
                completion = await self._talks.models.complete(
                    step.model_id,
                    self._messages,
                    max_tokens=tokens,
                    on_text=self._stream.keep if step.kind == DECOMPOSE else self._stream.add,
                    timeout_seconds=max(0.1, self._until - asyncio.get_running_loop().time()),
                )
        except DomainError as error:
            await self.outcomes.failed(self._run, step, error, self.interrupted())
            return None
        return completion.text, spending.used(self._run, step.model_id, completion)

    async def _use(self, wish: Wish, said: str, usage: Usage, *, waited: bool = False) -> bool:
        """Use a tool and go on; False when the operator is asked first, or the step is somebody else's by now.

        One that was `waited` for is in the conversation already.
        """
        asking = needed(self._run, wish, self._turns)
        if asking is not None:
            turns = (*self._turns, Turn(ASSISTANT, said[:_MAX_TURN_CHARS]))
            await self.outcomes.asks(asking, turns, usage)
            return False
        clock = asyncio.get_running_loop().time
        began = clock()
        with self._talks.desk.leave():
            result = await self._talks.tools.use(self._run, wish, max(1.0, self._until - began))
        run = await self.outcomes.used(_call(wish, result, clock() - began), usage)
        if run is None:
            return False
        self._run = run
        shown = fenced(f"result of {wish.tool}", result.text[:MAX_RESULT_CHARS])
        heard = told(wish, result, shown)
        if waited:
            self._turns[-1] = Turn(USER, f"{heard}\n\n{self._turns[-1].content}")
        else:
            self._turns += [Turn(ASSISTANT, said[:_MAX_TURN_CHARS]), Turn(USER, heard)]
        return True

    def _tools(self) -> tuple[str, ...]:
        if self._step.kind != AGENT or not self._talks.models.uses_tools(self._step.model_id):
            return ()
        return offered(files=bool(self._run.file_ids), thread=bool(self._run.thread_id))


def _call(wish: Wish, result: Result, seconds: float) -> ToolCall:
    return ToolCall(
        id=new_id(),
        name=wish.tool,
        arguments_json=wish.arguments_json,
        success=not result.error,
        result_preview=result.text[:PREVIEW_CHARS],
        error=result.error[:PREVIEW_CHARS],
        duration_ms=round(seconds * 1000),
    )
