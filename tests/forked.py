"""Processes that run a command without starting an interpreter first: a warm one forks for each.

Half of the time of a short command goes into importing numpy, pandas and DuckDB. `Warm` imports them once for a session
of tests; each command still is a process of its own, with its own streams, folder, variables and exit code. It knows
nothing of what an earlier one did, for every fork begins from the same imported, unused interpreter.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("traffic", "analyzer", "generator")
_LARGEST = 1 << 18
_AT_START = ("PYTHON", "LC_", "LANG", "MPL", "OPENBLAS", "OMP", "ARROW")
"""Beginnings of what an interpreter or a library reads when it starts, besides what stands in `_ALONE`."""
_ALONE = ("TZ", "HOME", "VIRTUAL_ENV", "CONDA_PREFIX")


def fits(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter of this process's variables can stand in for one that starts with these."""

    def read(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in variables.items() if name in _ALONE or name.startswith(_AT_START)}

    return hasattr(os, "pidfd_open") and read(environment) == read(os.environ)


class Warm:
    """An interpreter that has imported all that a command may need, and forks."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for side in (ours, theirs):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # As those of its forks will be: Python asks what its streams are when it starts.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        self._control = ours

    def run(
        self, script: Path, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], seconds: float
    ) -> tuple[int, str, str]:
        """The exit code of a script, negative where a signal ended it, and what it wrote to stdout and stderr.

        Raises:
            TimeoutError: it took longer than that; it has been killed.
        """
        reply, theirs = socket.socketpair()
        streams = [os.pipe(), os.pipe()]
        asked = json.dumps([str(script), list(arguments), str(cwd), dict(environment)]).encode()
        writing = [end for _, end in streams]
        socket.send_fds(self._control, [asked], [theirs.fileno(), *writing])
        theirs.close()
        for end in writing:
            os.close(end)
        with reply:
            (child,) = struct.unpack("i", _all_of(reply, 4))
            texts = _read([end for end, _ in streams], seconds, child)
            (code,) = struct.unpack("i", _all_of(reply, 4))
        return code, *texts

    def close(self) -> None:
        """End it; commands that run go on."""
        self._control.close()
        self._process.communicate()


def _all_of(reply: socket.socket, count: int) -> bytes:
    data = reply.recv(count, socket.MSG_WAITALL)
    if len(data) != count:
        raise RuntimeError("the warm interpreter has ended")
    return data


def _read(ends: Sequence[int], seconds: float, child: int) -> list[str]:
    parts: dict[int, list[bytes]] = {end: [] for end in ends}
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as ready:
        for end in ends:
            ready.register(end, selectors.EVENT_READ)
        while ready.get_map():
            found = ready.select(deadline - time.monotonic())
            if not found and time.monotonic() >= deadline:
                os.kill(child, signal.SIGKILL)
                raise TimeoutError(f"a command took more than {seconds:.0f} s")
            for key, _ in found:
                if data := os.read(key.fd, 1 << 16):
                    parts[key.fd].append(data)
                else:
                    ready.unregister(key.fd)
                    os.close(key.fd)
    # As subprocess does with text=True.
    return [b"".join(parts[end]).decode().replace("\r\n", "\n").replace("\r", "\n") for end in ends]


def serve(control: socket.socket) -> list[str] | None:
    """Fork for each request until whoever asks is gone: None then; in a fork, the script to run and its arguments."""
    running: dict[int, tuple[int, socket.socket]] = {}
    ready = selectors.DefaultSelector()
    ready.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fd in running:
                child, reply = running.pop(key.fd)
                ready.unregister(key.fd)
                os.close(key.fd)
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                # Who asked may have lost patience.
                with reply, suppress(OSError):
                    reply.send(struct.pack("i", code))
                continue
            asked, ends, _flags, _address = socket.recv_fds(control, _LARGEST, 3)
            if not asked:
                return None
            reply_end, out, err = ends
            if child := os.fork():
                os.close(out)
                os.close(err)
                reply = socket.socket(fileno=reply_end)
                reply.send(struct.pack("i", child))
                handle = os.pidfd_open(child)
                running[handle] = child, reply
                ready.register(handle, selectors.EVENT_READ)
                continue
            for end, place in ((out, 1), (err, 2)):
                os.dup2(end, place)
            ready.close()
            for end in (*ends, *running):
                os.close(end)
            for _child, other in running.values():
                other.close()
            script, arguments, cwd, variables = json.loads(asked)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(variables)
            tempfile.tempdir = None
            return [script, *arguments]


def _import_all() -> None:
    for room in ROOMS:
        for module in pkgutil.walk_packages([str(ROOT / room)], f"{room}."):
            importlib.import_module(module.name)


def _run(script: str) -> int:
    """Run it and do what an interpreter does at its end, but for tearing down every module: that takes longer."""
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except Exception:  # noqa: BLE001 - whatever it is, an interpreter ends so
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return code


if __name__ == "__main__":
    _import_all()
    # What is imported stays: no fork has to look through it, or to have pages of its own for that.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        line = serve(asking)
    if line is not None:
        sys.argv = line
        os._exit(_run(line[0]))
