"""deploy/: pipelines of Logstash, dashboards of Kibana and jobs of Elastic's anomaly detection name what is there."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from deploy.kibana import make
from deploy.logstash import make as templates
from generator.logs.sinks import mappings
from tests.commands import sl
from tests.elasticsearch.server import Server
from tests.logstash_config import Plugin, Wrong, plugins

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
PIPELINES = sorted((DEPLOY / "logstash").glob("*.conf"))
TEMPLATES = {name: json.loads((DEPLOY / "logstash" / f"{name}.json").read_text()) for name in templates.TEMPLATES}
JOBS: list[dict[str, Any]] = json.loads((DEPLOY / "elastic-ml" / "jobs.json").read_text())

# Settings that the plugins have, from their sources: input-redis 3.7, input-tcp 7, input-file 4.4, filter-date 3.1,
# output-elasticsearch 12.
SETTINGS = {
    ("input", "redis"): {"host", "port", "db", "password", "data_type", "key", "codec"},
    ("input", "tcp"): {"host", "port", "mode", "codec"},
    ("input", "file"): {
        *("path", "mode", "start_position", "sincedb_path", "codec", "exit_after_read"),
        *("file_completed_action", "file_completed_log_path"),
    },
    ("filter", "date"): {"match", "timezone", "tag_on_failure", "target"},
    ("filter", "mutate"): {"remove_field"},
    ("output", "elasticsearch"): {
        *("hosts", "index", "action", "template", "template_name", "data_stream", "api_key"),
        "ssl_certificate_authorities",
    },
    ("output", "stdout"): {"codec"},
}


def read(path: Path) -> dict[tuple[str, str], Plugin]:
    return {(one.section, one.name): one for one in plugins(path.read_text())}


# -- Logstash -------------------------------------------------------------------------------------


def test_there_is_a_pipeline_for_every_way_in() -> None:
    names = {"redis-to-elasticsearch", "tcp-to-elasticsearch", "file-to-elasticsearch", "file-to-stdout"}
    assert {path.stem for path in PIPELINES} == names
    for path in PIPELINES:
        source, _, target = path.stem.partition("-to-")
        found = list(read(path))
        assert found == [("input", source), ("filter", "date"), ("filter", "mutate"), ("output", target)]


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_a_pipeline_has_only_settings_that_its_plugins_know(path: Path) -> None:
    for place, plugin in read(path).items():
        assert set(plugin.settings) <= SETTINGS[place]
    commented = re.findall(r"^\s*# (\w+) =>", path.read_text(), re.MULTILINE)
    known = {name for settings in SETTINGS.values() for name in settings}
    assert set(commented) <= known, "what a user may uncomment is a setting too"


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_lines_have_their_own_time_and_no_secret_stands_in_a_pipeline(path: Path) -> None:
    date = read(path)["filter", "date"]
    assert date.only_if == "timestamp"
    assert date.settings["match"] == ["timestamp", "ISO8601"]
    assert date.settings["timezone"] == "UTC"
    text = path.read_text()
    for secret in re.findall(r"(?:password|api_key) => (\S+)", text):
        assert re.fullmatch(r'"\$\{[A-Z_]+\}"', secret)
    # A setting without a default stops Logstash where the variable is not set: only what is commented may be so.
    active = "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))
    assert all(":" in variable for variable in re.findall(r"\$\{([^}]+)\}", active))


def test_files_that_are_read_once_are_not_deleted() -> None:
    settings = read(DEPLOY / "logstash" / "file-to-stdout.conf")["input", "file"].settings
    assert settings["mode"] == "read"
    assert settings["file_completed_action"] == "log", "the plugin's own default is delete"
    assert settings["exit_after_read"] is True


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("=>", "="), "means nothing"),
        (("input {", "input"), "expected {"),
        (("input {", "inputs {"), "a section is"),
        (('codec => "json"', "codec => j"), "needs quotes"),
        (('"json"\n', '"json\n'), "a blank is missing"),
        (("\n}\n\nfilter", "\n\nfilter"), "expected"),
        (("if [timestamp]", "if timestamp"), r"expected \["),
        (('["timestamp", "ISO8601"]', '["timestamp" "ISO8601"]'), "expected ,"),
    ],
)
def test_a_slip_in_a_pipeline_is_noticed(change: tuple[str, str], why: str) -> None:
    """Each of these is refused by Logstash's own grammar as well."""
    text = (DEPLOY / "logstash" / "redis-to-elasticsearch.conf").read_text()
    assert change[0] in text
    with pytest.raises(Wrong, match=why):
        plugins(text.replace(*change, 1))


def test_a_template_is_the_mapping_that_the_generator_gives_its_own_index() -> None:
    for index, kind in templates.TEMPLATES.items():
        found = TEMPLATES[index]
        assert json.dumps(found, indent=2) + "\n" == templates.text(index), "run python -m deploy.logstash.make"
        assert found["index_patterns"] == [f"{index}*"]
        # Logstash always has @timestamp, and the line's own timestamp stays beside it.
        own = {**mappings.KINDS[kind], **{name: {"type": "date", "ignore_malformed": False} for name in TIMES}}
        assert found["template"]["mappings"] == mappings.mappings(own)
        assert found["template"]["settings"] == mappings.SETTINGS


TIMES = ("timestamp", "@timestamp")


def test_a_pipeline_puts_the_template_that_fits_its_index() -> None:
    for path in PIPELINES:
        if ("output", "elasticsearch") in (found := read(path)):
            output = found["output", "elasticsearch"].settings
            index = re.findall(r":([^}]+)\}", output["index"])[0]
            assert output["template"].endswith(f"/${{LOG_TEMPLATE:{index}}}.json")
            assert output["template_name"] == f"${{LOG_TEMPLATE:{index}}}"
            assert index in TEMPLATES


# -- Kibana ---------------------------------------------------------------------------------------


def test_what_kibana_imports_is_what_its_source_makes() -> None:
    assert make.FILE.read_text() == make.text(), "run python -m deploy.kibana.make"
    names = [(one["type"], one["id"]) for one in map(json.loads, make.FILE.read_text().splitlines())]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == {"index-pattern", "lens", "dashboard"}


def test_every_reference_leads_to_an_object_of_the_file_that_comes_before() -> None:
    seen: set[tuple[str, str]] = set()
    for one in make.objects():
        assert {(to["type"], to["id"]) for to in one["references"]} <= seen
        seen.add((one["type"], one["id"]))


def test_every_panel_has_its_place_and_its_reference() -> None:
    for one in make.objects():
        if one["type"] != "dashboard":
            continue
        panels = json.loads(one["attributes"]["panelsJSON"])
        names = {to["name"] for to in one["references"]}
        assert {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels} == names
        taken = [
            (x, y)
            for place in (panel["gridData"] for panel in panels)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(set(taken)) == len(taken), "two panels overlap"
        assert max(x for x, _ in taken) < 48


def test_every_column_of_a_chart_is_used_and_made() -> None:
    for one in make.objects():
        if one["type"] == "lens":
            layer = one["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
            shown = json.dumps(one["attributes"]["state"]["visualization"])
            assert sorted(layer["columnOrder"]) == sorted(layer["columns"])
            assert all(f'"{column}"' in shown for column in layer["columns"])


def fields_of_charts(view: str) -> dict[str, set[str]]:
    """Field -> the operations on it, of the charts over a data view; those of their queries too."""
    found: dict[str, set[str]] = {}
    for one in make.objects():
        if one["type"] != "lens" or one["references"][0]["id"] != view:
            continue
        state = one["attributes"]["state"]
        columns = state["datasourceStates"]["formBased"]["layers"]["layer"]["columns"].values()
        for column in columns:
            if column["sourceField"] != "___records___":
                found.setdefault(column["sourceField"], set()).add(column["operationType"])
        queries = [state["query"]["query"], *(column.get("filter", {}).get("query", "") for column in columns)]
        for name in re.findall(r"([\w.@]+)(?::| [<>]=?)", " ".join(queries)):
            found.setdefault(name, set()).add("filter")
    return found


# -- anomaly detection ----------------------------------------------------------------------------


def test_every_job_comes_with_its_datafeed_and_has_only_settings_of_the_api() -> None:
    client = Elasticsearch("http://127.0.0.1:9")
    job_settings = set(inspect.signature(client.ml.put_job).parameters)
    feed_settings = set(inspect.signature(client.ml.put_datafeed).parameters)
    client.close()
    assert len({one["job"]["job_id"] for one in JOBS}) == len(JOBS)
    for one in JOBS:
        assert set(one) == {"job", "datafeed"}, "what Kibana imports"
        job, feed = one["job"], one["datafeed"]
        assert set(job) <= job_settings
        assert set(feed) <= feed_settings
        assert (feed["job_id"], feed["datafeed_id"]) == (job["job_id"], f"datafeed-{job['job_id']}")
        assert re.fullmatch(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?", job["job_id"])
        assert job["data_description"]["time_field"] == "@timestamp"
        for detector in job["analysis_config"]["detectors"]:
            assert ("field_name" in detector) == (detector["function"] not in ("count", "high_count"))


def fields_of_job(one: dict[str, Any]) -> set[str]:
    """The fields that a job and its datafeed's query name."""
    config = one["job"]["analysis_config"]
    named = {detector[name] for detector in config["detectors"] for name in detector if name.endswith("field_name")}
    query = one["datafeed"]["query"]["bool"]
    clauses = [*query.get("should", ()), *query.get("filter", ())]
    asked = {clause["exists"]["field"] if "exists" in clause else next(iter(*clause.values())) for clause in clauses}
    return named | set(config["influencers"]) | asked | {one["job"]["data_description"]["time_field"]}


def test_the_job_of_the_smoke_series_names_fields_of_its_documents(tmp_path: Path) -> None:
    (smoke,) = [one for one in JOBS if one["datafeed"]["indices"] == ["smoke_event-*"]]
    window = ("--start", "2026-11-01", "--end", "2026-11-01T06:00Z")
    assert sl("logs", "--smoke", *window, "-p", tmp_path / "smoke", "-q").code == 0
    (written,) = tmp_path.glob("smoke_*.json")
    with written.open() as file:
        assert fields_of_job(smoke) <= set(json.loads(next(file)))


# -- on a real node -------------------------------------------------------------------------------


def capabilities(server: Server, index: str) -> dict[str, dict[str, Any]]:
    """Field -> what can be done with it, in each of its types."""
    found: dict[str, dict[str, Any]] = server.call("GET", f"/{index}/_field_caps?fields=*")["fields"]
    return found


def check(found: dict[str, dict[str, Any]], charts: dict[str, set[str]], jobs: list[dict[str, Any]]) -> None:
    """Every field that is named is there, and can be grouped by, or measured, as it is meant."""
    for name in {*charts, *(name for one in jobs for name in fields_of_job(one))}:
        assert name in found, name
        assert all(one["aggregatable"] and one["searchable"] for one in found[name].values()), name
    for name, operations in charts.items():
        kinds = set(found[name])
        if operations & {"sum", "max", "median", "percentile"}:
            assert kinds <= {"long", "integer", "float", "double"}, name
        if "date_histogram" in operations:
            assert kinds == {"date"}


@pytest.mark.elasticsearch
def test_lines_as_logstash_stores_them_have_every_field_that_charts_and_jobs_name(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    answer = sl("logs", "--total", "3000", "--anomaly-rate", "0.3", "-p", tmp_path / "logs", "-q")
    assert answer.code == 0, answer
    template = {**TEMPLATES["app-logs"], "index_patterns": [f"{elasticsearch_index}*"], "priority": 9000}
    elasticsearch.call("PUT", f"/_index_template/{elasticsearch_index}", template)
    try:
        lines = [
            json.loads(line) for path in sorted(tmp_path.glob("logs_*.json")) for line in path.read_text().splitlines()
        ]
        assert len(lines) == 3000
        for line in lines:
            line["@timestamp"] = f"{line['timestamp'][:23]}Z"  # what the date filter makes of it
        body = "".join('{"create": {}}\n' + json.dumps(line) + "\n" for line in lines)
        stored = elasticsearch.call("POST", f"/{elasticsearch_index}/_bulk?refresh=true", body.encode())
        refused = [one["create"]["error"] for one in stored["items"] if one["create"]["status"] != 201]
        assert refused == []
        jobs = [one for one in JOBS if one["datafeed"]["indices"] == ["app-logs*"]]
        assert len(jobs) == 3
        check(capabilities(elasticsearch, elasticsearch_index), fields_of_charts(make.LOGS), jobs)
        for one in jobs:
            answered = elasticsearch.call(
                "POST", f"/{elasticsearch_index}/_search", {"size": 0, "query": one["datafeed"]["query"]}
            )
            hits = answered["hits"]["total"]["value"]
            assert 0 < hits <= 3000, one["job"]["job_id"]
    finally:
        elasticsearch.call("DELETE", f"/_index_template/{elasticsearch_index}")


@pytest.mark.elasticsearch
def test_traffic_of_the_generator_has_every_field_that_charts_and_jobs_name(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    world = ("--customers", "2", "--start", "2026-10-05", "--end", "2026-10-05T03:00Z")
    answer = sl("generate", "--store", store, "--output", tmp_path, *world, "-q")
    assert answer.code == 0, answer
    jobs = [one for one in JOBS if one["datafeed"]["indices"] == ["traffic"]]
    assert len(jobs) == 1
    check(capabilities(elasticsearch, elasticsearch_index), fields_of_charts(make.TRAFFIC), jobs)
    query = {"size": 0, "query": jobs[0]["datafeed"]["query"]}
    assert elasticsearch.call("POST", f"/{elasticsearch_index}/_search", query)["hits"]["total"]["value"] == 360
