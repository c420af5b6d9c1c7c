"""What there was to choose from, for whoever named something else."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 12


def choices(what: str, names: Sequence[str], rest: str) -> str:
    """Return a sentence with the first names there are.

    Args:
        what: what they are names of, in the plural.
        names: the names.
        rest: how to see the others, when there are too many for a sentence.
    """
    if not names:
        return f"{what}: none yet."
    shown = f"{what}: {', '.join(names[:_MOST])}"
    return f"{shown} …; {rest}" if len(names) > _MOST else f"{shown}."
