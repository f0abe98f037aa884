"""The lines of a stream: settings, share of anomalies, incidents, formats."""

from __future__ import annotations

from generator.logs.settings import LogSettings
from tests.commands import ROOT
from traffic.config import load


def test_the_settings_in_the_file_are_the_built_in_ones() -> None:
    assert load(ROOT / "input" / "logs.yaml", LogSettings) == LogSettings()
