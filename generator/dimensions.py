"""What a customer's traffic is made of: flows by destination port, protocol, source AS and country, to the byte.

A flow is a cell of two lists of the customer's own: services (port and protocol) and networks (AS and country). Cells
have weights, with a rhythm of the day and a noise of the hour; a service or network stays away in some weeks. What an
event puts on top comes from its culprit alone: a service, a network, one cell of both, or two services or networks, of
the customer's usual ones or new to it. Decoys, bursts and outages are like the rest of the traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from generator.rng import TABLE_BITS, Rng, few_bits, lognormal_table
from traffic.flows import Catalogue, Flows
from traffic.model import Floats, Grid, Ints
from traffic.settings import BadSetting, WholeRange, check, check_range

HOURS = 168
_NOISE = 0.2
"""How restless the cells are from hour to hour (standard deviation of the logarithm)."""
_RHYTHM = 0.3
"""How far the weight of a service goes up and down in a day."""
_FIRST_AS = 64_512
"""Of those that nobody has (RFC 6996)."""
_COUNTRIES = ("US", "DE", "GB", "NL", "FR", "BR", "CN", "IN", "JP", "SG", "RU", "AU", "CA", "PL", "SE", "ZA")
_KINDS = ("value", "pair", "several")


@dataclass(frozen=True)
class Dimensions:
    """Of which values traffic is made, and by what events come."""

    enabled: bool = False
    services: Mapping[str, float] = field(
        default_factory=lambda: {
            "443/tcp": 50.0,
            "80/tcp": 12.0,
            "22/tcp": 4.0,
            "25/tcp": 4.0,
            "53/udp": 4.0,
            "993/tcp": 3.0,
            "8080/tcp": 3.0,
            "3389/tcp": 2.0,
            "1194/udp": 2.0,
            "123/udp": 1.0,
            "1900/udp": 0.5,
            "11211/udp": 0.5,
            "389/udp": 0.5,
        }
    )
    networks: int = 40
    services_each: WholeRange = (3, 5)
    networks_each: WholeRange = (3, 5)
    away: float = 0.1
    culprits: Mapping[str, float] = field(default_factory=lambda: {"value": 3.0, "pair": 1.0, "several": 1.0})
    new: float = 0.5

    def __post_init__(self) -> None:
        for name in self.services:
            port, _, protocol = name.partition("/")
            if not (port.isdecimal() and 0 <= int(port) < 65_536 and protocol in ("tcp", "udp", "icmp")):
                raise BadSetting("services", f"{name!r} is not a port and protocol such as 443/tcp")
            check(f"services.{name}", self.services[name], 0, 1e6)
        check("networks", self.networks, 2, 1000)
        for name, there in (("services_each", len(self.services)), ("networks_each", self.networks)):
            check_range(name, getattr(self, name), 1, there - 1)
        if sum(weight > 0 for weight in self.services.values()) < self.services_each[1] + 1:
            raise BadSetting(
                "services",
                "too few with a weight above 0: more are needed than a customer has, plus one that is new to it",
            )
        check("away", self.away, 0, 0.9)
        for name in self.culprits:
            if name not in _KINDS:
                raise BadSetting("culprits", f"unknown {name!r}; use {', '.join(_KINDS)}")
            check(f"culprits.{name}", self.culprits[name], 0, 1e6)
        if self.enabled and not sum(self.culprits.values()):
            raise BadSetting("culprits", "none has a weight above 0")
        check("new", self.new, 0, 1)


Cell = tuple[int, int]
"""A service and a network, as places in the lists of the scenario."""


@dataclass(frozen=True)
class Culprit:
    """By what an event comes: the cells that it lies in, each with its share, and how that is written in the truth."""

    cells: tuple[tuple[Cell, float], ...]
    text: str


@dataclass(frozen=True)
class Excess:
    """What an event puts on top of a customer's traffic: bytes of each step of a week, from step `first` on."""

    first: int
    amounts: Ints
    culprit: Culprit


class Mixture:
    """The flows of a scenario's customers. Every array is a pure function of (settings, seed, key, week)."""

    def __init__(self, settings: Dimensions, seed: int) -> None:
        self._settings, self._seed = settings, seed
        self.catalogue = Catalogue(
            tuple((int(port), protocol) for port, _, protocol in (one.partition("/") for one in settings.services)),
            tuple((_FIRST_AS + number, _COUNTRIES[number % len(_COUNTRIES)]) for number in range(settings.networks)),
        )

    @lru_cache(maxsize=4096)  # noqa: B019 - lives as long as the scenario
    def usual(self, key: str) -> tuple[tuple[int, ...], tuple[int, ...], Floats, Floats]:
        """The services and networks of a customer, and their weights."""
        rng, settings = Rng(self._seed, "flows of", 0, key), self._settings
        services = _drawn(rng, list(settings.services.values()), rng.whole(*settings.services_each))
        networks = _drawn(rng, [1.0] * settings.networks, rng.whole(*settings.networks_each))
        of_services = np.array([round(list(settings.services.values())[one] * rng.real(0.5, 2), 3) for one in services])
        of_networks = np.array([round(rng.real(0.3, 1), 3) for _ in networks])
        return services, networks, of_services, of_networks

    def of_campaign(self, key: str, campaign: str) -> Culprit:
        """By what what hits many comes: the same value for all of them."""
        services, networks, of_services, of_networks = self.usual(key)
        rng = Rng(self._seed, "culprit of all", 0, campaign)
        if rng.unit() < 0.5:
            one, shares = rng.index(list(self._settings.services.values())), of_networks / of_networks.sum()
            cells = [((one, net), float(share)) for net, share in zip(networks, shares, strict=True)]
            return Culprit(tuple(cells), self._service(one))
        net, shares = rng.whole(0, self._settings.networks - 1), of_services / of_services.sum()
        cells = [((one, net), float(share)) for one, share in zip(services, shares, strict=True)]
        return Culprit(tuple(cells), self._network(net))

    def culprit(self, key: str, incident: str, campaign: str = "") -> Culprit:
        """By what an event of a customer comes. `incident`: the id of its label."""
        if campaign:
            return self.of_campaign(key, campaign)
        services, networks, of_services, of_networks = self.usual(key)
        rng = Rng(self._seed, "culprit", 0, f"{key}\0{incident}")
        kind = _KINDS[rng.index([self._settings.culprits.get(name, 0.0) for name in _KINDS])]
        if kind == "pair":
            cell = (services[rng.whole(0, len(services) - 1)], networks[rng.whole(0, len(networks) - 1)])
            return Culprit(((cell, 1.0),), f"{self._service(cell[0])} & {self._network(cell[1])}")
        by_service, new = rng.unit() < 0.5, rng.unit() < self._settings.new
        own = services if by_service else networks
        everybody = len(self._settings.services) if by_service else self._settings.networks
        pool = [one for one in range(everybody) if (one in own) != new] or list(own)
        chosen = [pool[one] for one in _drawn(rng, [1.0] * len(pool), min(1 if kind == "value" else 2, len(pool)))]
        if by_service:
            shares = of_networks / of_networks.sum()
            cells = [((one, net), float(share)) for one in chosen for net, share in zip(networks, shares, strict=True)]
        else:
            shares = of_services / of_services.sum()
            cells = [((one, net), float(share)) for net in chosen for one, share in zip(services, shares, strict=True)]
        name = self._service if by_service else self._network
        even = tuple((cell, share / len(chosen)) for cell, share in cells)
        return Culprit(even, " | ".join(dict.fromkeys(map(name, chosen))))

    def flows(self, key: str, row: int, grid: Grid, week: int, amounts: Ints, excesses: Sequence[Excess]) -> Flows:
        """A customer's amounts on a grid of steps, cut into flows that add up to them; -1 (missing) has none.

        Args:
            row: of the key, in what is written together.
            grid: that the amounts are on, within the week.
            excesses: what events put on top, by steps of the whole week.
        """
        first = (grid.start - week) // grid.step
        there = amounts >= 0
        left = np.where(there, amounts, 0)
        parts: dict[Cell, Ints] = {}
        for excess in excesses:
            begin, end = max(excess.first - first, 0), min(excess.first + len(excess.amounts) - first, grid.count)
            if begin >= end:
                continue
            own = np.zeros(grid.count, dtype=np.int64)
            own[begin:end] = excess.amounts[begin + first - excess.first : end + first - excess.first]
            own = np.where(there, np.clip(own, 0, left), 0)
            left = left - own
            shares = np.array([share for _, share in excess.culprit.cells])
            for (cell, _), part in zip(excess.culprit.cells, _cut(own, np.round(shares, 6)[None]), strict=True):
                parts[cell] = parts.get(cell, 0) + part
        cells, weights = self._weights(key, week)
        hour = (np.arange(first, first + grid.count) * grid.step // 3600).astype(np.int64)
        for cell, part in zip(cells, _cut(left, weights[hour]), strict=True):
            parts[cell] = parts.get(cell, 0) + part
        order = sorted(parts)
        found = np.stack([parts[cell] for cell in order])
        # A step that is there with nothing in it keeps a flow of nothing: it is not missing.
        held = found > 0
        held[0] |= there & (amounts == 0)
        time, which = np.nonzero(held.T)
        service = np.array([one for one, _ in order], dtype=np.int32)[which]
        network = np.array([one for _, one in order], dtype=np.int32)[which]
        return Flows(row, time, found[which, time], {"service": service, "network": network})

    def _weights(self, key: str, week: int) -> tuple[list[Cell], Floats]:
        """The cells of a customer in a week, and the weight of each in each hour: shape (168, cells)."""
        services, networks, of_services, of_networks = self.usual(key)
        there_s, there_n = (self._there(key, week, name, own) for name, own in (("s", services), ("n", networks)))
        hour = np.arange(HOURS)
        phase = np.array([Rng(self._seed, "phase", one, key).real(0, 24) for one in services])
        wave = 1 + _RHYTHM * np.sin((hour[:, None] - phase) / 24 * 2 * np.pi)
        joint = (wave * of_services * there_s)[:, :, None] * (of_networks * there_n)
        cells = [(service, network) for service in services for network in networks]
        draws = few_bits(HOURS * len(cells), self._seed, "flow noise", week, key) >> (16 - TABLE_BITS)
        noise = lognormal_table(_NOISE)[draws].reshape(HOURS, len(cells))
        # Rounded, so that the last bit of a sine, which differs between processors, cannot show.
        return cells, np.round(joint.reshape(HOURS, -1) * noise, 6)

    def _there(self, key: str, week: int, name: str, own: Sequence[int]) -> Floats:
        """1 for what is there in a week, 0 for what stays away; the first of the customer's always is there."""
        rng = Rng(self._seed, f"away {name}", week, key)
        drawn = [rng.unit() >= self._settings.away for _ in own]
        return np.array([1.0 if here or place == 0 else 0.0 for place, here in enumerate(drawn)])

    def _service(self, one: int) -> str:
        return f"dst_port={self.catalogue.services[one][0]}"

    def _network(self, one: int) -> str:
        return f"src_as={self.catalogue.networks[one][0]}"


def _cut(amounts: Ints, weights: Floats) -> Ints:
    """Amounts, shape (steps,), cut by weights, shape (steps or 1, cells), into whole parts that add up to them."""
    total = np.cumsum(weights, axis=1)
    edges = np.floor(amounts[:, None] * (total / total[:, -1:])).astype(np.int64)
    edges[:, -1] = amounts
    edges = np.minimum(edges, amounts[:, None])
    return np.diff(edges, axis=1, prepend=0).T


def _drawn(rng: Rng, weights: Sequence[float], count: int) -> tuple[int, ...]:
    """So many different places, each as likely as it weighs."""
    left = list(weights)
    found: list[int] = []
    for _ in range(count):
        place = rng.index(left)
        left[place] = 0.0
        found.append(place)
    return tuple(found)
