"""The application: every endpoint, its name and its payload (docs/serve.md)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from generator.logs.server.engine import Engine, Full, StreamClient
from generator.logs.server.guard import Guard, Rules, protocol_of
from generator.logs.server.live import events, ndjson, serve_socket
from generator.logs.server.pages import add_pages
from generator.logs.server.payloads import (
    AnomaliesChanged,
    AnomalyConfig,
    Generated,
    GenerateRequest,
    GeneratorChanged,
    GeneratorConfig,
    Health,
    Information,
    Injected,
    InjectRequest,
    Reset,
    Status,
)
from generator.logs.types import TYPES
from traffic.errors import Failure, UsageFailure
from traffic.exposition import CONTENT_TYPE, counter, exposed, gauge

VERSION = "0.2.0"
DESCRIPTION = """Application and access logs with labelled anomalies, generated live: [live view](/ui).

The WebSocket `/ws/logs` sends batches of lines. A client may send
`{"action": "configure", "config": {"batch_size": 5, "interval": 0.5, "anomaly_rate": 0.1}}` and
`{"action": "inject_anomaly", "anomaly_type": "security_threat"}`.
"""
LONGEST_ECHO = 1000
"""Signs of what was wrong that are repeated in an answer."""
ENDPOINTS = {
    "generate": "/api/generate",
    "stream": "/api/stream",
    "websocket": "/ws/logs",
    "config": "/api/config",
    "status": "/api/status",
}
STREAMING = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

Rate = Annotated[float, Query(ge=0, le=1, description="Share of anomalous lines")]
Labels = Annotated[bool, Query(description="Whether each line carries its labels")]
Lines = Annotated[int | None, Query(ge=1, le=100, description="Lines in a batch")]


class Live(StreamingResponse):
    """An answer without an end. However it ends, also before its first byte, the client's stream goes with it."""

    def __init__(self, body: AsyncIterator[bytes], kind: str, engine: Engine, client: StreamClient) -> None:
        super().__init__(body, media_type=kind, headers=STREAMING)
        self._engine = engine
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._engine.leave(self._client)


def create_app(engine: Engine, rules: Rules) -> FastAPI:
    """The application that answers with what `engine` makes, to whom `rules` allow it."""
    app = FastAPI(
        title="sl log server",
        description=DESCRIPTION,
        version=VERSION,
        # FastAPI's own pages load their scripts from elsewhere; ours works without a network.
        docs_url=None,
        redoc_url=None,
        responses={400: {"description": "Not JSON, or an unknown type of anomaly"}},
    )
    if rules.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(rules.origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_middleware(Guard, rules=rules)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UsageFailure, _unusable)
    app.add_exception_handler(Full, _full)
    app.add_exception_handler(Failure, _failed)
    _add_information(app, engine)
    _add_configuration(app, engine)
    _add_generation(app, engine)
    _add_streams(app, engine)
    add_pages(app)
    return app


def _add_information(app: FastAPI, engine: Engine) -> None:
    @app.get("/", tags=["Info"])
    async def information() -> Information:
        """What this is, and where its parts are."""
        return Information(name="sl log server", version=VERSION, endpoints=ENDPOINTS)

    @app.get("/api/status", tags=["Status"])
    async def status() -> Status:
        """What was made since the start, or since the last reset."""
        return Status(
            is_running=bool(engine.clients),
            logs_generated=engine.lines,
            anomalies_generated=engine.anomalous,
            start_time=_time(engine.started_us),
            current_anomaly_active=engine.active,
            streams=len(engine.clients),
            lines_skipped=engine.skipped,
        )

    @app.post("/api/reset", tags=["Status"])
    async def reset() -> Reset:
        """Count from 0, and forget anomalies that were injected and not yet seen."""
        engine.reset()
        return Reset(message="Statistics reset", timestamp=_time(engine.started_us))

    @app.get("/health", tags=["Health"])
    async def health() -> Health:
        """Whether the server lives."""
        return Health(timestamp=_time(engine.now()))

    @app.get("/metrics", tags=["Health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The same figures as Prometheus takes them."""
        figures = [
            counter("sl_serve_lines_total", "Lines generated since the start or the last reset.", engine.lines),
            counter("sl_serve_anomalous_lines_total", "Anomalous lines among them.", engine.anomalous),
            counter(
                "sl_serve_skipped_lines_total", "Lines that were skipped because clients were too slow.", engine.skipped
            ),
            gauge("sl_serve_streams", "Open streams.", len(engine.clients)),
            gauge("sl_serve_start_timestamp_seconds", "Time of the start or the last reset.", engine.started_us / 1e6),
        ]
        return Response(exposed(figures), media_type=CONTENT_TYPE)


def _add_configuration(app: FastAPI, engine: Engine) -> None:
    @app.get("/api/config", tags=["Configuration"])
    async def config() -> dict[str, Any]:
        """The settings, as input/logs.yaml has them."""
        return engine.document()

    @app.put("/api/config/generator", tags=["Configuration"])
    async def configure_generator(config: GeneratorConfig) -> GeneratorChanged:
        """How many lines new streams get, and how often, where their clients do not say it."""
        engine.pace(config.batch_size, config.total_logs, config.interval)
        return GeneratorChanged(message="Generator configuration updated", config=config)

    @app.put("/api/config/anomalies", tags=["Configuration"])
    async def configure_anomalies(config: AnomalyConfig) -> AnomaliesChanged:
        """Which types of anomalies there are, in streams that run as well, and their share where none is asked for."""
        engine.configure(config.probability, {kind: getattr(config, f"{kind}_enabled") for kind in TYPES})
        return AnomaliesChanged(message="Anomaly configuration updated", config=config)


def _add_generation(app: FastAPI, engine: Engine) -> None:
    @app.post("/api/generate", tags=["Generation"], response_model=Generated)
    async def generate(request: GenerateRequest) -> Response:
        """That many lines, as fast as they can be made."""
        batch = engine.generate(request.count, request.anomaly_rate, request.include_labels, request.format)
        texts = (
            batch.texts if request.format == "json" else [json.dumps(text.decode()).encode() for text in batch.texts]
        )
        body = b'{"count":%d,"anomaly_count":%d,"logs":[%b]}' % (len(texts), batch.anomalous, b",".join(texts))
        return Response(body, media_type="application/json")

    @app.post("/api/generate/single", tags=["Generation"], response_model=dict[str, Any])
    async def single(include_labels: Labels = True, force_anomaly: bool = False) -> Response:
        """One line; an anomalous one if that is wanted."""
        return Response(engine.one(include_labels, force_anomaly), media_type="application/json")

    @app.post("/api/inject-anomaly", tags=["Generation"])
    async def inject(request: InjectRequest) -> Injected:
        """Begin an anomaly in every stream that runs, and in the lines that are generated next."""
        engine.inject(request.anomaly_type, request.duration_logs)
        return Injected(message=f"Anomaly '{request.anomaly_type}' injected", duration_logs=request.duration_logs)


def _add_streams(app: FastAPI, engine: Engine) -> None:
    def wanted(batch_size: int | None, interval: float | None, size: int, pause: float) -> tuple[int, float]:
        """What the client says, or else what was configured, or else what is usual."""
        pace = engine.settings.generator
        size, pause = (min(100, pace.batch_size), max(0.01, pace.interval)) if engine.paced else (size, pause)
        return size if batch_size is None else batch_size, pause if interval is None else interval

    @app.get("/api/stream", tags=["Streaming"], response_class=StreamingResponse)
    async def stream(
        batch_size: Lines = None,
        interval: Annotated[float | None, Query(ge=0.1, le=60, description="Seconds between batches")] = None,
        anomaly_rate: Rate = 0.05,
        include_labels: Labels = True,
        max_batches: Annotated[
            int | None, Query(ge=1, le=100_000, description="Number of batches after which the stream ends")
        ] = None,
    ) -> StreamingResponse:
        """Batches of lines as server-sent events, until the client leaves."""
        size, pause = wanted(batch_size, interval, 10, 1.0)
        client = engine.join(anomaly_rate, include_labels, pause)
        return Live(events(engine, client, size, pause, max_batches), EventSourceResponse.media_type, engine, client)

    @app.get("/api/stream/ndjson", tags=["Streaming"], response_class=StreamingResponse)
    async def stream_ndjson(
        batch_size: Lines = None,
        interval: Annotated[float | None, Query(ge=0.01, le=60, description="Seconds between batches")] = None,
        anomaly_rate: Rate = 0.05,
        include_labels: Labels = True,
    ) -> StreamingResponse:
        """Lines of JSON, until the client leaves."""
        size, pause = wanted(batch_size, interval, 1, 0.5)
        client = engine.join(anomaly_rate, include_labels, pause)
        return Live(ndjson(engine, client, size, pause), "application/x-ndjson", engine, client)

    @app.websocket("/ws/logs")
    async def socket(websocket: WebSocket) -> None:
        """Batches of lines; the client may send `configure` and `inject_anomaly`."""
        await serve_socket(websocket, engine, protocol_of(websocket.scope))


async def _invalid(_request: Request, error: Exception) -> Response:
    """As FastAPI says it, but for values that JSON cannot hold, or that nobody wants back."""
    assert isinstance(error, RequestValidationError)
    encoded = jsonable_encoder(error.errors(), custom_encoder={bytes: lambda body: body.decode(errors="replace")})
    found = json.loads(json.dumps(encoded), parse_constant=str)
    for one in found:
        if len(str(one.get("input"))) > LONGEST_ECHO:
            one.pop("input")
    unknown = any(one["type"] == "literal_error" and one["loc"][-1] == "anomaly_type" for one in found)
    # A type of anomaly that there is not has always been 400 here, all else is FastAPI's 422.
    # Half a character, which JSON can name and UTF-8 cannot hold, comes back as a question mark.
    body = json.dumps({"detail": found}, ensure_ascii=False).encode(errors="replace")
    return Response(body, 400 if unknown else 422, media_type="application/json")


async def _unusable(_request: Request, failure: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(failure)}, 422)


async def _full(_request: Request, failure: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(failure)}, 503, {"Retry-After": "10"})


async def _failed(_request: Request, failure: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(failure)}, 409)


def _time(stamp_us: int) -> datetime:
    return datetime.fromtimestamp(stamp_us / 1e6, UTC)
