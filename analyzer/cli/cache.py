"""`cache`: the answers that earlier runs were given."""

from __future__ import annotations

import json
from pathlib import Path

import click

from traffic import options as shared
from traffic.errors import UsageFailure


@click.command(short_help="Show or clear the cached answers.", context_settings=shared.SETTINGS)
@shared.output
@click.option("--clear", is_flag=True, help="Delete all cached answers.")
@shared.as_json
def cache(output: Path, clear: bool, as_json: bool) -> None:
    """Show or clear the answers that earlier runs cached.

    \b
    Examples:
      ./sl.py cache
      ./sl.py cache --clear
    """
    from analyzer.pipeline import BUFFER_LOG
    from analyzer.reading.cache import AnswerFiles
    from analyzer.reading.cache.log import write_log
    from analyzer.reading.scope import BUFFER_CACHE
    from traffic.disk import lock

    if not output.is_dir():
        raise UsageFailure(f"there is no folder {output}: pass the folder of your runs with --output")
    with lock(output):
        files = AnswerFiles(output / BUFFER_CACHE)
        answers, damaged = files.answers(), len(files.damaged)
        removed = files.clear() if clear else 0
        if clear:
            write_log(output / BUFFER_LOG, files)
    sizes: dict[str, list[int]] = {}
    for answer in answers:
        sizes.setdefault(answer["kind"], []).append(answer["bytes"])
    if as_json:
        rows = [{"kind": kind, "answers": len(sizes[kind]), "bytes": sum(sizes[kind])} for kind in sorted(sizes)]
        click.echo(json.dumps({"answers": rows, "damaged": damaged, "removed": removed}, indent=1))
        return
    for kind in sorted(sizes):
        click.echo(f"{kind:8} {len(sizes[kind]):8,} answers {sum(sizes[kind]) / 1e6:10.1f} MB")
    if not answers:
        click.echo(f"no cached answers in {output / BUFFER_CACHE}")
    if damaged:
        click.echo(f"{damaged} damaged files are ignored; --clear removes them")
    if clear:
        click.echo(f"{removed:,} files removed")
