"""A run's findings on the terminal: the worst events, the verdict, and what was not judged."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from analyzer.model import CLASSES, Event, Findings, NotJudged, OtherPolicy, Outcome, Verdict
from analyzer.report.machine import suppressed
from analyzer.report.order import worst_first
from analyzer.report.table import COMPARISON, COVERAGE, EVENTS, INCIDENTS, NOT_JUDGED, SUPPRESSED, as_written
from analyzer.report.words import (
    FALLS,
    SPLIT_WORDS,
    came_by,
    clock,
    day,
    made,
    plural,
    rule,
    special,
    stretch,
    times,
)
from traffic.model import DAY, HOUR, WEEK, Label
from traffic.text import length, si, visible

ROWS = 20
_LISTED = 5
_REASONS = 8
_LEAST_WIDTH = 80
_LEAST_KEY = 8

_BOLD, _RED, _GREEN, _DIM, _END = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_BY = 28
"""Columns for what an event came by."""
_COLOURS: dict[str, str] = {"hit": _GREEN, "false alarm": _RED, "neutral": _DIM}
# Characters that some terminals draw two columns wide, or not at all.
_PLAIN = str.maketrans({"×": "x", "–": "-"})


def summary(findings: Findings, width: int = _LEAST_WIDTH, colour: bool = False) -> str:
    """What a person reads at the end of a run: lines of at most `width` columns (but 80 at least), and a newline.

    Without `colour` it holds no escape sequence, whatever the keys hold.
    """
    width = max(_LEAST_WIDTH, width)
    parts = (_head(findings, width, colour), _events(findings, width, colour), _verdict(findings, width, colour))
    blocks = [
        "\n".join(part)
        for part in (
            *parts[:2],
            _incidents(findings, width),
            *parts[2:],
            _not_judged(findings, width),
            _suppressed(findings, width),
            elsewhere(findings.elsewhere, width),
        )
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    stated = sum(event.event_class == "policy" for event in findings.events)
    count = plural(stated, "event") if stated else "No events"
    if others := len(findings.events) - stated:
        count += f" ({others:,} more, below your policy)"
    yield _paint(_shorten(f"{count} in {visible(findings.store)}", width), _BOLD, colour)
    yield f"{stretch(findings.window)} UTC, {plural(len(findings.keys), 'key')}".translate(_PLAIN)
    if said := findings.coverage.sentence():
        yield from wrap(visible(f"{said[0].upper()}{said[1:]} ({COVERAGE.file})."), width)
    yield from wrap(f"An event: {rule(findings)}.".translate(_PLAIN), width)
    if said := special(findings.policy):
        yield from wrap(f"{said}; times here are UTC.", width)
    policy = findings.policy
    if policy.direction == "above":
        yield f"{FALLS}: --direction both does."
    if policy.needed(findings.resolution) < policy.matches:
        reason = f"{length(policy.within)} hold no {policy.matches} buckets of {length(findings.resolution)}"
        yield from wrap(f"({policy.matches} matches were asked for, but {reason}.)", width)


def _events(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    """What the stated policy raises, and apart from it what else is worth a look."""
    stated = [event for event in findings.events if event.event_class == "policy"]
    others = [event for event in findings.events if event.event_class != "policy"]
    yield from _event_table(findings, stated, ROWS, width, colour)
    if others:
        kinds = Counter(event.event_class for event in others)
        said = ", ".join(f"{kinds[kind]:,} {kind}" for kind in CLASSES if kinds[kind])
        yield from ([""] if stated else [])
        yield f"Below your policy: {said}"
        yield from _event_table(findings, others, _LISTED, width, colour)


def _event_table(findings: Findings, events: Sequence[Event], most: int, width: int, colour: bool) -> Iterator[str]:
    if not events:
        return
    worst = worst_first(events)
    unit = findings.metric.unit
    rows: list[tuple[str, ...]] = [("key", "start", "length", "peak", "ratio", "sev", "verdict")]
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    for event in map(as_written, worst[:most]):
        ratio = times(event.ratio).translate(_PLAIN)
        figures = (_brief(event.window.seconds), si(event.peak, unit), ratio, f"{event.severity:.0f}")
        rows.append((event.key, _start(findings, event.start), *figures, of_event.get(event.id, ("", ""))[0]))
    aligned = ">>>>><"
    if findings.verdict is None:
        rows, aligned = [row[:-1] for row in rows], aligned[:-1]
    if findings.contributors:
        words = ["by", *(_shorten(came_by(findings, event), _BY) for event in worst[:most])]
        # Before the verdict, by which a line is painted.
        rows = [(*row[:6], by, *row[6:]) for row, by in zip(rows, words, strict=True)]
        aligned = f"{aligned[:5]}<{aligned[5:]}"
    for i, line in enumerate(_table(rows, aligned, width - 2)):
        verdict = rows[i][-1]
        yield "  " + _paint(line, _DIM if i == 0 else _COLOURS.get(verdict, ""), colour)
    if len(worst) > most:
        yield f"  ... and {len(worst) - most:,} more in {EVENTS.file}"
    if findings.contributors and (kind := findings.contributors[0].split) != "excess":
        yield f"  by: {SPLIT_WORDS[kind]}"


def _incidents(findings: Findings, width: int) -> Iterator[str]:
    """How many incidents the events are, and those of several keys."""
    several = [one for one in findings.incidents if one.keys > 1]
    if not several:
        return
    count = plural(len(findings.incidents), "incident")
    yield f"{count}, {len(several):,} of several keys ({INCIDENTS.file})"
    rows: list[tuple[str, ...]] = [("start", "length", "keys", "sev", "by chance", "in common")]
    for one in sorted(several, key=lambda one: (-one.severity, one.start, one.id))[:_LISTED]:
        chance = "-" if one.chance is None else f"{one.chance:.1g}"
        figures = (_brief(one.end - one.start), f"{one.keys:,}", f"{one.severity:.0f}", chance)
        rows.append((_start(findings, one.start), *figures, visible(one.common) or "time and direction"))
    yield from ("  " + line for line in _table(rows, "<>>>><", width - 2))


def _verdict(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    verdict = findings.verdict
    if verdict is None:
        hint = "No verdict: there is no truth for this store. To get one, give a list of known events with --truth FILE"
        yield from wrap(f"{hint} (a CSV with the columns key, start, end).", width)
        return
    title = f"Compared with the truth ({plural(len(verdict.outcomes), 'label')}, {COMPARISON.file})"
    yield _paint(title, _BOLD, colour)
    delay = verdict.median_onset_delay
    # Neutral events and labels not judged count neither for nor against, and stand apart at the end.
    left = [
        ("hits", verdict.hits, ""),
        ("misses", verdict.misses, ""),
        ("false alarms", verdict.false_alarms, ""),
        ("decoys that fired", verdict.decoys_fired, f" of {verdict.decoys:,}"),
        ("neutral events", verdict.neutral_events, ""),
    ]
    right = [
        ("precision", _share(verdict.precision)),
        ("recall", _share(verdict.recall)),
        ("F1", _share(verdict.f1)),
        ("median onset delay", "-" if delay is None else _brief(delay)),
        ("labels not judged", f"{verdict.not_judged:,}"),
    ]
    for (name, count, of), (other, figure) in zip(left, right, strict=True):
        yield f"  {name:<18} {count:>6,}{of:<12}{other:<18} {figure:>9}"
    if verdict.seen_below:
        were = "was" if verdict.seen_below == 1 else "were"
        yield f"  {verdict.seen_below:,} of the misses {were} seen as unusual, below your policy"
    yield from _by_shape(verdict, width)
    yield from _listed(findings, verdict, width)


def _by_shape(verdict: Verdict, width: int) -> Iterator[str]:
    """What was found of which shape, where there are several."""
    counted = [(shape, counts) for shape, counts in verdict.by_shape.items() if counts.get("hit") or counts.get("miss")]
    if len(counted) < 2:
        return
    rows: list[tuple[str, ...]] = [("by shape", "hits", "misses")]
    for shape, counts in counted:
        name = visible(shape.replace("_", " ")) or "(none)"
        rows.append((name, f"{counts.get('hit', 0):,}", f"{counts.get('miss', 0):,}"))
    yield from ("  " + line for line in _table(rows, ">>", width - 2))


def _listed(findings: Findings, verdict: Verdict, width: int) -> Iterator[str]:
    """The first few misses and the worst false alarms, by name: what to look at next."""
    missed = [outcome for outcome in verdict.outcomes if outcome.verdict == "miss"]
    rows = [
        (label.key or "(any key)", _start(findings, label.start), _brief(label.window.seconds), _made(label))
        for label in (outcome.label for outcome in missed)
    ]
    why = [outcome.why for outcome in missed]
    yield from _list("missed:", rows, len(missed), COMPARISON.file, width, why)
    decoys = {outcome.event_id: outcome for outcome in verdict.outcomes if outcome.verdict == "fired"}
    wrong = [e for e in worst_first(findings.events) if verdict.of_event.get(e.id, ("", ""))[0] == "false alarm"]
    rows = [
        (event.key, _start(findings, event.start), _brief(event.window.seconds), _decoy(decoys.get(event.id)))
        for event in wrong[:_LISTED]
    ]
    yield from _list("false alarms:", rows, len(wrong), EVENTS.file, width)


def _list(
    title: str, rows: Sequence[tuple[str, ...]], count: int, file: str, width: int, why: Sequence[str] = ()
) -> Iterator[str]:
    if not rows:
        return
    yield f"  {title}"
    for place, line in enumerate(_table(rows[:_LISTED], ">><", width - 4)):
        yield "    " + line
        said = why[place] if why else ""
        yield from wrap(visible(said), width, initial_indent="      ", subsequent_indent="      ")
    if count > _LISTED:
        yield f"    ... and {count - _LISTED:,} more in {file}"


def _made(label: Label) -> str:
    return _shorten(visible(made(label).translate(_PLAIN)), 26)


def _decoy(outcome: Outcome | None) -> str:
    return f"on a decoy ({_made(outcome.label)})" if outcome is not None else ""


def _not_judged(findings: Findings, width: int) -> Iterator[str]:
    total = findings.seconds_there
    if not findings.not_judged or not total:
        all_of_it = "Everything" if findings.coverage.whole else "All that was read"
        yield f"{all_of_it} was judged." if total else "There was nothing to judge."
        return
    seconds: dict[str, int] = {}
    for gap in findings.not_judged:
        seconds[gap.key] = seconds.get(gap.key, 0) + gap.end - gap.start
    whole = sum(gone >= findings.window.seconds for gone in seconds.values())
    share = _percent(sum(seconds.values()), total)
    keys = f"{len(seconds):,} of {plural(len(findings.keys), 'key')}" + (f", {whole:,} of them wholly" if whole else "")
    yield from wrap(f"Not judged: {share} of the key-hours; {keys} ({NOT_JUDGED.file})", width)
    needed = findings.policy.min_weeks + 1
    unit, seconds_of_one = ("weeks", WEEK) if findings.policy.slots == "week" else ("days", DAY)
    if findings.window.seconds < needed * seconds_of_one:
        yield from wrap(
            f"It takes {needed} {unit} of data to compare an hour with the same hour of {needed - 1} others: "
            f"there are {length(findings.window.seconds)}.",
            width,
        )
    rows = []
    reasons = sorted(_by_reason(findings.not_judged).items(), key=lambda item: (-_seconds(item[1]), item[0]))
    for reason, gaps in reasons[:_REASONS]:
        hours = _seconds(gaps) / HOUR
        keys = plural(len({gap.key for gap in gaps}), "key")
        rows.append((reason, keys, f"{hours:,.0f} key-hours", _percent(_seconds(gaps), total)))
    yield from ("  " + line for line in _table(rows, ">>>", width - 2))
    if len(reasons) > _REASONS:
        yield f"  ... and {plural(len(reasons) - _REASONS, 'more reason')} in {NOT_JUDGED.file}"
    # Wrapped by characters, of which some are two columns wide.
    lines = wrap(_most(seconds), width, initial_indent="  ", subsequent_indent="    ")
    yield from (_shorten(line, width) for line in lines)


def _most(seconds: Mapping[str, int]) -> str:
    """The keys that were judged least."""
    most = sorted(seconds, key=lambda key: (-seconds[key], key))
    if len(most) > 1 and seconds[most[0]] == seconds[most[-1]]:
        return f"each of these keys: {seconds[most[0]] / HOUR:,.0f} h"
    return "most: " + ", ".join(f"{_shorten(visible(key), 24)} {seconds[key] / HOUR:,.0f} h" for key in most[:3])


def _suppressed(findings: Findings, width: int) -> Iterator[str]:
    if not findings.suppressed:
        return
    hours, keys = sum(some.hours for some in findings.suppressed), {some.key for some in findings.suppressed}
    what = f"{plural(hours, 'key-hour')} of {plural(len(keys), 'key')}"
    passed = "the stated threshold" if findings.policy.over_units else f"{findings.policy.multiple:g}x"
    yield from wrap(f"Above {passed}, but no event: {what} ({SUPPRESSED.file})", width)
    for reason, count in sorted(suppressed(findings).items(), key=lambda item: (-item[1], item[0])):
        yield from wrap(f"{reason}: {plural(count, 'key-hour')}", width, initial_indent="  ", subsequent_indent="    ")


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
            said += f"; series that it never looked at: {one.never_looked_at:,} of {one.series:,}"
        yield from wrap(visible(said), width, initial_indent="  ", subsequent_indent="    ")
        if one.against_fired:
            against = f"against what fired: {one.against_fired}"
            yield from wrap(visible(against), width, initial_indent="    ", subsequent_indent="      ")
        for line in filter(None, one.not_emulated.split("; ")):
            yield from wrap(visible(f"not emulated: {line}"), width, initial_indent="    ", subsequent_indent="      ")


def _called(one: OtherPolicy) -> str:
    return one.name if one.engine in ("sl", "static") else f"{one.engine} {one.name}"


def _by_reason(gaps: Iterable[NotJudged]) -> dict[str, list[NotJudged]]:
    found: dict[str, list[NotJudged]] = {}
    for gap in gaps:
        found.setdefault(gap.reason, []).append(gap)
    return found


def _seconds(gaps: Iterable[NotJudged]) -> int:
    return sum(gap.end - gap.start for gap in gaps)


def _table(rows: Sequence[tuple[str, ...]], align: str, width: int) -> Iterator[str]:
    """Rows as lines of at most `width` columns: the first cell to the left and as wide as the others leave it.

    `align` holds "<" or ">" for every other cell.
    """
    rows = [(visible(row[0]), *row[1:]) for row in rows]
    wide = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    wide[0] = max(_LEAST_KEY, min(wide[0], width - sum(wide[1:]) - 2 * (len(wide) - 1)))
    for name, *others in rows:
        first = _shorten(name, wide[0])
        cells = [first + " " * (wide[0] - columns(first))]
        cells += [f"{cell:{way}{room}}" for cell, way, room in zip(others, align, wide[1:], strict=False)]
        yield "  ".join(cells).rstrip()


def columns(text: str) -> int:
    """How many columns of a terminal a printable text takes: two a wide East Asian letter, none a combining mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shorten(text: str, width: int) -> str:
    """At most `width` columns; what is left out is in the middle, because both ends of a key tell more."""
    if columns(text) <= width:
        return text
    tail = (width - 3) // 2
    head = width - 3 - tail
    return _first(text, head) + "..." + _first(text[::-1], tail)[::-1]


def _first(text: str, width: int) -> str:
    end = 0
    for end, character in enumerate(text):
        width -= _columns(character)
        if width < 0:
            return text[:end]
    return text[: end + 1]


def _start(findings: Findings, time: int) -> str:
    return f"{day(time, year=findings.window.seconds > 300 * DAY)} {clock(time)}"


def _brief(seconds: float) -> str:
    """A length of time in at most eight columns, so that the keys have room: `45 s`, `43 min`, `2.1 h`, `3.2 d`."""
    for below, size, unit in ((60, 1, "s"), (HOUR, 60, "min"), (2 * DAY, HOUR, "h")):
        if seconds < below:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds / DAY:.1f}".removesuffix(".0") + " d"


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    # Only what is perfect is called 1.000.
    return f"{min(value, 0.999) if value < 1 else value:.3f}"


def _percent(part: float, whole: float) -> str:
    # What is there is never called 0 %, and what is not all is never called 100 %.
    share = 100 * part / whole
    if 0 < share < 0.05:
        return "<0.1 %"
    return f"{min(share, 99.9) if part < whole else share:.1f} %"


def _paint(line: str, colour: str, wanted: bool) -> str:
    return f"{colour}{line}{_END}" if wanted and colour else line
