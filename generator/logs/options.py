"""What the command line of `logs` says. Nothing heavy is imported here: the command is declared with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class LogOptions:
    """What the command line says; None where it says nothing."""

    config: Path | None = None
    total: int | None = None
    batch_size: int | None = None
    interval: float | None = None
    destination: str | None = None
    to: tuple[str, ...] = ()
    form: Literal["json", "text", "ecs", "combined"] | None = None
    output_path: str | None = None
    anomaly_rate: float | None = None
    no_labels: bool = False
    start: str | None = None
    end: str | None = None
    rate: float | None = None
    durations: Literal["lines", "time"] | None = None
    seed: int | None = None
    smoke: bool = False
    web: bool = False
