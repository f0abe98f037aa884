"""The settings of log lines: the project's own file, the shape that people bring along, and what is not valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.logs.settings import LogSettings
from generator.logs.stream import Stream
from tests.commands import ROOT
from traffic.config import load
from traffic.errors import UsageFailure

# As `python -m logs_generator` reads it: all of its groups and names.
BROUGHT_ALONG = """
generator:
  batch_size: 50
  interval: 0.25
  total_logs: 0
sources:
  - name: "web-server"
    weight: 0.4
    services: ["nginx", "apache", "traefik"]
  - name: "application"
    weight: 0.3
    services: ["auth-service", "payment-service", "user-service"]
normal_logs:
  log_levels:
    INFO: 0.70
    DEBUG: 0.15
    WARNING: 0.10
    ERROR: 0.04
    CRITICAL: 0.01
  response_time:
    min: 10
    max: 500
    mean: 150
    std: 50
anomalies:
  probability: 0.05
  types:
    error_spike:
      enabled: true
      weight: 0.25
      duration_logs: 20
      error_rate: 0.8
    latency_degradation:
      enabled: true
      weight: 0.20
      duration_logs: 50
      multiplier: 5.0
    security_threat:
      enabled: false
      weight: 0.15
      types: ["brute_force", "sql_injection", "xss_attempt", "unauthorized_access"]
    resource_exhaustion:
      enabled: true
      weight: 0.15
      resources: ["memory", "cpu", "disk", "connections"]
    service_outage:
      enabled: true
      weight: 0.15
      duration_logs: 30
    data_anomaly:
      enabled: true
      weight: 0.10
      types: ["null_values", "out_of_range", "format_error"]
output:
  format: "text"
  destination: "both"
  file:
    path: "./output/logs"
    rotation_size_mb: 10
    max_files: 5
  include_labels: false
timestamps:
  start: "now"
  increment:
    min: 0.001
    max: 2.0
"""


def loaded(folder: Path, text: str) -> LogSettings:
    (folder / "logs.yaml").write_text(text)
    return load(folder / "logs.yaml", LogSettings)


def test_the_settings_in_the_file_are_the_built_in_ones() -> None:
    assert load(ROOT / "input" / "logs.yaml", LogSettings) == LogSettings()


def test_a_file_in_the_shape_that_people_bring_along_is_understood_as_it_is(tmp_path: Path) -> None:
    settings = loaded(tmp_path, BROUGHT_ALONG)
    assert (settings.generator.batch_size, settings.generator.interval, settings.generator.total_logs) == (50, 0.25, 0)
    assert [source.services for source in settings.sources] == [
        ("nginx", "apache", "traefik"),
        ("auth-service", "payment-service", "user-service"),
    ]
    assert settings.anomalies.types.weights() == (0.25, 0.20, 0.0, 0.15, 0.15, 0.10)
    assert settings.output.format == "text"
    assert not settings.output.include_labels
    assert len(Stream(settings, start=0).take(10)) == 10


def test_generator_settings_of_the_file_count(tmp_path: Path) -> None:
    text = "generator:\n  batch_size: 100\n  interval: 1.0\n  total_logs: 1000\n"
    assert loaded(tmp_path, text) == LogSettings()


def test_log_sources_of_the_file_are_the_ones_that_write(tmp_path: Path) -> None:
    text = 'sources:\n  - name: "web-server"\n    weight: 0.4\n    services: ["nginx", "apache", "traefik"]\n'
    words = Stream(loaded(tmp_path, text), start=0).words
    assert (words.services, words.sources) == (("nginx", "apache", "traefik"), ("web-server",) * 3)


def test_anomaly_configuration_of_the_file_counts(tmp_path: Path) -> None:
    text = (
        "anomalies:\n  probability: 0.05\n  types:\n    error_spike:\n      enabled: true\n      weight: 0.25\n"
        "      duration_logs: 20\n      error_rate: 0.8\n    latency_degradation:\n      enabled: true\n"
        "      weight: 0.20\n      duration_logs: 50\n      multiplier: 5.0\n"
    )
    assert loaded(tmp_path, text) == LogSettings()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("anomalies: {types: {error_spikes: {weight: 1}}}", "anomalies.types.error_spikes", "mean 'error_spike'?"),
        ("anomalies: {probability: 1.5}", "anomalies.probability", "between 0 and 1, not 1.5"),
        ("anomalies: {types: {error_spike: {weight: -1}}}", "anomalies.types.error_spike.weight", "not -1"),
        (
            "anomalies: {types: {error_spike: {factor: [8, 4]}}}",
            "error_spike.factor",
            "the smaller number must come first:",
        ),
        ("anomalies: {types: {data_anomaly: {types: [nulls]}}}", "data_anomaly.types[0]", "'null_values'"),
        ("anomalies: {types: {data_anomaly: {types: []}}}", "data_anomaly.types", "name at least one"),
        ("anomalies: {types: {error_spike: {duration: [2h, 1h]}}}", "error_spike.duration", "the shorter one"),
        (
            "anomalies: {types: {error_spike: {duration: [soon, 1h]}}}",
            "error_spike.duration[0]",
            "write for instance 60s, 5m",
        ),
        ("anomalies: {durations: minutes}", "anomalies.durations", "expected 'lines' or 'time'"),
        ("sources: []", "sources", "at least one source is needed"),
        ("sources: [{name: a, weight: 0, services: [b]}]", "sources", "no source has a weight above 0"),
        ("sources: [{name: a, weight: 1, services: []}]", "sources[0].services", "needs a service"),
        ("sources: [{name: a, weight: 1, services: [b, b]}]", "sources[0].services[1]", "is listed twice"),
        ("sources: [{name: a, weight: 1, services: [b], profile: night}]", "sources[0].profile", "office, home, even"),
        ("normal_logs: {log_levels: {LOUD: 1}}", "normal_logs.log_levels.LOUD", "DEBUG, INFO"),
        ("normal_logs: {log_levels: {INFO: 0}}", "normal_logs.log_levels", "no level has a weight above 0"),
        ("normal_logs: {response_time: {min: 9, max: 5}}", "response_time.max", "between 9 and"),
        ("timestamps: {increment: {min: 2, max: 1}}", "timestamps.increment.max", "between 2 and"),
        ("timestamps: {start: yesterday}", "timestamps.start", "now-7d"),
        ("output: {format: xml}", "output.format", "'combined'"),
        ("output: {file: {max_files: 0}}", "output.file.max_files", "between 1 and"),
        ("generator: {batch_size: 0}", "generator.batch_size", "between 1 and 100,000"),
        ("generator: {batchsize: 5}", "generator.batchsize", "did you mean 'batch_size'?"),
        ("profiles: {office: {weekday: [1], weekend: [1]}}", "profiles.office.weekday", "24 heights"),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_the_path_of_the_setting(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    with pytest.raises(UsageFailure) as caught:
        loaded(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'logs.yaml'}:1: ")
    assert where in line
    assert what in line
    assert "\n" not in line


def test_no_type_enabled_is_refused_unless_nothing_is_to_go_wrong(tmp_path: Path) -> None:
    types = ("error_spike", "latency_degradation", "security_threat", "resource_exhaustion", "service_outage")
    none = ", ".join(f"{name}: {{enabled: false}}" for name in (*types, "data_anomaly"))
    with pytest.raises(UsageFailure, match="set probability: 0"):
        loaded(tmp_path, f"anomalies: {{types: {{{none}}}}}")
    settings = loaded(tmp_path, f"anomalies: {{probability: 0, types: {{{none}}}}}")
    assert Stream(settings, start=0).take(2000).anomalous == 0
