"""The files that the demonstration counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from launch.errors import CommandFailed

# The instructions of a task are the text of a file, and that is how long instructions may be.
MAX_CHARACTERS = 10_000


def choose(repository: Path, count: int) -> dict[str, str]:
    """Return the texts of `count` tracked files by their path: always the same ones, from all over the repository.

    Raises:
        CommandFailed: there are not that many text files, or no directory.
    """
    if not repository.is_dir():
        raise CommandFailed(f"{repository} is not a directory")
    texts = {path: text for path in _tracked(repository) if (text := _text(repository / path))}
    if len(texts) < count:
        found = f"{len(texts)} short text file{'' if len(texts) == 1 else 's'}"
        raise CommandFailed(
            f"{repository} has {found}, and the demonstration needs {count}",
            "Name another directory with --repository, or count fewer with --tasks.",
        )
    paths = sorted(texts)
    return {path: texts[path] for path in (paths[number * len(paths) // count] for number in range(count))}


def count_words(repository: Path, paths: list[str]) -> dict[str, int]:
    """Return the number of words of each file, as `wc -w` counts them.

    Raises:
        CommandFailed: `wc` cannot be run.
    """
    try:
        output = subprocess.run(  # noqa: S603 - the paths are those of the repository
            ["wc", "-w", "--", *paths],  # noqa: S607 - the wc of this system is what we compare with
            cwd=repository,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CommandFailed(f"wc cannot be run: {error}") from error
    # One line for each file, in their order, and a last one with the total.
    return {path: int(line.split()[0]) for path, line in zip(paths, output.splitlines(), strict=False)}


def _tracked(repository: Path) -> list[str]:
    """Return the tracked files; in a copy without its history, all files that are not hidden."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - any git will do
            cwd=repository,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        files = (path.relative_to(repository) for path in repository.rglob("*") if path.is_file())
        return [str(path) for path in files if not any(part.startswith((".", "__")) for part in path.parts)]
    return [name for name in listing.stdout.split("\0") if name]


def _text(path: Path) -> str:
    """Return the text of a file; nothing when it is too long, not text, or gone."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if len(text) <= MAX_CHARACTERS and "\0" not in text else ""
