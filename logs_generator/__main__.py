"""`python -m logs_generator OPTIONS` is `./sl.py logs OPTIONS`."""

import os
import sys

_DOOR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sl.py")


def become(command: str) -> None:
    """Go on as that command of sl.py, which finds the packages that it needs."""
    os.execv(sys.executable, [sys.executable, _DOOR, command, *sys.argv[1:]])


if __name__ == "__main__":
    become("logs")
