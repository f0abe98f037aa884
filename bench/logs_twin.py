"""Log lines made one at a time: a dict a line with uuid, random and json.dumps, as one would write it in an afternoon.

A twin of `./sl.py logs` for its plain cases (JSON and text to a file, with labels), not anybody's program: services by
weight, levels by weight, a bell of response times, one anomaly at a time that lasts for some lines. Nothing of ours is
imported.
"""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCES = {
    "web-server": (0.4, ["nginx", "apache", "traefik"]),
    "application": (0.3, ["auth-service", "payment-service", "user-service", "order-service"]),
    "database": (0.15, ["postgresql", "mongodb", "redis"]),
    "infrastructure": (0.15, ["kubernetes", "docker", "prometheus"]),
}
LEVELS = {"INFO": 0.7, "DEBUG": 0.15, "WARNING": 0.1, "ERROR": 0.04, "CRITICAL": 0.01}
MESSAGES = [
    "Request completed in {a} ms, {b} bytes",
    "Query on {word} returned {a} rows",
    "Health check of {word} passed in {a} ms",
    "Retry {a} of a call to {word}",
]
WORDS = ["users", "orders", "payments", "sessions"]
ENDPOINTS = ["/api/v1/users", "/api/v1/orders", "/api/v1/payments", "/api/v1/products", "/health"]
TYPES = ["error_spike", "latency_degradation", "security_threat", "service_outage"]


def entry(time: datetime, anomaly: str | None) -> dict[str, object]:
    """One line."""
    names = list(SOURCES)
    source = random.choices(names, [SOURCES[name][0] for name in names])[0]
    level = "ERROR" if anomaly else random.choices(list(LEVELS), list(LEVELS.values()))[0]
    message = random.choice(MESSAGES).format(
        a=random.randint(1, 500), b=random.randint(200, 30_000), word=random.choice(WORDS)
    )
    taken = random.uniform(1000, 5000) if anomaly else min(max(random.gauss(150, 50), 10), 500)
    found: dict[str, object] = {
        "timestamp": time.isoformat(),
        "level": level,
        "source": source,
        "service": random.choice(SOURCES[source][1]),
        "message": message,
        "request_id": str(uuid.uuid4()),
        "ip_address": ".".join(str(random.randint(1, 254)) for _ in range(4)),
        "response_time_ms": round(taken, 2),
        "status_code": random.choice([500, 502, 503]) if anomaly else random.choice([200, 201, 204, 304]),
        "endpoint": random.choice(ENDPOINTS),
        "method": random.choice(["GET", "POST", "PUT", "DELETE"]),
    }
    if anomaly:
        found["error_code"] = "ERR_SERVICE_UNAVAILABLE"
    found["_labels"] = {
        "is_anomaly": anomaly is not None,
        "anomaly_type": anomaly or "none",
        "anomaly_score": round(random.uniform(0.6, 1.0), 4) if anomaly else 0.0,
    }
    return found


def text(one: dict[str, object]) -> str:
    """The text line of an entry."""
    return (
        f"[{one['timestamp']}] [{one['level']:8}] [{one['source']}/{one['service']}] [{str(one['request_id'])[:8]}] "
        f"{one['message']} ({one['response_time_ms']:.2f}ms) [{one['status_code']}]"
    )


def generate(path: Path, total: int, form: str, batch: int = 100) -> None:
    """So many lines to a file, batch by batch."""
    time, left, anomaly = datetime.now(UTC), 0, None
    with path.open("w") as file:
        for _ in range(0, total, batch):
            lines = []
            for _ in range(batch):
                time += timedelta(seconds=random.uniform(0.001, 2.0))
                if left:
                    left -= 1
                elif random.random() < 0.0025:
                    anomaly, left = random.choice(TYPES), 20
                else:
                    anomaly = None
                one = entry(time, anomaly)
                lines.append(json.dumps(one) if form == "json" else text(one))
            file.write("\n".join(lines) + "\n")
            file.flush()
