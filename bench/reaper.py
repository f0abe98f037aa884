"""`python -m bench.reaper COMMAND ...`: run a command, and print the processor seconds of it and all that it started.

Beside them stands the resident memory of the largest of these processes, in MiB.

What forks and outlives its parent is waited for by nobody but init; on Linux it comes back to whoever asks for that.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    with suppress(ChildProcessError):
        while True:
            os.wait()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
