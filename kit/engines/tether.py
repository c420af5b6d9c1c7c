"""A program that becomes another program, tied to the life of its parent.

Run as `python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...`. On Linux the kernel then sends SIGKILL when the parent
is gone, even if the parent itself was killed with SIGKILL. This is a program of its own, and not a `preexec_fn`,
because code between fork and exec is unsafe in a process with the threads of gRPC.

The kernel watches the *thread* that started the program: start engines from the thread that lives longest.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, make sure that the parent still lives, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has ended")
    os.execv(program[0], program)  # noqa: S606 - the arguments come from the engine, and no shell is wanted


if __name__ == "__main__":
    main()
