"""`logs`: write log lines whose anomalies are labelled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.cli.stopping import stopping
from generator.logs.options import LogOptions
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared

if TYPE_CHECKING:
    from generator.logs.job import LogJob
    from generator.logs.model import LogIncident
    from generator.logs.run import RunResult
    from generator.logs.sinks import LineSink


@dataclass(frozen=True, kw_only=True)
class LogsCommandOptions(LogOptions, store_options.EntryOptions):
    """What the command line says besides: what is said of the run."""

    as_json: bool
    quiet: bool
    verbose: bool


@click.command(cls=help_pages.Command, context_settings=shared.SETTINGS)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings file.  [default: input/logs.yaml]")
@click.option(
    "-n", "--total", type=click.IntRange(0, 10**15), help="Total number of lines; 0 means endless.  [default: 1000]"
)
@click.option("-b", "--batch-size", type=click.IntRange(1, 100_000), help="Lines per batch.  [default: 100]")
@click.option(
    "-i",
    "--interval",
    type=shared.Number(0, 86400),
    help="Real time: seconds between batches.  [default: 1 if --total is 0, else no waiting]",
)
@click.option(
    "-o",
    "--output",
    "destination",
    envvar="SL_LOGS_OUTPUT",
    type=click.Choice(["stdout", "file", "both"]),
    help="Where lines go.  [default: file, or only to --to if given]",
)
@click.option(
    "--to",
    multiple=True,
    metavar="URL",
    help="Also write to tcp://HOST:PORT, redis://HOST:6379/0/LIST or http://HOST:9200/INDEX; can be repeated.",
)
@click.option(
    "-f",
    "--format",
    "form",
    envvar="SL_FORMAT",
    type=click.Choice(["json", "text", "ecs", "combined"]),
    help="Format of the lines.  [default: json]",
)
@click.option("-p", "--output-path", type=click.Path(), help="Path prefix of the files.  [default: ./output/logs]")
@click.option("-a", "--anomaly-rate", type=shared.Number(0, 1), help="Share of anomalous lines.  [default: 0.05]")
@click.option("--no-labels", is_flag=True, help="Omit labels from the lines (log_incidents.csv still has them).")
@click.option("--start", help="Fill a window as fast as possible: start of the window.")
@click.option("--end", help="End of the window.  [default: now]")
@click.option(
    "--rate", type=shared.Number(1e-6, 1e6), help="Lines per second in a window, on average over a week.  [default: 1]"
)
@click.option(
    "--durations",
    type=click.Choice(["lines", "time"]),
    help="Unit for the length of incidents.  [default: time in a window, else lines]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Random seed.  [default: the file's]")
@click.option(
    "--smoke", is_flag=True, help="Instead, write a steady series of 7 days with half an hour at ten times the rate."
)
@click.option("--web", is_flag=True, help="Instead, write 7 days of requests to a web site, with six fields.")
@store_options.entry
@shared.as_json
@shared.quiet
@shared.verbose
def logs(**given: Any) -> int:
    """Write application logs with labelled incidents.

    Services log with a daily and weekly pattern until an incident changes it: errors, response times,
    attacks, resources, outages, bad data. Every line of an incident is labelled, and log_incidents.csv, in the folder
    of the files, lists when each began and ended. The same settings, seed and start give the same lines, to the byte.

    \b
    Examples:
      ./sl.py logs
      ./sl.py logs --total 5000 --output stdout
      ./sl.py logs --total 0 --interval 0.5 --to tcp://localhost:5000
      ./sl.py logs --start now-28d --rate 2 --anomaly-rate 0.01 --to http://localhost:9200/app-logs
      ./sl.py logs --smoke --to http://localhost:9200/smoke_event-%Y.%m.%d
    """
    import time

    from generator.logs.job import job
    from generator.logs.run import Clock, RunResult, run
    from generator.logs.truth import IncidentFile
    from traffic.disk import lock
    from traffic.errors import Failure

    options = LogsCommandOptions(**given)
    work = job(options, int(time.time()))
    ran = RunResult()
    with lock(work.folder / ".logs", "--output-path"), stopping() as stop:
        truth = IncidentFile(work.folder)
        sinks = [_open(name, work, options) for name in work.sinks]
        silent = options.quiet or work.on_stdout
        try:
            with console.bar("logs", silent or not work.expected, "lines") as progress:
                clock = Clock(wait=stop.wait, stopped=stop.asked)
                run(work.feed, sinks, work.pace, truth, ran, clock, lambda done: progress(done, work.expected))
        except BrokenPipeError:
            raise
        except BaseException as error:
            # A sink that fails says what became of its lines; of the others it is said here.
            for line in _ends(ran) if len(sinks) > 1 or not isinstance(error, Failure) else ():
                console.note(line)
            raise
    _say(work, ran, truth.path, options)
    return 0 if stop.number is None else 128 + stop.number


def _open(name: str, work: LogJob, options: LogsCommandOptions) -> LineSink:
    from generator.logs.sinks import Opening, open_log_sink

    silent = options.quiet
    file = work.settings.output.file
    how = Opening(
        store_options.entry_of("elasticsearch:", options),
        note=(lambda _text: None) if silent else console.note,
        refused=work.folder / "refused.ndjson",
        suffix=work.suffix,
        size=int(file.rotation_size_mb * (1 << 20)),
        kept=work.kept,
    )
    return open_log_sink(name, how)


def _say(work: LogJob, ran: RunResult, truth: Path, options: LogsCommandOptions) -> None:
    """What came of it; on stderr where lines are on stdout."""
    if options.as_json:
        click.echo(json.dumps(_document(ran, truth), indent=1), err=work.on_stdout)
    elif not options.quiet:
        click.echo(_summary(ran, truth), err=work.on_stdout)


def _summary(ran: RunResult, truth: Path) -> str:
    from traffic.text import visible

    share = ran.anomalous / max(ran.lines, 1)
    rows = [("lines", f"{ran.lines:,}, {ran.anomalous:,} of them anomalous ({share:.2%}), in {ran.seconds:.1f} s")]
    rows += [("incidents", f"{ran.happened:,}, written down in {visible(str(truth))}")]
    # Where there are but a few, there is room to say what they are.
    few = ran.incidents if ran.happened == len(ran.incidents) else ()
    rows += [("", f"{visible(f'{one.kind} {one.service}'.strip())}, {_span(one)}, x {one.factor:g}") for one in few]
    rows += [("to", line) for line in _ends(ran)]
    return "\n".join(f"{name:10} {text}" for name, text in rows)


def _ends(ran: RunResult) -> list[str]:
    """What each place made of its lines."""
    from generator.logs.sinks import describe
    from traffic.text import visible

    return [f"{visible(end.name)}: {describe(end.counts, end.guarantee)}" for end in ran.ends]


def _span(incident: LogIncident) -> str:
    from traffic.times import iso

    return " to ".join(iso((time or 0) // 1_000_000) for time in (incident.start, incident.end))


def _document(ran: RunResult, truth: Path) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "lines": ran.lines,
        "anomalous": ran.anomalous,
        "incidents": ran.happened,
        "truth": str(truth),
        "seconds": round(ran.seconds, 3),
        "sinks": {end.name: asdict(end.counts) for end in ran.ends},
    }
