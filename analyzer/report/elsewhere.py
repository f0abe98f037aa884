"""Policies of other engines beside the run's own: for the terminal, and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from analyzer.model import OtherPolicy
from analyzer.report.words import plural
from traffic.text import length, visible


@dataclass(frozen=True)
class PolicyRow:
    """A policy in the table of the page."""

    name: str
    cells: tuple[str, ...]
    """One of each of `HEADS`."""
    remarks: tuple[str, ...]


HEADS = (
    "incidents found",
    "not judged",
    "false alarms",
    "alerts a week",
    "most of one series",
    "delay",
    "never evaluated",
)


def policy_rows(policies: Sequence[OtherPolicy]) -> list[PolicyRow]:
    """A row a policy; what is not known is a dash."""
    return [_row(one) for one in policies]


def _row(one: OtherPolicy) -> PolicyRow:
    known = one.incidents is not None
    cells = (
        f"{one.hits:,} of {one.incidents:,}" if known else "-",
        f"{one.not_judged:,}" if known else "-",
        "-" if one.false_alarms is None else f"{one.false_alarms:,}",
        "-" if one.alerts_per_week is None else f"{one.alerts_per_week:,.1f}",
        f"{one.worst_per_week:,.1f} ({visible(one.worst_key)})" if one.worst_key else "-",
        "-" if one.median_delay is None else length(one.median_delay),
        f"{one.never_looked_at:,} of {one.series:,} series" if one.never_looked_at else "-",
    )
    return PolicyRow(visible(_called(one)), cells, tuple(visible(line) for line in _remarks(one)))


def _remarks(one: OtherPolicy) -> Iterator[str]:
    """What is to be said of it besides."""
    if one.against_fired:
        yield f"compared with what fired: {one.against_fired}"
    yield from (f"not emulated: {line}" for line in one.not_emulated.split("; ") if line)


def elsewhere(policies: Sequence[OtherPolicy], width: int) -> Iterator[str]:
    """Policies of other engines beside the run's own, a line each, and below it what of the engine is not judged."""
    if not policies:
        return
    yield "Policies on the same history:"
    for one in policies:
        rate = "nothing was judged" if one.alerts_per_week is None else f"{one.alerts_per_week:,.1f} alerts a week"
        found = "" if one.incidents is None else f"{one.hits:,} of {plural(one.incidents, 'incident')}, "
        wrong = f", {plural(one.false_alarms, 'false alarm')}" if one.false_alarms is not None else ""
        blind = f", {plural(one.not_judged, 'incident')} not judged" if one.not_judged else ""
        said = f"{_called(one)}: {found}{rate}{wrong}{blind}"
        if one.never_looked_at:
            said += f"; series it never evaluated: {one.never_looked_at:,} of {one.series:,}"
        yield from wrap(visible(said), width, initial_indent="  ", subsequent_indent="    ")
        for line in _remarks(one):
            yield from wrap(visible(line), width, initial_indent="    ", subsequent_indent="      ")


def _called(one: OtherPolicy) -> str:
    return one.name if one.engine in ("sl", "static") else f"{one.engine} {one.name}"
