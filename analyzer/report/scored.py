"""What the comparison with the truth says, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from analyzer.model import Findings
from analyzer.outcome import Outcome, Verdict
from analyzer.report.lines import BOLD, LISTED, PLAIN, brief, paint, share, shorten, started, table
from analyzer.report.order import worst_first
from analyzer.report.table import COMPARISON, EVENTS
from analyzer.report.words import made, plural
from traffic.model import Label
from traffic.text import visible


def scored(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    """The lines of the comparison with the truth, or how to get one."""
    verdict = findings.verdict
    if verdict is None:
        hint = "Not scored: no labelled incidents for this store. Pass a list of known incidents with --truth FILE"
        yield from wrap(f"{hint} (a CSV with the columns key, start, end).", width)
        return
    title = f"Compared with the truth ({plural(len(verdict.outcomes), 'label')}, {COMPARISON.file})"
    yield paint(title, BOLD, colour)
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
        ("precision", share(verdict.precision)),
        ("recall", share(verdict.recall)),
        ("F1", share(verdict.f1)),
        ("median onset delay", "-" if delay is None else brief(delay)),
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
    yield from ("  " + line for line in table(rows, ">>", width - 2))


def _listed(findings: Findings, verdict: Verdict, width: int) -> Iterator[str]:
    """The first few misses and the worst false alarms, by name: what to look at next."""
    missed = [outcome for outcome in verdict.outcomes if outcome.verdict == "miss"]
    rows = [
        (label.key or "(any series)", started(findings, label.start), brief(label.window.seconds), _made(label))
        for label in (outcome.label for outcome in missed)
    ]
    why = [outcome.why for outcome in missed]
    yield from _list("missed:", rows, len(missed), COMPARISON.file, width, why)
    decoys = {outcome.event_id: outcome for outcome in verdict.outcomes if outcome.verdict == "fired"}
    wrong = [e for e in worst_first(findings.events) if verdict.of_event.get(e.id, ("", ""))[0] == "false alarm"]
    rows = [
        (event.key, started(findings, event.start), brief(event.window.seconds), _decoy(decoys.get(event.id)))
        for event in wrong[:LISTED]
    ]
    yield from _list("false alarms:", rows, len(wrong), EVENTS.file, width)


def _list(
    title: str, rows: Sequence[tuple[str, ...]], count: int, file: str, width: int, why: Sequence[str] = ()
) -> Iterator[str]:
    if not rows:
        return
    yield f"  {title}"
    for place, line in enumerate(table(rows[:LISTED], ">><", width - 4)):
        yield "    " + line
        said = why[place] if why else ""
        yield from wrap(visible(said), width, initial_indent="      ", subsequent_indent="      ")
    if count > LISTED:
        yield f"    ... and {count - LISTED:,} more in {file}"


def _made(label: Label) -> str:
    return shorten(visible(made(label).translate(PLAIN)), 26)


def _decoy(outcome: Outcome | None) -> str:
    return f"on a decoy ({_made(outcome.label)})" if outcome is not None else ""
