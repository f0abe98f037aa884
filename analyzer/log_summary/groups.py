"""Values that say more than they should be counted by: user agents by family, referrers by host."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ua_parser import parse

from traffic.access_log import Count, Top

RAW = 2_000
"""Different values, the most frequent ones, that are looked at one by one; the rest is counted with the others."""

_PRODUCT = re.compile(r"([A-Za-z][\w .+-]*?)(?:/|$)")
_HOST = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#:]+)", re.IGNORECASE)


def by_family(top: Top, most: int) -> Top:
    """User agents as their families: `Chrome`, `Googlebot`, `curl`; of an unknown one the name of the product."""
    return _grouped(top, most, family)


def by_host(top: Top, most: int) -> Top:
    """Referrers as the hosts that sent somebody."""
    return _grouped(top, most, lambda referrer: found[1].lower() if (found := _HOST.match(referrer)) else referrer)


def family(agent: str) -> str:
    """What program a user agent is."""
    known = parse(agent).user_agent
    if known is not None:
        return known.family
    product = _PRODUCT.match(agent)
    return product[1] if product else agent


class _Sum(NamedTuple):
    requests: int = 0
    errors: int | None = None
    sent: int | None = None


def _grouped(top: Top, most: int, group: Callable[[str], str]) -> Top:
    sums: dict[str, _Sum] = {}
    for count in top.counts:
        name = group(count.value)
        before = sums.get(name, _Sum())
        errors, sent = _plus(before.errors, count.errors), _plus(before.sent, count.sent)
        sums[name] = _Sum(before.requests + count.requests, errors, sent)
    order = sorted(sums.items(), key=lambda one: (-one[1].requests, one[0]))
    counts = [Count(name, one.requests, one.errors, one.sent) for name, one in order]
    rest = sum(count.requests for count in counts[most:])
    return Top(tuple(counts[:most]), top.others + rest, top.without)


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
