"""Which Piecework this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """Return the version of the installed package, `0` where none is installed."""
    try:
        return version("piecework")
    except PackageNotFoundError:
        return "0"
