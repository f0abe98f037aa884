"""Streams: server-sent events, lines of JSON, and WebSocket. Each client has a stream and a pace of its own.

A client that reads too slowly is not waited for in memory: its stream stands still until it has read, and the batches
that it missed are counted. One that does not read for a minute is let go by the kernel.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from fastapi.sse import format_sse_event
from pydantic import ValidationError

from generator.logs.server.engine import Batch, Engine, Full, StreamClient
from generator.logs.server.payloads import SocketInject, StreamConfig
from generator.logs.server.ticker import Ticker
from traffic.errors import UsageFailure

HEARTBEAT = 15.0
"""Seconds after which a stream of events says that it is still there."""
PIECE = 200
"""Lines that are made at once; others get their turn between two pieces."""
ANSWERS = 8
"""Answers that may wait for a WebSocket client before nothing more of it is read."""
ACTIONS = "configure, inject_anomaly"


async def events(
    engine: Engine, client: StreamClient, batch_size: int, interval: float, most: int | None
) -> AsyncIterator[bytes]:
    """Batches as server-sent events."""
    pace = Ticker(interval)
    number = 0
    while most is None or number < most:
        if await pace.wait(lambda: engine.stopping, HEARTBEAT):
            batch = await taken(engine, client, batch_size, pace.tick())
            number += 1
            yield format_sse_event(data_str=f'{{"batch":{number},{inside(batch).decode()}}}')
        elif engine.stopping:
            return
        else:
            yield format_sse_event(comment="still here")


async def ndjson(engine: Engine, client: StreamClient, batch_size: int, interval: float) -> AsyncIterator[bytes]:
    """A line of JSON for each line."""
    pace = Ticker(interval)
    while not engine.stopping:
        if await pace.wait(lambda: engine.stopping, HEARTBEAT):
            batch = await taken(engine, client, batch_size, pace.tick())
            yield b"\n".join(batch.texts) + b"\n"


async def taken(engine: Engine, client: StreamClient, count: int, missed: int) -> Batch:
    """The next batch, after so many that were missed."""
    texts: list[bytes] = []
    anomalous = 0
    begin, end = client.clock, engine.now()
    for done in range(0, count, PIECE):
        if done:
            await asyncio.sleep(0)
        last = min(done + PIECE, count)
        until = begin + (end - begin) * last // count
        piece = client.take(last - done, until, 0 if done else missed * count)
        texts += piece.texts
        anomalous += piece.anomalous
    return Batch(texts, anomalous, missed * count)


def inside(batch: Batch) -> bytes:
    """The members of a JSON object that holds a batch."""
    skipped = b'"skipped":%d,' % batch.skipped if batch.skipped else b""
    return b'"count":%d,"anomaly_count":%d,%b"logs":[%b]' % (
        len(batch.texts),
        batch.anomalous,
        skipped,
        b",".join(batch.texts),
    )


class Socket:
    """One WebSocket client."""

    def __init__(self, socket: WebSocket, engine: Engine, client: StreamClient) -> None:
        self._socket = socket
        self._engine = engine
        self._client = client
        self._config = StreamConfig()
        self._pace = Ticker(self._config.interval)
        # The first batch comes after an interval, so that a client can configure before it.
        self._pace.tick()
        self._answers: asyncio.Queue[str | None] = asyncio.Queue(ANSWERS)

    async def run(self) -> None:
        """Send batches and answers until the client leaves or the server stops."""
        reader = asyncio.create_task(self._read())
        try:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._send(reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
            self._engine.leave(self._client)

    async def _send(self, reader: asyncio.Task[None]) -> None:
        while not self._engine.stopping:
            try:
                answer = await asyncio.wait_for(self._answers.get(), min(self._pace.left, 0.5) or 0.001)
            except TimeoutError:
                if reader.done():
                    return
                if self._pace.left <= 0:
                    batch = await taken(self._engine, self._client, self._config.batch_size, self._pace.tick())
                    await self._socket.send_text('{"type":"logs",' + inside(batch).decode() + "}")
                continue
            if answer is None:
                return
            await self._socket.send_text(answer)
        await self._socket.close(1001, "the server stops")

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                await self._answers.put(None)
                return
            text = message.get("text")
            await self._answers.put(
                self._answer(text) if text is not None else _error("the message must be text, not bytes")
            )

    def _answer(self, text: str) -> str:
        """Do what a message says; the answer to it."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return _error("not valid JSON")
        if not isinstance(message, dict):
            return _error(
                'a message must be a JSON object such as {"action": "configure", "config": {"batch_size": 5}}'
            )
        try:
            match message.get("action"):
                case "configure":
                    return self._configure(message.get("config", {}))
                case "inject_anomaly":
                    return self._inject({name: value for name, value in message.items() if name != "action"})
                case action:
                    return _error(f"unknown action {_shown(action)}; use {ACTIONS}")
        except ValidationError as error:
            return _error(_first_error(error))
        except UsageFailure as failure:
            return _error(str(failure))

    def _configure(self, config: object) -> str:
        self._config = StreamConfig.model_validate(config)
        self._client.rate = self._config.anomaly_rate
        self._client.labels = self._config.include_labels
        self._pace.change(self._config.interval)
        return json.dumps({"type": "config_updated", "config": self._config.model_dump()})

    def _inject(self, wish: dict[str, object]) -> str:
        inject = SocketInject.model_validate(wish)
        self._client.inject(inject.anomaly_type, inject.duration_logs)
        return json.dumps({"type": "anomaly_injected", "anomaly_type": inject.anomaly_type})


async def serve_socket(socket: WebSocket, engine: Engine, protocol: str | None) -> None:
    """Accept a WebSocket client and serve it."""
    await socket.accept(protocol)
    try:
        client = engine.join(StreamConfig().anomaly_rate, labels=True)
    except Full as full:
        await socket.close(1013, str(full)[:120])
        return
    await Socket(socket, engine, client).run()


def _error(message: str) -> str:
    return json.dumps({"type": "error", "message": message})


def _shown(value: object) -> str:
    return json.dumps(value, default=str)[:80]


def _first_error(error: ValidationError) -> str:
    """The first thing that is wrong with a message, in one line."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "config"
    return f"{where}: {first['msg']}"
