"""A round's news, told: kept before it is said and after, so that a kill at no moment loses any of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from analyzer.model import EventClass, Findings
from analyzer.watching.lines import STDOUT, position, write_lines
from analyzer.watching.news import News, Told, documents, looked, news
from analyzer.watching.receivers import Receiver, Unheard
from analyzer.watching.state import TOLD, Pending, State, read_state, write_state
from traffic.disk import lock
from traffic.errors import UsageFailure


@dataclass(frozen=True)
class Telling:
    """How a round's news is told."""

    output: Path
    every: int
    """Seconds between two rounds."""
    lag: int
    """Seconds behind the clock in which buckets may still be filling."""
    since: int | None
    """Events that ended before this are known; None: one round before the first."""
    receivers: tuple[Receiver, ...]
    classes: frozenset[EventClass]
    """Of events that receivers are told; the lines on stdout are of all."""
    complain: Callable[[str], None] = field(repr=False)
    """Is told what a person should know."""


@dataclass(frozen=True)
class RoundTold:
    """What became of a round's news."""

    news: tuple[News, ...]
    told: tuple[Told, ...]
    waiting: dict[str, int]
    """What each receiver has still to hear."""
    failures: dict[str, int]


def begin(how: Telling, now: int) -> None:
    """Keep when the first round began: what it is killed over is still new to the next one."""
    with lock(how.output):
        if read_state(how.output) is None:
            write_state(how.output, State(now))


def tell(findings: Findings, how: Telling, now: int) -> RoundTold:
    """Find out what is new, keep it, say it, keep that it was said.

    Raises:
        StorageFailure: the folder cannot be written, its state is damaged, or nobody takes the lines.
        UsageFailure: the folder tells of another store.
        LockedFailure: another run holds it.
    """
    with lock(how.output):
        state = _of(read_state(how.output) or State(now), findings, how)
        # What a killed round left comes first: where its lines stand in a file was kept with them.
        state, _ = _deliver(state, how, now)
        round_ = looked(findings, now, how.lag, state.since)
        told, items = news(state.told, findings.events, documents(findings), round_)
        state = _kept(state, told, items, how)
        write_state(how.output, state)
        state, failures = _deliver(state, how, now)
        for receiver in how.receivers:
            if receiver.name in failures:
                continue
            try:
                receiver.remind([one for one in told if one.event_class in how.classes], now)
            except Unheard as error:
                how.complain(str(error))
                failures[receiver.name] = 1
        waiting = {receiver.name: len(state.waits_for(receiver.name)) for receiver in how.receivers}
    return RoundTold(tuple(items), tuple(told), waiting, failures)


def _of(state: State, findings: Findings, how: Telling) -> State:
    """The state of this store; the first round says what is known already."""
    store, metric = findings.store, findings.metric.name
    if not state.store:
        sure = min(state.begun - how.lag, findings.window.end)
        return replace(state, store=store, metric=metric, since=sure - how.every if how.since is None else how.since)
    if (state.store, state.metric) != (store, metric):
        raise UsageFailure(
            f"{how.output / TOLD} is of {state.store} ({state.metric}), not of {store} ({metric}): use another --output"
        )
    return state


def _kept(state: State, told: Sequence[Told], items: Sequence[News], how: Telling) -> State:
    """The state with what there is to say. What waits for receivers that are named no more is let go of."""
    names = {STDOUT, *(receiver.name for receiver in how.receivers)}
    before = [replace(one, to=tuple(name for name in one.to if name in names)) for one in state.pending]
    if gone := sorted({name for one in state.pending for name in one.to} - names):
        how.complain(f"{', '.join(gone)} is no longer given with --notify: its pending notifications are dropped")
    added = []
    for one in items:
        concerned = {one.event["class"], one.was.get("class")} & how.classes
        to = (STDOUT, *(receiver.name for receiver in how.receivers if concerned))
        added.append(Pending(one, to))
    # Lines that wait since before stand where they were about to be written then.
    at = state.stdout if state.waits_for(STDOUT) else position(1)
    pending = (*(one for one in before if one.to), *added)
    return replace(state, told=tuple(told), pending=pending, stdout=at, rounds=state.rounds + 1)


def _deliver(state: State, how: Telling, now: int) -> tuple[State, dict[str, int]]:
    """Say what waits; what is heard is kept as heard at once."""
    failures: dict[str, int] = {}
    if lines := state.waits_for(STDOUT):
        sys.stdout.flush()
        write_lines(1, state.stdout, lines)
        state = state.heard(STDOUT, {one.id for one in lines})
        write_state(how.output, state)
    for receiver in how.receivers:
        try:
            for heard in receiver.tell(state.waits_for(receiver.name), now):
                state = state.heard(receiver.name, heard)
                write_state(how.output, state)
        except Unheard as error:
            left = len(state.waits_for(receiver.name))
            how.complain(f"{error}: {left:,} pending, tried again in the next round")
            failures[receiver.name] = failures.get(receiver.name, 0) + 1
    return state, failures
