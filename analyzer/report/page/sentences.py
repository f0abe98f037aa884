"""What the page says of an event or a label, for whoever does not see the charts."""

from __future__ import annotations

from analyzer.model import Event, Findings
from analyzer.outcome import Outcome
from analyzer.report.words import limit_words, made, peak_words, volume, when
from traffic.text import length, visible


def about(findings: Findings, event: Event) -> str:
    """An event in one sentence: whose, when, how high, over which limit, how much."""
    facts = [f"{visible(event.key)}: {when(event.window)} UTC", length(event.window.seconds)]
    facts += [
        peak_words(event, findings.metric),
        f"limit {limit_words(event, findings.policy.of(event.key), findings.metric)}",
    ]
    if amount := volume(event, findings.metric):
        facts.append(f"{amount} {'missing' if event.direction == 'below' else 'above the baseline in all'}")
    more = [f"severity {event.severity:.0f}, {event.band}"]
    if event.event_class != "policy":
        more.append(f"below your policy ({event.event_class})")
    if event.recurs:
        more.append(f"recurs {event.recurs}")
    if event.confidence == "low":
        more.append("few weeks to compare with")
    return f"{', '.join(facts)}; {'; '.join(more)}."


def label_words(outcome: Outcome) -> str:
    """A label: `customer-0007: Tue 17 Nov 2026 14:05–16:10 UTC slow burn ×4.2`."""
    label = outcome.label
    words = [f"{visible(label.key or 'any series')}:", when(label.window), "UTC", visible(made(label))]
    return " ".join(filter(None, words))
