#!/usr/bin/env python3
"""The door: finds the project's own Python, mounts the commands, turns errors into one line and an exit code."""

import importlib.util
import os
import signal
import sys

_NEEDS = (
    *("click", "duckdb", "jinja2", "matplotlib", "numpy", "pyarrow"),
    *("requests", "tenacity", "tinydb", "yaml"),
)
_EXTRAS = {**dict.fromkeys(("fastapi", "fastapi_offline", "starlette", "uvicorn"), "server"), "redis": "redis"}
"""Packages that only some commands need, and the extra that brings them."""
_HERE = os.path.dirname(os.path.abspath(__file__))


def _find_python() -> None:
    """Go on in .venv where there is one and no other environment is active; where there is nothing, say what to do."""
    active = sys.prefix != sys.base_prefix or "VIRTUAL_ENV" in os.environ or "CONDA_PREFIX" in os.environ
    own = os.path.join(_HERE, ".venv", "bin", "python")
    if not active and os.access(own, os.X_OK):
        os.execv(own, [own, os.path.join(_HERE, "sl.py"), *sys.argv[1:]])
    if not all(map(importlib.util.find_spec, _NEEDS)):
        todo = "pip install -r requirements.txt" if active else "make setup"
        sys.exit(f"sl: required packages are not installed: run {todo}")


if __name__ == "__main__":
    # Until main() knows better: a traceback is no answer to Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _find_python()

# What follows runs in the right Python.
import _thread
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

import analyzer.cli
import generator.cli
from traffic.console import note
from traffic.errors import Failure

if TYPE_CHECKING:
    from analyzer.notebook import Result, discover, explain, read, score, tune
    from generator.notebook import generate

__all__ = ["Result", "discover", "explain", "generate", "read", "score", "tune"]

INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
PATIENCE = 10
"""Seconds that a run has to end after it was asked to."""


_asked: list[int] = []
"""The signals that asked a run to end."""


class _Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal: unwinds all that is open, so that nothing is left half-written."""


def __getattr__(name: str) -> Any:
    """What `import sl` offers, loaded when it is first asked for: no command has to wait for pandas."""
    if name == "generate":
        from generator.notebook import generate

        return generate
    if name in __all__:
        from analyzer import notebook

        return vars(notebook)[name]
    raise AttributeError(f"module 'sl' has no attribute {name!r}")


class _Commands(Mapping[str, click.Command]):
    """All commands in the order of help, what one begins with first; each is loaded when it is asked for."""

    def __iter__(self) -> Iterator[str]:
        generate, *logs = generator.cli.COMMANDS
        yield from (generate, *analyzer.cli.COMMANDS, *logs)

    def __len__(self) -> int:
        return len(generator.cli.COMMANDS) + len(analyzer.cli.COMMANDS)

    def __getitem__(self, name: str) -> click.Command:
        if name in generator.cli.COMMANDS:
            return generator.cli.command(name)
        if name in analyzer.cli.COMMANDS:
            return analyzer.cli.command(name)
        raise KeyError(name)


class _InOrder(click.Group):
    """Lists the commands in their own order, not by the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
    commands=_Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option("0.2.0", prog_name="sl")
def cli() -> None:
    """Find traffic events in history, and measure how well they are found.

    \b
    Two commands, on a fresh machine:
      ./sl.py generate     fill a store with traffic and labelled events
      ./sl.py discover     find the events, report them, compare them with the labels
    """


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # Once is a request, twice is an order.
    signal.signal(number, signal.SIG_DFL)
    _asked.append(number)
    # An exception that comes from outside can meet a lock at the one moment at which nobody gives it back. What has not
    # unwound by then is cut off: every file is whole or absent whenever that happens. Not threading.Timer: starting one
    # takes locks as well.
    _thread.start_new_thread(_cut_off, (_code_of(number),))
    raise _Stopped(signal.Signals(number))


def _code_of(number: int) -> int:
    return {signal.SIGINT: INTERRUPTED, signal.SIGHUP: HUNG_UP}.get(signal.Signals(number), TERMINATED)


def _stopped() -> str:
    # What keeps no answers begins anew.
    anew = {"analyze", "logs", "serve"}
    return "stopped" if set(sys.argv[1:2]) & anew else "stopped; the same command resumes where it stopped"


def _cut_off(code: int) -> None:
    time.sleep(PATIENCE)
    os.write(2, f"sl: {_stopped()}\n".encode())
    os._exit(code)


def main() -> int:
    """Run the command line; the exit code is the answer."""
    # No command multiplies matrices: threads that wait for it would only spin, which costs each start 20 ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # No package has a say in what a setting means, and looking for such plugins costs each start 10 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for name in ("stdout", "stderr"):
        # A key may hold what this terminal cannot show. Who closed a stream wants to hear nothing there.
        stream = getattr(sys, name) or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What nohup starts goes on when its terminal is closed.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        # A command answers with its exit code, or with nothing.
        return cli.main(prog_name="sl.py", standalone_mode=False) or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _misused(error)
    except Failure as error:
        return _say(str(error), error.exit_code)
    except _Stopped as stop:
        return _say(_stopped(), _code_of(stop.args[0]))
    except OSError as error:
        return _say(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 7)
    except Exception as error:
        if _asked:
            # DuckDB makes an error of its own of what ends its work.
            return _say(_stopped(), _code_of(_asked[0]))
        if "SL_DEBUG" in os.environ:
            raise
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    if isinstance(error, ModuleNotFoundError) and (extra := _EXTRAS.get(error.name or "")):
        return _say(f"this needs the package {error.name}: pip install 'sl[{extra}]'", 2)
    # The last resort: a mistake of ours is still one line, and not a traceback.
    return _say(f"internal error ({type(error).__name__}: {error}); set SL_DEBUG=1 for a traceback", 1)


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return 2
    # Who comes from a tool without commands begins with an option.
    first = isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.command is cli
    hint = " Options follow a command: ./sl.py discover --help" if first else ""
    return _say(error.format_message() + hint, 2)


def _say(message: str, code: int) -> int:
    # A terminal that was closed takes no more words.
    with suppress(OSError):
        note(" ".join(message.split()), "error", code=code)
    return code


def run() -> NoReturn:
    """`sl`, where it was installed."""
    sys.exit(main())


if __name__ == "__main__":
    run()
