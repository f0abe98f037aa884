"""Histories to try policies on."""

from __future__ import annotations

from pathlib import Path

from analyzer.history import History
from analyzer.pipeline import survey
from analyzer.reading.scope import Scope, opened
from traffic.store.base import Source


def history_of(source: Source, scope: Scope, folder: Path) -> History:
    """What a store holds, its answers kept in this folder; nobody is told how far it is."""
    answered = opened(source, scope, folder)[1]
    return History(answered, survey(answered, scope), scope.resolution, lambda _done, _total: None)
