"""What clients send and get, with its bounds: names and numbers are a contract (docs/serve.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from generator.logs.types import TypeName


class _Body(BaseModel):
    # A text is not a number, and what is no number is no bound to anything.
    model_config = ConfigDict(allow_inf_nan=False)


class GeneratorConfig(_Body):
    """How many lines a stream gets, and how often, where its client does not say it."""

    batch_size: int = Field(100, ge=1, le=10_000)
    total_logs: int = Field(1000, ge=0, le=10**15)
    interval: float = Field(1.0, ge=0.01, le=60)


class AnomalyConfig(_Body):
    """Which anomalies there are."""

    probability: float = Field(0.05, ge=0, le=1)
    error_spike_enabled: bool = True
    latency_degradation_enabled: bool = True
    security_threat_enabled: bool = True
    resource_exhaustion_enabled: bool = True
    service_outage_enabled: bool = True
    data_anomaly_enabled: bool = True


class GenerateRequest(_Body):
    """How many lines, and what they look like."""

    count: int = Field(100, ge=1, le=10_000, description="How many lines")
    anomaly_rate: float = Field(0.05, ge=0, le=1, description="Share of anomalous lines")
    include_labels: bool = Field(True, description="Whether each line carries its labels")
    format: Literal["json", "text"] = "json"


class InjectRequest(_Body):
    """An anomaly to begin now."""

    anomaly_type: TypeName = Field(description="Its type")
    duration_logs: int = Field(20, ge=5, le=100, description="How many anomalous lines it has")


class StreamConfig(_Body):
    """What a WebSocket client can configure."""

    batch_size: int = Field(10, ge=1, le=1000)
    interval: float = Field(1.0, ge=0.1, le=60)
    anomaly_rate: float = Field(0.05, ge=0, le=1)
    include_labels: bool = True


class SocketInject(_Body):
    """What a WebSocket client can inject."""

    anomaly_type: TypeName = "error_spike"
    duration_logs: int | None = Field(None, ge=5, le=100)


class Information(BaseModel):
    """What this is, and where its parts are."""

    name: str
    version: str
    endpoints: dict[str, str]


class Status(BaseModel):
    """What the server has made since it started, or since it was reset."""

    is_running: bool
    logs_generated: int
    anomalies_generated: int
    start_time: datetime
    current_anomaly_active: bool
    streams: int = Field(description="Open live streams")
    lines_skipped: int = Field(description="Lines skipped because a client or the server was too slow")


class Generated(BaseModel):
    """Lines."""

    count: int
    anomaly_count: int
    logs: list[Any]


class Message(BaseModel):
    """What was done."""

    message: str


class GeneratorChanged(Message):
    """What was done, and with what."""

    config: GeneratorConfig


class AnomaliesChanged(Message):
    """What was done, and with what."""

    config: AnomalyConfig


class Injected(Message):
    """What was done, and for how long."""

    duration_logs: int


class Reset(Message):
    """What was done, and when."""

    timestamp: datetime


class Health(BaseModel):
    """Whether the server can make lines."""

    status: Literal["healthy"] = "healthy"
    timestamp: datetime
    generator_ready: bool = True
