"""The live server with 200 clients for a minute: lines a second, memory from beginning to end, how soon it answers."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parent.parent
CLIENTS, SECONDS = 200, 60
SETTLED = 10
"""Seconds after which memory is looked at first: all clients are there, and Python has what it needs."""


@dataclass
class Seen:
    """What came of a load."""

    lines: int = 0
    skipped: int = 0
    memory: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """What each client asks for. `reads`: whether it reads what comes."""

    name: str
    batch: int
    interval: float
    reads: bool = True


LOADS = (
    Load("10 lines a second each", 10, 1.0),
    Load("1,000 lines a second each", 100, 0.1),
    Load("1,000 a second, nobody reads", 100, 0.1, reads=False),
)


def start() -> tuple[subprocess.Popen[str], str]:
    """A server, and its address."""
    command = [sys.executable, "sl.py", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"http://([0-9.]+:\d+)/ui", line := process.stderr.readline())
    if found is None:
        raise SystemExit(f"serve did not start: {line}")
    return process, found[1]


def memory(pid: int) -> float:
    """Resident, in MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def streams(address: str) -> int:
    """How many are open."""
    with urlopen(f"http://{address}/api/status") as answer:
        return int(json.load(answer)["streams"])


async def http_client(address: str, path: str, load: Load, seen: Seen) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
    query = f"{path}?batch_size={load.batch}&interval={load.interval}"
    writer.write(f"GET {query} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    try:
        if not load.reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()
        while line := await reader.readline():
            seen.lines += line.count(b'"timestamp"')
    finally:
        writer.close()


async def socket_client(address: str, load: Load, seen: Seen) -> None:
    async with connect(f"ws://{address}/ws/logs", proxy=None, max_size=1 << 22) as socket:
        config = {"batch_size": load.batch, "interval": load.interval}
        await socket.send(json.dumps({"action": "configure", "config": config}))
        async for message in socket:
            seen.lines += message.count('"timestamp"' if isinstance(message, str) else b'"timestamp"')  # type: ignore[arg-type]


async def weigh(pid: int, seen: Seen) -> None:
    """Memory, twice a second."""
    while True:
        seen.memory.append(memory(pid))
        await asyncio.sleep(0.5)


async def ask(address: str, seen: Seen) -> None:
    """How long an answer takes, twice a second."""
    while True:
        begun = time.perf_counter()
        with await asyncio.to_thread(urlopen, f"http://{address}/api/status") as answer:
            seen.skipped = json.load(answer)["lines_skipped"]
        seen.answers.append(time.perf_counter() - begun)
        await asyncio.sleep(0.5)


async def minute(address: str, pid: int, load: Load) -> Seen:
    """All clients at once: half by events, a quarter by lines of JSON, a quarter by WebSocket."""
    seen = Seen()
    work: list[Coroutine[Any, Any, None]] = [weigh(pid, seen), ask(address, seen)]
    for number in range(CLIENTS):
        if number % 4 == 3 and load.reads:
            work.append(socket_client(address, load, seen))
        else:
            path = "/api/stream/ndjson" if number % 4 == 2 else "/api/stream"
            work.append(http_client(address, path, load, seen))
    tasks = [asyncio.create_task(one) for one in work]
    await asyncio.sleep(SECONDS)
    ended = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    if ended:
        raise SystemExit(f"{len(ended)} clients did not last: {[one for one in found if one is not None][:3]}")
    return seen


def row(load: Load) -> str:
    process, address = start()
    try:
        before = memory(process.pid)
        seen = asyncio.run(minute(address, process.pid, load))
        deadline = time.monotonic() + 30
        while (left := streams(address)) and time.monotonic() < deadline:
            time.sleep(0.2)
        if left:
            raise SystemExit(f"{left} streams are left of clients that have gone")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    settled = seen.memory[SETTLED * 2 :] or seen.memory
    third = max(1, len(settled) // 3)
    parts = settled[:third], settled[third : 2 * third], settled[2 * third :]
    shown = ", ".join(f"{sum(part) / len(part):.0f}" for part in parts)
    answers = sorted(seen.answers)
    made = f"{seen.lines / SECONDS:,.0f}" if load.reads else "-"
    late = answers[int(0.99 * (len(answers) - 1))]
    return f"| {load.name} | {made} | {before:.0f} | {shown} | {seen.skipped:,} | {1000 * late:.0f} |"


def report() -> str:
    """The section of docs/benchmarks.md."""
    rows = "\n".join(row(load) for load in LOADS)
    return f"""\
{CLIENTS} clients of `./sl.py serve` for {SECONDS} s: half by server-sent events, a quarter by lines of JSON, a quarter
by WebSocket, read by one process on the same cores. Memory is the server's, resident: idle, and then the mean of
the first, middle and last third, from the tenth second on. Skipped lines are those that were not made because
a client or the server was too slow, counted when it reads again; an answer is one of `/api/status`.

| each client wants | lines/s read by all | MiB idle | MiB first, middle, last | skipped | 99 % of answers within, ms |
| --- | ---: | ---: | ---: | ---: | ---: |
{rows}
"""
