"""What the six types of anomalies do to lines: rows of a block are changed in place, those of a type all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.logs import messages
from generator.logs.anomalies import TYPES, AnomalyTypes
from generator.logs.happening import Happening
from generator.logs.model import MISSING, NONE, Block
from generator.logs.normal import FAULT, Draws, arguments
from generator.logs.settings import LEVELS
from generator.logs.vocabulary import SERVICE
from traffic.model import Floats, Ints

_INFO, _WARNING, _ERROR, _CRITICAL = (LEVELS.index(name) for name in ("INFO", "WARNING", "ERROR", "CRITICAL"))
_ATTACKERS = np.array([(203 << 24) + (113 << 8), (198 << 24) + (51 << 16) + (100 << 8)], dtype=np.uint32)
_THREATS = {
    "brute_force": (messages.LOGIN, 401, "ERR_AUTH_FAILED", "POST"),
    "sql_injection": (messages.INJECTIONS, 403, "ERR_FORBIDDEN", "GET"),
    "xss_attempt": (messages.SCRIPTS, 403, "ERR_FORBIDDEN", "GET"),
    "unauthorized_access": (messages.ADMIN, 403, "ERR_FORBIDDEN", "GET"),
}


@dataclass(frozen=True, eq=False)
class Rows:
    """Lines of incidents of one type. `place`: positions in the block; the other arrays have an entry for each."""

    place: Ints
    progress: Floats
    """How far the incident is, 0 to 1."""
    which: Ints
    """Position in `happenings`."""
    happenings: tuple[Happening, ...]
    dice: Draws
    """Shape (rows, 4): uniform 16 bits, used for nothing else."""

    def of(self, name: str) -> Floats:
        """A number of the plan of each row's incident."""
        return np.array([getattr(one.plan, name) for one in self.happenings], dtype=np.float64)[self.which]

    def kinds(self) -> dict[str, NDArray[np.bool_]]:
        """Kind -> which rows are of it."""
        names = np.array([one.plan.kind for one in self.happenings])[self.which]
        return {str(name): names == name for name in np.unique(names)}

    def chance(self, number: int) -> Floats:
        """The draw `number` of each row, in [0, 1)."""
        return self.dice[:, number] / 65536.0


def apply(
    block: Block, draws: Draws, cause: Ints, units: Floats, going: tuple[Happening, ...], types: AnomalyTypes
) -> None:
    """Change the lines of a block that belong to an incident.

    `cause`: for each line a position in `going`, or NONE. `units`: where on the schedule each line lies.
    """
    numbers = np.array([one.plan.number for one in going], dtype=np.int8)
    kind = np.where(cause == NONE, NONE, numbers[cause]).astype(np.int8)
    block.kind[:] = kind
    starts = np.array([one.start for one in going])
    spans = np.array([one.plan.span for one in going])
    for number in np.unique(numbers):
        place = np.flatnonzero(kind == number)
        if not place.size:
            continue
        which = cause[place]
        progress = np.clip((units[place] - starts[which]) / spans[which], 0, 1)
        block.service[place] = np.array([one.plan.service for one in going], dtype=np.int32)[which]
        rows = Rows(place, progress, which, going, draws[place, FAULT:])
        score = _APPLY[TYPES[number]](block, draws, rows, types)
        block.score[place] = np.rint(np.clip(score, 0.01, 1) * 10_000).astype(np.int16)


def _say(block: Block, draws: Draws, rows: Rows, groups: list[tuple[str, NDArray[np.bool_]]]) -> None:
    """Another message for the rows of each group."""
    for group, chosen in groups:
        place = rows.place[chosen]
        options = block.words.groups[group]
        block.template[place] = options[(rows.dice[chosen, 3].astype(np.int64) * len(options)) >> 16]
        block.arguments[place] = arguments(block.template[place], draws[place], block.words)


def _again(block: Block, draws: Draws, rows: Rows) -> None:
    """Messages that suit a level that was changed."""
    place = rows.place
    options = block.words.normal[block.service[place], block.level[place]]
    block.template[place] = options[np.arange(len(place)), rows.dice[:, 3] >> 12]
    block.arguments[place] = arguments(block.template[place], draws[place], block.words)


def _cs(milliseconds: Floats) -> NDArray[np.int32]:
    found: NDArray[np.int32] = np.rint(np.clip(milliseconds, 1, 299_990) * 100).astype(np.int32)
    return found


def _code(block: Block, name: str) -> int:
    return block.words.errors.index(name)


def _server_errors(block: Block, rows: Rows, chosen: NDArray[np.bool_]) -> None:
    """A 5xx, with an error code that fits."""
    draw = rows.dice[chosen, 2] >> 14
    block.status[rows.place[chosen]] = np.array([500, 502, 503, 504], dtype=np.int16)[draw]
    codes = ("ERR_INTERNAL", "ERR_DB_CONNECTION", "ERR_SERVICE_UNAVAILABLE", "ERR_TIMEOUT")
    block.error[rows.place[chosen]] = np.array([_code(block, code) for code in codes], dtype=np.int8)[draw]


def _error_spike(block: Block, draws: Draws, rows: Rows, _types: AnomalyTypes) -> Floats:
    fails = rows.chance(0) < rows.of("level")
    severe = rows.chance(1) < 0.2
    block.level[rows.place] = np.where(fails, np.where(severe, _CRITICAL, _ERROR), _WARNING)
    block.response_cs[rows.place] = _cs(1000 + 4000 * rows.chance(1))
    block.status[rows.place] = np.array([400, 404, 408, 429], dtype=np.int16)[rows.dice[:, 2] >> 14]
    block.error[rows.place] = NONE
    _server_errors(block, rows, fails)
    _again(block, draws, rows)
    return rows.of("severity")


def _latency_degradation(block: Block, draws: Draws, rows: Rows, types: AnomalyTypes) -> Floats:
    ramp = np.minimum(rows.progress / types.latency_degradation.ramp, 1)
    usual = block.response_cs[rows.place] / 100.0
    taken = usual * (1 + (rows.of("level") - 1) * ramp) * (0.8 + 0.4 * rows.chance(0))
    block.response_cs[rows.place] = _cs(taken)
    late, slow = taken > 2000, (taken > 1000) & (taken <= 2000)
    block.level[rows.place] = np.where(late, _ERROR, np.where(slow, _WARNING, _INFO))
    block.status[rows.place] = np.where(late, 504, 200)
    block.error[rows.place] = np.where(late, _code(block, "ERR_TIMEOUT"), NONE)
    _again(block, draws, rows)
    _say(block, draws, rows, [("timeout", late), ("slow", slow)])
    return ramp * rows.of("severity")


def _security_threat(block: Block, draws: Draws, rows: Rows, _types: AnomalyTypes) -> Floats:
    draw = rows.chance(0)
    block.level[rows.place] = np.where(draw < 0.3, _WARNING, np.where(draw < 0.8, _ERROR, _CRITICAL))
    block.response_cs[rows.place] = _cs(3 + 60 * rows.chance(1))
    chance = rows.of("chance").astype(np.int64)
    host = 1 + (chance + rows.dice[:, 1] % rows.of("level").astype(np.int64)) % 254
    block.address[rows.place] = _ATTACKERS[(chance >> 16) & 1] + host.astype(np.uint32)
    groups = []
    for kind, chosen in rows.kinds().items():
        targets, status, code, method = _THREATS[kind]
        place, pick = rows.place[chosen], rows.dice[chosen, 2]
        block.endpoint[place] = np.array(targets, dtype=np.int16)[pick % len(targets)]
        # Now and then the limit on requests answers first.
        limited = pick >> 8 < 12
        block.status[place] = np.where(limited, 429, status)
        block.error[place] = np.where(limited, _code(block, "ERR_RATE_LIMIT"), _code(block, code))
        block.method[place] = block.words.methods.index(method)
        groups.append((kind, chosen))
    _say(block, draws, rows, groups)
    return rows.of("severity")


def _resource_exhaustion(block: Block, draws: Draws, rows: Rows, types: AnomalyTypes) -> Floats:
    usage = 70 + rows.of("chance") % 16
    usage = np.minimum(usage + (99 - usage) * rows.progress, 99)
    usual = block.response_cs[rows.place] / 100.0
    block.response_cs[rows.place] = _cs(usual * (1 + (rows.of("level") - 1) * rows.progress))
    fails = rows.chance(0) < types.resource_exhaustion.error_rate * rows.progress
    block.level[rows.place] = np.where(fails, np.where(usage > 95, _CRITICAL, _ERROR), _WARNING)
    block.status[rows.place] = np.where(fails, np.where(rows.chance(1) < 0.5, 503, 500), 200)
    block.error[rows.place] = np.where(fails, _code(block, "ERR_RESOURCE_EXHAUSTED"), NONE)
    _say(block, draws, rows, list(rows.kinds().items()))
    # The percentage stands in the gap whose numbers are 70 to 99.
    gaps = block.words.templates
    for gap in (0, 1):
        percent = gaps.low[block.template[rows.place], gap] == 1 + 70
        block.arguments[rows.place[percent], gap] = 1 + usage[percent].astype(np.int32)
    return usage / 100


def _service_outage(block: Block, draws: Draws, rows: Rows, _types: AnomalyTypes) -> Floats:
    partly = rows.kinds().get("intermittent", np.zeros(len(rows.place), dtype=bool))
    block.level[rows.place] = np.where(partly, np.where(rows.chance(0) < 0.7, _ERROR, _WARNING), _CRITICAL)
    waited = np.where(partly, 200 + 800 * rows.chance(1), 2000 + 3000 * rows.chance(1))
    block.response_cs[rows.place] = _cs(waited)
    block.status[rows.place] = 503
    block.error[rows.place] = _code(block, "ERR_SERVICE_UNAVAILABLE")
    _say(block, draws, rows, [("flapping", partly), ("down", ~partly)])
    # The service that is down is the one that the message names.
    gaps = block.words.templates
    for gap in (0, 1):
        named = gaps.low[block.template[rows.place], gap] == SERVICE
        block.arguments[rows.place[named], gap] = SERVICE + block.service[rows.place[named]]
    return rows.of("severity")


def _data_anomaly(block: Block, draws: Draws, rows: Rows, _types: AnomalyTypes) -> Floats:
    block.level[rows.place] = _ERROR
    block.status[rows.place] = np.where(rows.chance(0) < 0.7, 422, 400)
    block.error[rows.place] = _code(block, "ERR_VALIDATION")
    kinds = rows.kinds()
    nothing = np.zeros(len(rows.place), dtype=bool)
    draw = rows.chance(1)
    empty, odd, bent = (kinds.get(kind, nothing) for kind in ("null_values", "out_of_range", "format_error"))
    block.response_cs[rows.place[empty & (draw < 0.6)]] = MISSING
    block.endpoint[rows.place[empty & (draw >= 0.4)]] = NONE
    block.response_cs[rows.place[odd & (draw < 0.3)]] = -100 * 999
    block.response_cs[rows.place[odd & (draw >= 0.3)]] = _cs(9000 + 90_000 * draw[odd & (draw >= 0.3)])
    block.endpoint[rows.place[bent]] = np.array(messages.MALFORMED, dtype=np.int16)[rows.dice[bent, 2] & 1]
    _say(block, draws, rows, list(kinds.items()))
    return rows.of("severity")


_APPLY = {
    "error_spike": _error_spike,
    "latency_degradation": _latency_degradation,
    "security_threat": _security_threat,
    "resource_exhaustion": _resource_exhaustion,
    "service_outage": _service_outage,
    "data_anomaly": _data_anomaly,
}
