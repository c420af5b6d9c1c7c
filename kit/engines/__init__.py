"""Real engines without Docker and without root: MongoDB and Valkey as child processes of this one."""

from kit.engines.binaries import find_mongod, find_valkey
from kit.engines.embedded import EmbeddedEngines
from kit.engines.ephemeral import EphemeralDirectory
from kit.engines.errors import DirectoryLocked, EngineError, PortTaken
from kit.engines.lock import DataDirectoryLock
from kit.engines.mongod import MongodEngine
from kit.engines.supervisor import Supervisor
from kit.engines.valkey import ValkeyEngine

__all__ = [
    "DataDirectoryLock",
    "DirectoryLocked",
    "EmbeddedEngines",
    "EngineError",
    "EphemeralDirectory",
    "MongodEngine",
    "PortTaken",
    "Supervisor",
    "ValkeyEngine",
    "find_mongod",
    "find_valkey",
]
