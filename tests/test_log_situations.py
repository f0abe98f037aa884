"""Logs as people have them: what begins late, what is half of another format, what is said in other words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from traffic.errors import Failure
from traffic.model import HOUR, Query, Window, ceil_to, floor_to
from traffic.store import Columns, open_source

BOOT = json.dumps({"time": "2025-01-06T00:00:00Z", "level": "info", "service": "web", "msg": "boot"}) + "\n"
FAILED = json.dumps({"time": "2025-01-06T00:01:00Z", "level": "info", "service": "web", "status": 503}) + "\n"
CLF = '10.0.0.1 - - [06/Jan/2025:00:00:01 +0000] "GET /a HTTP/1.1" {} 12\n'
TWO = '192.0.2.1, 192.0.2.9 - - [06/Jan/2025:00:00:01 +0000] "GET /a HTTP/1.1" {} 12\n'
TRACE = (
    "2025-01-06 00:00:01,123 ERROR [main] com.example.A - boom\n"
    "java.lang.IllegalStateException: x\n\tat com.example.A.b(A.java:7)\nCaused by: java.io.IOException: y\n"
)


def row(**members: object) -> str:
    return json.dumps({"time": "2025-01-06T00:00:01.5Z", **members}) + "\n"


def cri(tag: str, said: str, stream: str = "stdout") -> str:
    return f"2025-01-06T00:00:02.5Z {stream} {tag} {said}\n"


def docker(said: str) -> str:
    return json.dumps({"log": said, "stream": "stdout", "time": "2025-01-06T00:00:02.5Z"}) + "\n"


LINE, OBJECT = CLF.format(503)[:-1], row(level="error")[:-1]
NOT_UTF8 = CLF.format(503).encode().replace(b"/a", b"/caf\xe9")
WAYS = {
    "a combined line": LINE,
    "an object": OBJECT,
    "a text": "2025-01-06 00:00:01,5 ERROR [main] com.example.A - boom",
}
PREFIXES = {
    "kubectl logs --prefix": "[pod/web-7d9f-x2/nginx] ",
    "kubectl logs --prefix --timestamps": "[pod/web-7d9f-x2/nginx] 2025-01-06T00:00:02.123456789Z ",
    "kubectl logs --timestamps": "2025-01-06T00:00:02.123456789Z ",
    "kubetail": "[web-7d9f-x2 nginx] ",
}

RIGHT: dict[str, tuple[dict[str, str | bytes], int, int]] = {
    **{
        f"{prefix} before {what}": ({"a.log": (before + line + "\n") * 20}, 20, 20)
        for prefix, before in PREFIXES.items()
        for what, line in WAYS.items()
    },
    "kubectl's prefix before a stack trace": (
        {"a.log": "".join(f"[pod/web-1/app] {line}\n" for line in TRACE.splitlines()) * 5},
        5,
        5,
    ),
    "a container's stack trace": ({"a.log": "".join(cri("F", line) for line in TRACE.splitlines()) * 5}, 5, 5),
    "a line that a container runtime has cut": (
        {"a.log": cri("P", LINE[:30]) + cri("P", LINE[30:50]) + cri("F", LINE[50:]) + cri("F", LINE) * 9},
        10,
        10,
    ),
    "lines of two streams that are cut beside each other": (
        {
            "a.log": cri("P", LINE[:30])
            + cri("P", LINE[:40], "stderr")
            + cri("F", LINE[30:])
            + cri("F", LINE[40:], "stderr")
        },
        2,
        2,
    ),
    "an object that a container runtime has cut": (
        {"a.log": (cri("P", OBJECT[:20]) + cri("F", OBJECT[20:]) + cri("F", OBJECT) * 2) * 7},
        21,
        21,
    ),
    "a last line that was not written to its end": ({"a.log": cri("F", LINE) * 200 + cri("P", LINE[:50])}, 200, 200),
    "a line that Docker has cut": (
        {"a.json": (docker(LINE[:30]) + docker(LINE[30:50]) + docker(LINE[50:] + "\n") + docker(LINE + "\n")) * 5},
        10,
        10,
    ),
    "Docker's lines as Fluent Bit hands them on": ({"a.json": docker(LINE) * 5}, 5, 5),
    "a byte that is not UTF-8": ({"a.log": CLF.format(200).encode() * 9 + NOT_UTF8}, 10, 1),
    "a byte that is not UTF-8, gzipped": ({"a.log.gz": CLF.format(200).encode() * 9 + NOT_UTF8}, 10, 1),
    "a byte that is not UTF-8 in an object": (
        {"a.json": row(level="error", m="caf$").encode().replace(b"$", b"\xe9") + row(level="info").encode() * 9},
        10,
        1,
    ),
    "a byte that is not UTF-8 in a table": (
        {"a.csv": b"time,host,path,status\n2025-01-06T13:10:00Z,a,/caf\xe9,500\n2025-01-06T13:10:09Z,a,/x,200\n"},
        2,
        1,
    ),
    "a status after 200 lines without one": ({"a.json": BOOT * 200 + FAILED * 3}, 203, 3),
    "a status after 5,000 lines without one": ({"a.json": BOOT * 5000 + FAILED * 3}, 5003, 3),
    "a status in the second file": ({"a.json": BOOT, "b.json": FAILED * 60}, 61, 60),
    "old names in one file, new ones in the other": (
        {"a.json": row(status=500), "b.json": row(http={"response": {"status_code": 502}})},
        2,
        2,
    ),
    "two formats in one glob": ({"a.json": FAILED, "b.log": CLF.format(500)}, 2, 2),
    "an empty file after logrotate": ({"a.log": "", "a.log.1": CLF.format(500) * 2}, 2, 2),
    "gzipped beside plain": ({"a.log": CLF.format(200), "a.log.2.gz": CLF.format(500) * 2}, 3, 2),
    "half of the lines with two addresses": ({"a.log": (CLF.format(200) + TWO.format(503)) * 300}, 600, 300),
    "two addresses in the first line": ({"a.log": TWO.format(503) + CLF.format(200) * 9}, 10, 1),
    "Traefik's own name for a status": ({"a.json": row(level="info", ServiceName="a", DownstreamStatus=502)}, 1, 1),
    "a name for a status that nobody listed": ({"a.json": row(level="info", app="a", http_resp_code=502)}, 1, 1),
    "a status that is a text": ({"a.json": row(status="502") + row(status="200")}, 2, 1),
    "a status that is a word beside one that is a code": ({"a.json": row(status="failed", response_code=502)}, 1, 1),
    "levels of pino": ({"a.json": row(level=50) + row(level=30)}, 2, 1),
    "levels of syslog": ({"a.json": row(severity=3) + row(severity=6)}, 2, 1),
    "severities that are called syslog's": ({"a.json": row(syslog_severity=3) * 2}, 2, 2),
    "priorities of journald": ({"a.json": row(PRIORITY="3") + row(PRIORITY="4")}, 2, 1),
    "levels of Python as numbers": ({"a.json": row(levelno=40) + row(levelno=30)}, 2, 1),
    "levels of java.util.logging": ({"a.json": row(level="SEVERE") + row(level="FINE")}, 2, 1),
    "levels in brackets": ({"a.json": row(level="[err]") + row(level="[warn]")}, 2, 1),
    "an alert and a panic": ({"a.json": row(level="ALERT") + row(level="PANIC") + row(level="NOTICE")}, 3, 2),
    "a virtual host in half of the lines": (
        {"a.log": (CLF.format(503) + "www.x:443 " + CLF.format(503)) * 100},
        200,
        200,
    ),
    "methods in small letters": ({"a.log": CLF.format(503).replace("GET", "get") * 9 + CLF.format(200)}, 10, 9),
    "a request that is a path": (
        {"a.json": row(request="/a/b?x=1", response=503) + row(request="/c", response=200)},
        2,
        1,
    ),
    "a stack trace below an error": ({"a.log": TRACE * 5}, 5, 5),
    "lines of a start before JSON": ({"a.json": "npm start\n" + row(level="error") * 200}, 200, 200),
    "the mark of the byte order before JSON": ({"a.json": "\ufeff" + row(level="error") * 2}, 2, 2),
    "line ends of Windows": ({"a.log": CLF.format(500).replace("\n", "\r\n") * 3}, 3, 3),
    "a list of objects": ({"a.json": json.dumps([json.loads(row(status=500)), json.loads(row(status=200))])}, 2, 1),
    "objects over several lines": ({"a.json": json.dumps(json.loads(row(status=500)), indent=2) * 2}, 2, 2),
    "a date beside a time": (
        {"a.csv": "date,time,host,path,status\n2025-01-06,13:10:00,a,/x,500\n2025-01-06,13:10:09,a,/x,200\n"},
        2,
        1,
    ),
    "W3C with tabs in its header": (
        {"a.log": "#Fields: date\ttime\tcs-uri-stem\tsc-status\n2025-01-06\t00:00:04\t/a\t500\n"},
        1,
        1,
    ),
    "W3C whose fields change": (
        {
            "a.log": "#Fields: date time cs-uri-stem sc-status\n2025-01-06 00:00:04 /a 500\n"
            "#Fields: date time cs-method cs-uri-stem sc-status\n2025-01-06 00:00:04 GET /a 501\n"
        },
        2,
        2,
    ),
}


def framed(**members: object) -> str:
    return json.dumps({"date": 1736121600.5, "log": json.dumps({"level": "error"}), **members}) + "\n"


KEYS: dict[str, tuple[str, list[str]]] = {
    "containers whose lines Fluent Bit took": (
        "".join(framed(kubernetes={"pod_name": "p", "container_name": name}) for name in ("api", "web")),
        ["api", "web"],
    ),
    "hosts whose lines Filebeat took": (
        "".join(row(message=json.dumps({"level": "error"}), host={"name": name}) for name in ("h1", "h2")),
        ["h1", "h2"],
    ),
    "programs of several hosts in one syslog": (
        "".join(f"2025-01-06T00:00:0{n}+01:00 web{n} {('sshd', 'cron')[n % 2]}[7]: x\n" for n in range(4)),
        ["cron", "sshd"],
    ),
    "a level and a thread are no host and no program": (
        "".join(f"2025-01-06T00:00:0{n}Z ERROR main[7]: x\n" for n in range(4)),
        ["all"],
    ),
}


@pytest.mark.parametrize("situation", KEYS)
def test_lines_of_several_that_stand_in_one_file_are_told_apart(situation: str, tmp_path: Path) -> None:
    content, keys = KEYS[situation]
    path = tmp_path / "a.log"
    path.write_text(content)
    source = open_source(str(path), Columns(preset="requests"))
    assert list(source.keys(source.extent(None, HOUR))) == keys


def test_a_copy_of_a_log_is_said(tmp_path: Path) -> None:
    content = "".join(CLF.format(200) for _ in range(20))
    (tmp_path / "a.log.1").write_text(content)
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(content.encode()))
    notes = open_source(str(tmp_path / "*"), Columns(preset="requests")).notes()
    assert any("begin with the same lines: if one is a copy, its lines count twice" in note for note in notes)


@pytest.mark.parametrize("situation", RIGHT)
def test_a_log_as_people_have_it_is_counted_rightly(situation: str, tmp_path: Path) -> None:
    files, requests, errors = RIGHT[situation]
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source = open_source(str(tmp_path / "*"), Columns(preset="errors"))
    extent = source.extent(None, HOUR)
    window = Window(floor_to(extent.start, HOUR), ceil_to(extent.end, HOUR))
    found = source.series(Query(source.metric, tuple(source.keys(window)), window, HOUR)).values
    coverage = source.coverage(window, extent)
    coverage.check(source.name)
    assert (coverage.used, found.sum()) == (requests, errors)


def test_what_had_to_be_mended_is_said_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(NOT_UTF8 * 2 + NOT_UTF8.replace(b"\xe9", b"\xe8") + CLF.format(200).encode())
    source = open_source(str(path), Columns(preset="requests", key="endpoint"))
    assert source.remarks() == [
        f"3 lines are not UTF-8 (the first in {path}): such bytes are read as \\xe9 and the like"
    ]
    # What differs stays apart.
    window = source.extent(None, HOUR)
    assert list(source.keys(window)) == ["/a", r"/caf\xe8", r"/caf\xe9"]
    assert [(one.name, one.rows) for one in source.coverage(window, window).parts] == [(str(path), 4)]
    path.write_text(cri("P", LINE[:30]) + cri("P", LINE[30:50]) + cri("F", LINE[50:]) + cri("F", LINE))
    source = open_source(str(path), Columns(preset="requests"))
    assert source.remarks() == ["3 pieces of lines that the container runtime had cut are put together"]
    assert [(one.name, one.rows) for one in source.coverage(window, window).parts] == [(str(path), 2)]


def test_the_pod_is_a_key(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"[pod/web-{n}/nginx] {LINE}\n" for n in range(3)))
    source = open_source(str(path), Columns(preset="requests", key="host"))
    assert list(source.keys(source.extent(None, HOUR))) == ["web-0", "web-1", "web-2"]


REFUSED: dict[str, tuple[str, str, str]] = {
    "kubectl's prefix before lines without a time": (
        "[pod/web-1/nginx] ERROR boom\n" * 3,
        "errors",
        "has no times in its lines: write them with kubectl logs --timestamps",
    ),
    "lines in a list in an object": (
        json.dumps({"Records": [{"eventTime": "2025-01-06T00:00:00Z"}] * 3}) + "\n",
        "requests",
        "its objects contain only Records: if that is a list of lines, write one per line, as jq",
    ),
    "levels that mean nothing": (row(level="BLUE") * 3, "errors", "no level in level is known (BLUE)"),
    "numbers of nobody's levels": (row(level=3) + row(level=11), "errors", "no level in level is known (11, 3)"),
    "numbers that count up or down": (
        row(level=3) + row(level=1),
        "errors",
        "level (1, 3) may count downwards like syslog (0 is worst) or upwards like Zabbix (5 is worst): use",
    ),
    "severities of Zabbix": ("".join(row(severity=n) for n in range(6)), "errors", "or --errors 'severity >= 4'"),
    "a status that is a word": (row(status="failed") * 3, "errors", "no status and no level that is recognised"),
    "no response time": (CLF.format(200) * 3, "latency", "no response time that is recognised for --metric latency"),
    "1 % of other lines": (CLF.format(200) * 99 + "what is this\n", "errors", "such as line 100 of"),
    "a zone that means two things": (
        "2025-07-06 12:00:00 BST ERROR boom\n" * 3,
        "errors",
        "'2025-07-06 12:00:00 BST' in timestamp is not a supported time",
    ),
    "days and no time": ("date,path,status\n2025-01-06,/a,500\n", "errors", "date contains dates without a time"),
    "no log at all": ("hello world\nthis is\nno log\n", "errors", "(see docs/log-discovery.md);"),
    "more series than anybody wants": (
        "".join(row(status=500, service=f"s{place}") for place in range(5001)),
        "errors",
        "has 5,001 series by service: specify a field with fewer values with --key, or accept them all with --key",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_is_not_understood_is_refused_with_what_helps(situation: str, tmp_path: Path) -> None:
    content, metric, line = REFUSED[situation]
    path = tmp_path / "a.log"
    path.write_text(content)
    with pytest.raises(Failure) as told:
        open_source(str(path), Columns(preset=metric))
    assert line in str(told.value)
    assert "\n" not in str(told.value)


def test_how_errors_are_told_and_how_many_series_there_are_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(FAILED * 3)
    assert open_source(str(path), Columns(preset="errors")).notes() == [
        "read as JSON",
        "1 series, by service",
        "errors: status >= 500 (status), level ERROR, CRITICAL, FATAL and the like (level)",
    ]


@pytest.mark.parametrize(
    ("members", "milliseconds", "said"),
    [
        ({"request_time": 0.097}, 97.0, "request_time in s"),
        ({"responsetime": 0.097}, 97.0, "responsetime in s, by the values"),
        ({"response_time": 97.5}, 97.5, "response_time in ms, by the values"),
        ({"duration_us": 97000}, 97.0, "duration_us in us, by its name"),
        ({"elapsedMillis": 97}, 97.0, "elapsedMillis in ms, by its name"),
        ({"durationSeconds": 0.097}, 97.0, "durationSeconds in s, by its name"),
        ({"took": "97ms"}, 97.0, "took"),
        ({"latency": "1m2.5s"}, 62500.0, "latency"),
        ({"Duration": 97000000, "DownstreamStatus": 200}, 97.0, "Duration in ns, as Traefik counts"),
    ],
)
def test_the_unit_of_response_times_is_told_and_said(
    members: dict[str, object], milliseconds: float, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(row(service="a", **members) * 3)
    source = open_source(str(path), Columns(preset="latency"))
    window = source.extent(None, 60)
    found = source.series(Query(source.metric, ("a",), window, 60)).values
    assert found == pytest.approx(milliseconds)
    assert any(said in note for note in source.notes())
    scaled = open_source(str(path), Columns(preset="latency", scale=2.0))
    if isinstance(value := next(iter(members.values())), float | int):
        assert scaled.series(Query(scaled.metric, ("a",), window, 60)).values == pytest.approx(2.0 * value)


def test_a_path_alone_is_an_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(row(request="/a/b?x=1", response=503) * 3)
    source = open_source(str(path), Columns(preset="errors"))
    assert list(source.keys(Window(1736121600, 1736121600 + HOUR))) == ["/a/b"]


def test_a_role_that_the_log_has_not_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(row(vhost="x", status=503) * 3)
    with pytest.raises(Failure, match=r"no recognised endpoint field \(--key\): it has host \(vhost\)"):
        open_source(str(path), Columns(preset="errors", key="endpoint"))


def test_lines_without_what_tells_series_apart_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(CLF.format(503) * 6 + CLF.format(408).replace("GET /a HTTP/1.1", "-") * 4)
    source = open_source(str(path), Columns(preset="requests"))
    assert "4 of 10 lines left out: without endpoint" in source.remarks()
