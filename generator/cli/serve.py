"""`serve`: log lines over HTTP and WebSocket, made while somebody watches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from traffic import console
from traffic import options as shared


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What the command line says; None where it says nothing."""

    config: Path | None
    host: str
    port: int
    token_file: Path | None
    allow_host: tuple[str, ...]
    allow_origin: tuple[str, ...]
    seed: int | None
    quiet: bool


@click.command(context_settings=shared.SETTINGS)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings file.  [default: input/logs.yaml]")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but 127.0.0.1 is reachable from other machines.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the client token (or set SL_SERVE_TOKEN).",
)
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="Another host name that clients use, such as a proxy's."
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Origin allowed to call the API (CORS), such as https://board.example.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Random seed.  [default: the file's]")
@shared.quiet
@shared.log_format
def serve(**given: Any) -> int:
    """Serve a live stream of generated log lines.

    The live page is at /ui, the API documentation at /docs. Every client has its own stream. By default only this
    machine can connect; with --host others can too, and then need a token.

    \b
    Examples:
      ./sl.py serve
      curl -N 'http://127.0.0.1:8000/api/stream?batch_size=5&interval=0.5'
      SL_SERVE_TOKEN=$(openssl rand -hex 24) ./sl.py serve --host 0.0.0.0
    """
    import os
    from dataclasses import replace

    from generator.logs.server.guard import Rules
    from generator.logs.server.run import ListenAddress, read_token, serve
    from generator.logs.settings import read_settings

    options = ServeOptions(**given)
    settings = read_settings(options.config)
    if options.seed is not None:
        settings = replace(settings, seed=options.seed)
    token = read_token(options.token_file, os.environ.get("SL_SERVE_TOKEN"))
    rules = Rules(token, options.allow_host, options.allow_origin)
    where = ListenAddress(options.host, options.port, rules)

    def ready(address: str) -> None:
        if not options.quiet:
            console.note(f"serving at {address}/ui; Ctrl-C stops it")

    return 128 + serve(settings, where, ready, console.note)
