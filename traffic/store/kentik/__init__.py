"""Kentik's query API, read: `kentik:` as a store.

`bodies.py` and `answers.py` are pure functions of JSON; connection and limits stay in `client.py` and `pace.py`.
"""

from traffic.store.kentik.source import KentikSource

__all__ = ["KentikSource"]
