"""Where log lines go: `open_log_sink` is the one table from a name to a class."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from generator.logs.sinks.base import Counts, Guarantee, Lines, LineSink, SinkFailure, describe
from traffic.errors import UsageFailure
from traffic.store.access import Access, elastic_access

__all__ = ["Counts", "Guarantee", "LineSink", "Lines", "Opening", "SinkFailure", "describe", "open_log_sink"]

FORMS = "-, a path, tcp://HOST:PORT, tls://HOST:PORT, redis://HOST:PORT/DB/LIST, https://HOST:9200/INDEX"
PATIENCE = 60.0

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


def _silent(_text: str) -> None:
    pass


@dataclass(frozen=True)
class Opening:
    """How a sink is opened; each takes what concerns it."""

    entry: Access | None = None
    """How to get into a service, and whom to trust; None is what the environment says."""
    patience: float = PATIENCE
    """Seconds that another side may be away, or take nothing, before it is an error."""
    note: Callable[[str], None] = _silent
    """Is told what a person should know."""
    refused: Path = Path("output/refused.ndjson")
    """The file that lists documents which Elasticsearch did not take."""
    suffix: str = ".json"
    """Of files."""
    size: int = 10 << 20
    """Bytes of a file."""
    kept: int = 5
    """Files of the run that stay; 0 is all of them."""


def open_log_sink(name: str, opening: Opening | None = None) -> LineSink:
    """The sink called `name`.

    Args:
        name: `-` or `stdout`; `tcp://HOST:PORT`, or `tls` for TLS; `redis://HOST:PORT/DB/LIST`, or `rediss` for TLS;
            `http(s)://HOST:9200/INDEX` or `elasticsearch:INDEX`; anything else, or `file:PATH`, is folder and stem of
            files.

    Raises:
        UsageFailure: the name is not valid.
        AccessDenied: not logged in, not allowed, or TLS fails.
        StorageFailure: the files cannot be made.
        Failure: nobody answers there.
    """
    how = opening or Opening()
    scheme = found[1].lower() if (found := _SCHEME.match(name)) else ""
    match scheme:
        case "http" | "https" | "elasticsearch":
            from generator.logs.sinks.elastic import Elastic

            return Elastic(name, how.entry or elastic_access(), how.refused, how.patience, how.note)
        case "tcp" | "tls":
            from generator.logs.sinks.address import parse
            from generator.logs.sinks.tcp import Tcp

            address = parse(name, f"{scheme}://HOST:PORT")
            context = ssl.create_default_context(cafile=_authority(how)) if scheme == "tls" else None
            return Tcp(address, how.patience, how.note, context)
        case "redis" | "rediss":
            from generator.logs.sinks.address import parse
            from generator.logs.sinks.redis import FORM, PORT, RedisList

            address = parse(name, FORM, PORT, ("key", "limit"))
            return RedisList(address, how.patience, how.note, _authority(how) if scheme == "rediss" else None)
        case "" | "file" | "stdout":
            return _local(name, scheme, how)
    raise UsageFailure(f"unknown kind of sink {scheme}:; use {FORMS}")


def _local(name: str, scheme: str, how: Opening) -> LineSink:
    if name in ("-", "stdout", "stdout:"):
        from generator.logs.sinks.stdout import Stdout

        return Stdout()
    path = name.removeprefix("file://").removeprefix("file:") if scheme == "file" else name
    if scheme == "stdout" or not Path(path).name:
        raise UsageFailure(f"{name!r} is not a sink; use {FORMS}")
    from generator.logs.sinks.file import RotatingFile

    return RotatingFile(Path(path), how.suffix, how.size, how.kept)


def _authority(how: Opening) -> str | None:
    return (how.entry or elastic_access()).ca_file
