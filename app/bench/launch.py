"""Becomes a command that stays on its cores and ends with the process that started it.

Run as a file by `children.py`: CORES (numbers with commas, or - for any) PARENT COMMAND...
"""

import ctypes
import os
import signal
import sys

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2); it outlives execve


def main(cores: str, parent: str, *command: str) -> None:
    # Pinned before it is the command: no thread of it is too early.
    if cores != "-":
        os.sched_setaffinity(0, map(int, cores.split(",")))
    # Even a benchmark that is killed leaves nothing running.
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() == int(parent):
        os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
