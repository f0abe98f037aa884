"""Who the customers of a scenario are: each a pure function of the scenario, its seed and the customer's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from math import exp, log
from zoneinfo import ZoneInfo

from generator.rng import Rng
from generator.scenario import Named, Scenario
from traffic.errors import UsageFailure
from traffic.model import WEEK, Window, week_start
from traffic.times import instant, iso

# Jobs start and end on quarters of an hour, as people set them. It also keeps them honest decoys: a job that filled
# only the last two minutes of an hour would lie above that hour's p95, and a detector would be right to report it.
QUARTER = 15
_FIRST_QUARTER = 22 * 4
_QUARTERS = 7 * 4

_LARGEST_CHANGE = 1e6

# How restless customers of a kind are: the logarithm in standard deviations, and how often each comes.
_STEPS, _SHARES = (-1.5, -0.75, 0.0, 0.75, 1.5), (0.13, 0.23, 0.28, 0.23, 0.13)


@dataclass(frozen=True)
class BackupJob:
    """A backup job: every week at the same local time."""

    day: int
    """0 = Monday."""
    minute: int
    """Of the local day."""
    minutes: int
    factor: float

    def run(self, week: int, zone: tzinfo) -> Window:
        """When it runs in the local week that begins on the date of `week` (Monday 00:00 UTC, epoch seconds)."""
        date = datetime.fromtimestamp(week, UTC).date() + timedelta(days=self.day)
        start = int(datetime.combine(date, time(self.minute // 60, self.minute % 60), zone).timestamp())
        return Window(start, start + 60 * self.minutes)

    def runs(self, window: Window, zone: tzinfo) -> Iterator[tuple[int, Window]]:
        """The runs that touch `window`, each with its local week."""
        for week in range(week_start(window.start) - WEEK, window.end + WEEK, WEEK):
            run = self.run(week, zone)
            if run.overlap(window):
                yield week, run


@dataclass(frozen=True)
class Season:
    """Growth that is too strong to go on for ever: up for some weeks, down again in a third of them."""

    per_week: float
    weeks: int
    phase: float
    """Where in its cycle it is at `growth.since`, in weeks."""

    @property
    def cycle(self) -> float:
        """Its length in weeks."""
        return self.weeks * 4 / 3

    def height(self, weeks: float) -> float:
        """How many weeks of growth lie between the middle of its range and `weeks` after `growth.since`."""
        elapsed = (weeks + self.phase) % self.cycle
        return min(elapsed, 3 * (self.cycle - elapsed)) - self.weeks / 2


@dataclass(frozen=True)
class Customer:
    """A customer and its habits."""

    key: str
    rate: float
    """Mean bit/s at `growth.since`."""
    profile: str
    peak_hour: float
    """Local time."""
    multiplier: float
    """Peak over trough."""
    growth: float
    """Share per week."""
    restless: float = 1.0
    """How many times as restless as others of its kind."""
    season: Season | None = None
    job: BackupJob | None = None
    hardship: str = ""
    """What makes it hard to judge: a field of `generator.hardship.Hard`; "" for none."""


def customers(scenario: Scenario) -> dict[str, Customer]:
    """All customers by key, in order of key."""
    named = {one.name: one for one in scenario.customers.named}
    return {key: _customer(scenario, key, named.get(key) or Named(key)) for key in scenario.customers.names}


def _customer(scenario: Scenario, key: str, given: Named) -> Customer:
    settings = scenario.customers
    rng = Rng(scenario.seed, "customer", 0, key)
    # All draws are made whether they are used or not: naming a customer's rate leaves its other habits alone.
    rate = float(f"{settings.rate * exp(settings.spread * rng.normal()):.3g}")
    names = list(scenario.profiles)
    drawn = names[rng.index([profile.share for profile in scenario.profiles.values()])]
    profile = scenario.profiles[given.profile or drawn]
    peak_hour = round(profile.peak_hour + rng.real(-1, 1) * settings.peak_hour_spread, 2) % 24
    multiplier = max(1.0, round(profile.multiplier * exp(rng.real(-1, 1) * settings.multiplier_spread), 2))
    growth = round(rng.real(*scenario.growth.per_week), 6)
    role, decoys = rng.unit(), scenario.decoys
    season = job = None
    hardship = scenario.hard.drawn(scenario.seed, key)
    if hardship:
        # It has neither growth nor a job besides.
        pass
    elif role < decoys.growth.share:
        phase = rng.real(0, decoys.growth.weeks * 4 / 3)
        season = Season(round(rng.real(*decoys.growth.per_week), 6), decoys.growth.weeks, phase)
    elif role < decoys.growth.share + decoys.backup.share:
        job = _job(scenario, rng)
    # A few steps, so that customers share the tables of their noise.
    step = Rng(scenario.seed, "restless", 0, key).index(_SHARES)
    return Customer(
        key=key,
        rate=rate if given.rate is None else given.rate,
        profile=given.profile or drawn,
        peak_hour=peak_hour if given.peak_hour is None else given.peak_hour % 24,
        multiplier=multiplier if given.multiplier is None else given.multiplier,
        growth=growth if given.growth is None else given.growth,
        restless=float(f"{exp(scenario.noise.spread * _STEPS[step]):.3g}"),
        season=season,
        job=job,
        hardship=hardship,
    )


def _job(scenario: Scenario, rng: Rng) -> BackupJob:
    settings = scenario.decoys.backup
    low, high = (-(-minutes // QUARTER) for minutes in settings.minutes)
    day = rng.whole(0, 6)
    minute = QUARTER * ((_FIRST_QUARTER + rng.whole(0, _QUARTERS)) % 96)
    return BackupJob(day, minute, QUARTER * rng.whole(low, high), round(rng.real(*settings.factor), 2))


def trend(scenario: Scenario, customer: Customer, at: int) -> float:
    """How many times its rate the customer sends in the long run at the epoch second `at`: growth and season."""
    weeks = (at - _since(scenario.growth.since)) / WEEK
    exponent = weeks * log(1 + customer.growth)
    if season := customer.season:
        exponent += season.height(weeks) * log(1 + season.per_week)
    if abs(exponent) > log(_LARGEST_CHANGE):
        raise UsageFailure(
            f"growth takes customer {customer.key!r} beyond a million times its rate by {iso(at)}: set growth.since "
            "closer to the window, or lower the growth"
        )
    # To nine digits: the last bits of logarithms and exponentials differ between machines.
    return float(f"{exp(exponent):.9g}")


@lru_cache(maxsize=16)
def _since(text: str) -> int:
    return instant(text, 0)


def zone_of(scenario: Scenario) -> ZoneInfo:
    """The scenario's time zone."""
    return ZoneInfo(scenario.time_zone)
