"""`generate`: fill a store with traffic, and write down what happened in it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.cli.background import BackgroundOptions, background_options, put_into_own
from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.cycles import collected_less
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from generator.pipeline import GenerationResult
    from generator.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(BackgroundOptions):
    """What the command line says; None where it says nothing."""

    scenario_file: Path | None
    weeks: float | None
    customers: int | None
    seed: int | None
    flows: bool | None
    as_json: bool
    verbose: bool


@click.command(
    cls=help_pages.Command,
    short_help="Fill a store with labelled traffic.",
    context_settings=shared.SETTINGS,
)
@click.option(
    "--scenario",
    "scenario_file",
    envvar="SL_SCENARIO",
    type=click.Path(path_type=Path),
    help="Scenario file.  [default: input/scenario.yaml]",
)
@shared.store
@store_options.entry
@shared.output
@click.option(
    "--start", help="Start of the window: 2026-11-01, 2026-11-01T10:00Z, now-7d, now/d.  [default: the scenario's]"
)
@click.option("--end", help="End of the window.  [default: the scenario's, or the current hour]")
@click.option("--weeks", type=shared.Number(0.01, 1040), help="Length of the window.  [default: the scenario's]")
@click.option(
    "--customers",
    type=click.IntRange(0, 1_000_000),
    help="Number of customers.  [default: the scenario's]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Random seed.  [default: the scenario's]")
@click.option(
    "--flows/--no-flows",
    default=None,
    help="Also write flow records (port, protocol, AS, country) and label the cause of each event.  [default: no]",
)
@click.option("--replace", is_flag=True, help="First delete the contents of the store (only generated data).")
@background_options
@store_options.columns
@shared.as_json
@shared.quiet
@shared.verbose
@collected_less()
def generate(**given: Any) -> None:
    """Fill a store with realistic, labelled traffic.

    Each customer has its own daily and weekly pattern, growth and noise. Events are injected into the traffic, and
    decoys: legitimate traffic that looks like an event. All of them are listed in ground_truth.csv. The same scenario
    and seed give the same traffic, to the byte. Generating again changes nothing, and a longer window adds to the
    store; another scenario or seed needs another store, or --replace.

    With --background the traffic is your own, from a file or any store, and incidents of the scenario's shapes are
    injected into it: `discover` and `tune` on that store then show what size of attack would be noticed.

    \b
    Examples:
      ./sl.py generate
      ./sl.py generate --customers 500 --weeks 8 --replace
      ./sl.py generate --store /tmp/other --output /tmp/other --seed 7
      ./sl.py generate --background flows.csv --store output/attacked/traffic --output output/attacked
    """
    from generator.scenario import configured

    options = GenerateOptions(**given)
    scenario = configured(
        options.scenario_file,
        start=options.start,
        end=options.end,
        weeks=options.weeks,
        customers=options.customers,
        seed=options.seed,
        flows=options.flows,
    )
    if options.background is not None:
        if options.customers is not None or options.flows is not None or options.weeks is not None:
            raise UsageFailure(
                "--customers, --flows and --weeks are for synthetic traffic: leave them out with --background"
            )
        done, store = put_into_own(options, scenario)
    else:
        if options.sizes or options.lengths or options.per_week is not None:
            raise UsageFailure("--sizes, --lengths and --per-week need --background with traffic of your own")
        done, store = _made(options, scenario)
    if options.as_json:
        click.echo(json.dumps(_document(scenario, done, store), indent=1))
    elif not options.quiet:
        click.echo(_summary(done, store))
    if options.verbose:
        console.note(", ".join(f"{name} {spent:.2f} s" for name, spent in done.seconds.items()))


def _made(options: GenerateOptions, scenario: Scenario) -> tuple[GenerationResult, str]:
    """Traffic that is made up; and what the store is called."""
    from generator.pipeline import generate
    from generator.scenario import FIELD
    from generator.world import World
    from traffic.disk import lock
    from traffic.store import open_sink

    now = int(time.time())
    # Refused before the store is opened: with --replace that already drops what it holds.
    world = World(scenario)
    world.check(scenario.window.resolve(now, scenario.seconds))
    with lock(options.output):
        sink = open_sink(
            options.store,
            FIELD,
            scenario.seconds,
            scenario=scenario.fingerprint,
            keys=len(scenario.customers.names),
            replace=options.replace,
            entry=store_options.entry_of(options.store, options),
            refused=options.output / "refused.ndjson",
        )
        with console.bar("generate", options.quiet, "points") as progress:
            return generate(scenario, sink, now, options.output, progress, world), sink.name


def _summary(done: GenerationResult, store: str) -> str:
    from traffic.text import visible
    from traffic.times import iso

    total = sum(done.labels.values())
    kinds = ", ".join(f"{done.labels.get(kind, 0):,} {kind}" for kind in ("required", "optional", "decoy", "ignore"))
    weeks = f"{done.window.seconds / 604800:.4g}"
    lines = {
        "customers": f"{done.customers:,}",
        "window": f"{iso(done.window.start)} to {iso(done.window.end)} ({weeks} {'week' if weeks == '1' else 'weeks'})",
        "points": f"{done.points:,}, {done.new:,} of them new",
        "labels": f"{total:,}: {kinds}",
        "store": visible(store),
        "truth": visible(str(done.truth)),
        "seconds": f"{sum(done.seconds.values()):.1f}",
    }
    return "\n".join(f"{name:10} {value}" for name, value in lines.items())


def _document(scenario: Scenario, done: GenerationResult, store: str) -> dict[str, Any]:
    from traffic.times import iso

    return {
        "customers": done.customers,
        "window": {"start": iso(done.window.start), "end": iso(done.window.end)},
        "points": done.points,
        "new_points": done.new,
        "labels": done.labels,
        "store": store,
        "truth": str(done.truth),
        "identity": done.identity,
        "scenario": scenario.fingerprint,
        "seed": scenario.seed,
        "seconds": {name: round(spent, 3) for name, spent in done.seconds.items()},
    }
