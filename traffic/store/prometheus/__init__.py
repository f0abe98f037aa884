"""Servers that speak PromQL (Prometheus, VictoriaMetrics, Mimir, Thanos): `prometheus:http://HOST:9090` as a store.

`promql.py`, `questions.py` and `answers.py` are pure functions; the connection stays in `client.py`, and the
differences between servers in `servers.py`.
"""

from traffic.store.prometheus.source import PrometheusSource

__all__ = ["PrometheusSource"]
