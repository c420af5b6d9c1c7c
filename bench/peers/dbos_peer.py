"""DBOS on PostgreSQL: a run is a workflow, each call of a model a step whose outcome is committed.

The agents are steps that are gathered, not workflows on a queue: its queues are polled, and the pause between two looks
would be the most that is measured.
"""

from __future__ import annotations

import asyncio

import uvloop
from dbos import DBOS, DBOSConfig
from psycopg.conninfo import conninfo_to_dict

from bench.peers import shape
from bench.peers.call import arguments, enqueue_all

_call = arguments()


@DBOS.step()
async def decompose(prompt: str) -> list[str]:
    """Take the prompt apart."""
    return await shape.take_apart(prompt)


@DBOS.step()
async def agent(role: str, question: str) -> str:
    """Answer one question."""
    return await shape.answer(role, question)


@DBOS.step()
async def synthesis(prompt: str, answers: list[str]) -> str:
    """Join the answers."""
    return await shape.join(prompt, answers)


@DBOS.step()
async def validation(prompt: str, joined: str) -> str:
    """Check the answer."""
    return await shape.check(prompt, joined)


@DBOS.workflow()
async def whole(prompt: str) -> str:
    """Do a run."""
    questions = await decompose(prompt)
    answers = await asyncio.gather(
        *(agent(role, question) for role, question in zip(shape.ROLES, questions, strict=True))
    )
    return await validation(prompt, await synthesis(prompt, answers))


def _config() -> DBOSConfig:
    found = conninfo_to_dict(_call.url)
    url = f"postgresql://{found['user']}@{found['host']}:{found['port']}/{found['dbname']}"
    return DBOSConfig(name="bench", system_database_url=url, run_admin_server=False, log_level="ERROR")


async def run() -> None:
    """Do the runs."""
    DBOS(config=_config())
    DBOS.launch()
    await enqueue_all(_call, lambda: whole(shape.PROMPT))
    DBOS.destroy()


if __name__ == "__main__":
    uvloop.run(run())
