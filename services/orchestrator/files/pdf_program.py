"""Reads the text of a PDF, a program of its own that may not take more than it is allowed.

Run as `python -I pdf_program.py PAGES CHARACTERS MEMORY_BYTES SECONDS` with the file as its input. It prints a line of
JSON for each page, and one at the end that says why there are no more: an empty problem when there are none.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import sys


def main() -> None:
    """Read the pages."""
    pages, characters, memory, seconds = (int(argument) for argument in sys.argv[1:])
    _confine(memory, seconds)
    # What is read when the limits hold, also of the library.
    try:
        problem = _read(sys.stdin.buffer.read(), pages, characters)
    except MemoryError:
        problem = "it takes too much memory to read"
    except RecursionError:
        problem = "it is nested too deeply"
    except Exception:  # noqa: BLE001 - a hostile file can make the library raise anything
        problem = "it is damaged"
    _print({"problem": problem})


def _read(content: bytes, pages: int, characters: int) -> str:
    from pypdf import PdfReader

    logging.disable()
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        return "it needs a password"
    for number, page in enumerate(reader.pages):
        if number == pages:
            return f"it has more than {pages} pages"
        # A page without text is a line too, so that a blank one does not look like the end.
        text = (page.extract_text() or "")[:characters] or " "
        # Half a surrogate pair is no text.
        _print({"text": text.encode("utf-8", "replace").decode()})
        characters -= len(text)
        if characters <= 0:
            return "it is too long"
    return ""


def _print(line: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _confine(memory: int, seconds: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):
            # Not every system knows every limit; the time is watched from outside too.
            continue


if __name__ == "__main__":
    main()
