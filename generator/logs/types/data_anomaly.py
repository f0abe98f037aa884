"""The data of a service are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from generator.logs import messages
from generator.logs.model import MISSING
from generator.logs.types.base import ERROR, AnomalousLines, Anomaly, IncidentPlan, check_some, hundredths, if_shown
from generator.logs.vocabulary import NONE
from generator.rng import Rng
from traffic.model import Floats
from traffic.settings import check

Defect = Literal["null_values", "out_of_range", "format_error"]


@dataclass(frozen=True, kw_only=True)
class DataAnomaly(Anomaly):
    """Data are wrong: in `share` of a service's lines values are missing, out of range, or malformed."""

    types: tuple[Defect, ...] = get_args(Defect)
    share: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_some("types", self.types)
        check("share", self.share, 0.01, 1)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """Wrong lines instead of usual ones."""
        kind = self.types[rng.whole(0, len(self.types) - 1)]
        return IncidentPlan(
            type="data_anomaly",
            kind=kind,
            rate=share * self.share,
            displaced=share * self.share,
            shows_in=(*if_shown("errors", self.share >= 0.3), *if_shown("latency", kind == "out_of_range")),
            factor=1.0,
            failing=self.share,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """422 and 400, and values that are missing, out of range or malformed."""
        block, index = lines.block, lines.index
        block.level[index] = ERROR
        block.status[index] = np.where(lines.uniform(0) < 0.7, 422, 400)
        block.error[index] = lines.code("ERR_VALIDATION")
        kinds, draw = lines.kinds(), lines.uniform(1)
        nothing = np.zeros(len(lines), dtype=bool)
        empty, odd, bent = (kinds.get(kind, nothing) for kind in get_args(Defect))
        block.response_cs[index[empty & (draw < 0.6)]] = MISSING
        block.endpoint[index[empty & (draw >= 0.4)]] = NONE
        block.response_cs[index[odd & (draw < 0.3)]] = -100 * 999
        block.response_cs[index[odd & (draw >= 0.3)]] = hundredths(9000 + 90_000 * draw[odd & (draw >= 0.3)])
        block.endpoint[index[bent]] = np.array(messages.MALFORMED, dtype=np.int16)[lines.bits[bent, 2] & 1]
        lines.say(list(kinds.items()))
        return lines.of("severity")
