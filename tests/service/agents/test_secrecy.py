"""No secret is ever stored or logged in the clear, whatever happens."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from bson import json_util
from piecework.agents.v1 import identity_pb2 as pb

from kit import logs, mongo
from kit.caller import CallerSigner, service_caller
from kit.channels import Channels, Outgoing
from kit.clock import SystemClock
from kit.errors import DomainError, Unavailable
from kit.ids import new_id
from services.agents.identity.service import IdentityService
from services.agents.identity.store import IdentityStore
from services.agents.secret import Secret
from services.agents.sessions.service import SessionService
from services.agents.sessions.store import SessionStore
from services.agents.welcome.peers import LedgerPeer
from services.agents.welcome.service import WelcomeService
from services.agents.welcome.store import WelcomeStore


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    """Everything that the process logs, down to the least severe level and with the commands of the driver.

    What would have been masked on its way out is logged as it is: secrets must not get even that far.
    """
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level, driver = root.handlers[:], root.level, logging.getLogger("pymongo").level
    stream = io.BytesIO()
    logs.configure("DEBUG", stream=stream)

    def plain(_logger: object, _method: str, event: Any) -> bytes:
        return repr(event).encode() + b"\n"

    structlog.configure(processors=[structlog.processors.format_exc_info, plain])
    root.addHandler(logging.StreamHandler(io.TextIOWrapper(stream, write_through=True)))
    logging.getLogger("pymongo").setLevel(logging.DEBUG)
    yield stream
    logging.getLogger("pymongo").setLevel(driver)
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


async def _use_everything(agents: Any) -> list[str]:
    """Make, use and end a credential of every kind, well and badly; return all secrets."""
    owner = await agents.new_operator("poster")
    key = await agents.new_key(owner.operator_id)
    test_key = await agents.new_key(owner.operator_id, test=True)
    agent = await agents.new_agent(owner.operator_id, "summariser")
    rotate = pb.RotateAgentKeyRequest(agent_id=agent.agent.id)
    rotated = await agents.call(agents.identity.RotateAgentKey, rotate)
    project_id = new_id()
    opened = await agents.open(project_id)
    resumed = await agents.open(project_id, resume_existing=True)
    secrets = [each.secret for each in (key, test_key, agent, rotated)] + [opened.token, resumed.token]
    await agents.call(agents.identity.RevokeOperatorKey, pb.RevokeOperatorKeyRequest(key_id=key.key.id))
    for secret in [*secrets, secrets[0] + "x", secrets[1] + "\x00", "z" * 600]:
        try:
            await agents.identify(secret)
        except DomainError as error:
            told = f"{error!r} {error} {error.reason} {error.metadata} {error.violations}"
            assert secret not in told
    return secrets


async def test_no_secret_is_logged(agents: Any, log: io.BytesIO) -> None:
    secrets = await _use_everything(agents)
    text = log.getvalue().decode()
    assert "operator_keys" in text, "the commands of the driver are in the log"
    assert "CreateOperatorKey" in text
    for secret in secrets:
        assert secret not in text
        assert secret.removeprefix("pw_live_").removeprefix("pw_test_")[4:] not in text


async def test_no_secret_is_stored(agents: Any) -> None:
    secrets = await _use_everything(agents)
    database = agents.database
    names = await database.list_collection_names()
    assert {"operators", "operator_keys", "agents", "sessions"} <= set(names)
    stored = json.dumps([json_util.dumps(await database[name].find().to_list()) for name in names])
    assert secrets[0][:12] in stored, "the prefix by which people tell keys apart"
    for secret in secrets:
        assert secret not in stored
        assert secret[14:] not in stored


async def test_a_database_that_is_lost_tells_no_secret(log: io.BytesIO) -> None:
    client = mongo.connect("mongodb://127.0.0.1:1/?replicaSet=rs0", app_name="lost", server_selection_timeout_ms=50)
    database, clock = client["lost"], SystemClock()
    sessions = SessionService(SessionStore(database), lambda _id, _at: None, lambda _id: None, clock)
    welcome = WelcomeStore(database)
    greet = WelcomeService(welcome, LedgerPeer(Channels({}), Outgoing(CallerSigner("k" * 32)))).greet
    identity = IdentityService(
        IdentityStore(database, welcome), sessions, lambda _id, _at: None, lambda _id: None, greet, clock
    )
    for text in ("pw_live_" + "A" * 43, "th_agent_" + "0" * 64, "pws_" + "A" * 43):
        with pytest.raises(Unavailable) as caught:
            await identity.authenticate(service_caller("gateway"), Secret(text))
        structlog.get_logger().error("failed", exc_info=caught.value)
        assert "ServerSelectionTimeoutError" in log.getvalue().decode()
        assert text[12:] not in f"{caught.value!r}{log.getvalue().decode()}"
    await client.close()
