"""What is understood of PromQL, and what is made of names and answers: without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from traffic.errors import AccessDenied, UsageFailure
from traffic.store.access import Access, Entry, prometheus_access
from traffic.store.prometheus.answers import NoPromAnswer, lines
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.place import find_place
from traffic.store.prometheus.promql import milliseconds, one_of, read, summed, with_matcher
from traffic.store.prometheus.questions import Naming


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("up", ["up"]),
        (' up{job="a}b", x=~"[{]"} ', ['up{job="a}b", x=~"[{]"}']),
        ('{__name__="up"}', ['{__name__="up"}']),
        ("sum by (device, up) (rate(up[5m]))", ["up[5m]"]),
        ("sum(rate(a[5m] offset 1h)) without (x) / on (k) group_left (y) b", ["a[5m] offset 1h", "b"]),
        ("avg_over_time(x[5m:1m] offset 10m)", ["x"]),
        ("max_over_time((a + b)[1h:5m]) # c and d", ["a", "b"]),
        ("a offset -5m and b @ 1700000000 or c @ end() unless d", ["a offset -5m", "b @ 1700000000", "c @ end()", "d"]),
        ("1e3 * a:b:rate5m > bool 0x1F + Inf", ["a:b:rate5m"]),
        ('label_replace(a, "x", \'b{c}\', `d[e]`, "")', ["a"]),
    ],
)
def test_the_selectors_of_an_expression_are_found(text: str, found: list[str]) -> None:
    expression = read(text)
    assert [expression.text[one.start : one.end] for one in expression.selectors] == found
    assert expression.replaced(lambda one: expression.text[one.start : one.end]) == text.strip()
    assert (expression.plain is None) == (found != [expression.text] or "[" in found[0].partition("{")[0])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("up", "up"),
        ('up{job="a"}', "up"),
        ('{__name__="up"}', "up"),
        ("{job='a', __name__ = 'up'}", "up"),
        ('{"http.requests_total"}', "http.requests_total"),
        ('{job="a", "http.requests_total" , x="y"}', "http.requests_total"),
        ('{__name__=~"a|b"}', ""),
        ('{job="up"}', ""),
        ("rate(up[5m])", ""),
        ("up + up", ""),
    ],
)
def test_a_metric_is_known_by_its_name_however_it_is_written(text: str, name: str) -> None:
    assert read(text).metric == name


@pytest.mark.parametrize(("text", "number"), [("5m", 300_000), ("1h30m", 5_400_000), ("1ms", 1), ("2w", 1_209_600_000)])
def test_a_duration_is_understood(text: str, number: int) -> None:
    assert milliseconds(text) == number


def test_values_of_labels_mean_nothing_to_a_regular_expression() -> None:
    assert one_of("k", ["a.b", "c|d"]) == 'k=~"a\\\\.b|c\\\\|d"'
    assert with_matcher("up", 'k="a"') == 'up{k="a"}'
    assert with_matcher('up{x="1",}', 'k="a"') == 'up{x="1",k="a"}'
    assert with_matcher("up{ }", 'k="a"') == 'up{k="a"}'


def test_different_labels_make_different_keys() -> None:
    found = [{"a": "x / y", "b": "z"}, {"a": "x", "b": "y / z"}, {"a": "x"}, {"b": "x"}]
    for naming in (Naming(("a", "b")), Naming(None)):
        assert len({naming.key(one) for one in found}) == 4
    assert (Naming(None).key({}), Naming(None).key({"__name__": "x", "b": '"'})) == ("total", 'b="\\""')


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("prometheus:http://127.0.0.1:9090", "prometheus:http://127.0.0.1:9090"),
        ("Prometheus:https://m.example/prometheus/", "prometheus:https://m.example/prometheus"),
        ("prometheus:http://[::1]:9090/api/v1", "prometheus:http://[::1]:9090"),
    ],
)
def test_an_address_is_understood(name: str, shown: str) -> None:
    assert find_place(name).name == shown


@pytest.mark.parametrize("name", ["ftp://h", "http://", "http://h:x", "http://u:s3cret@h", "http://h?token=s3cret"])
def test_what_is_no_address_is_refused_without_being_repeated(name: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        find_place(f"prometheus:{name}")
    assert "s3cret" not in str(caught.value)


def test_options_come_before_the_environment_and_a_token_before_a_user(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("t0ken\n")
    everything = {"PROMETHEUS_TOKEN": "of-the-environment", "PROMETHEUS_USERNAME": "u", "PROMETHEUS_PASSWORD": "p"}
    assert prometheus_access(Entry(), everything).api_key == "of-the-environment"
    assert prometheus_access(Entry(api_key_file=tmp_path / "secret"), everything).api_key == "t0ken"
    said = prometheus_access(Entry(user="me", password_file=tmp_path / "secret", tenant="team-a"), everything)
    assert (said.user, said.password, said.api_key, said.tenant) == ("me", "t0ken", None, "team-a")
    assert "t0ken" not in repr(said)
    assert prometheus_access(Entry(), {}).user is None


@pytest.mark.parametrize(
    ("said", "environment", "line"),
    [
        (Entry(user="me"), {}, "no password"),
        (Entry(ca_fingerprint="00" * 32), {}, "for Elasticsearch"),
        (Entry(), {"PROMETHEUS_TOKEN": "two words"}, "the token contains spaces"),
        (Entry(tenant="a\nb"), {}, "the tenant contains spaces"),
    ],
)
def test_what_cannot_log_in_is_refused(said: Entry, environment: dict[str, str], line: str) -> None:
    with pytest.raises(UsageFailure, match=line):
        prometheus_access(said, environment)


def test_a_secret_is_not_sent_in_clear_to_another_machine() -> None:
    place = find_place("prometheus:http://metrics.example:9090")
    with pytest.raises(AccessDenied, match="--allow-http"):
        Connection(place, Access("me", "secret"))
    Connection(place, Access("me", "secret", allow_http=True))
    Connection(place, Access())


def one(**more: Any) -> dict[str, Any]:
    return {"resultType": "matrix", "result": [{"metric": {"k": "a"}, "values": [[60, "1"]], **more}]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"resultType": "vector", "result": []},
        {"resultType": "matrix"},
        {"resultType": "matrix", "result": ["x"]},
        one(metric=None),
        one(metric={"k": 1}),
        one(values=None),
        one(values=[[60]]),
        one(values=[[60, "one"]]),
        one(values=[[90, "1"]]),
        one(values=[[0, "1"]]),
        one(values=[[240, "1"]]),
        one(values=[[120, "1"], [60, "1"]]),
        one(values=[[60, "1"], [60, "1"]]),
        one(histograms=[]),
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_refused(data: Any) -> None:
    with pytest.raises(NoPromAnswer):
        list(lines(data, 60, 60, 3))


def test_an_answer_is_put_where_its_times_say() -> None:
    (line,) = lines(one(values=[[60, "1"], [180, "NaN"]]), 60, 60, 3)
    assert (line.labels, line.columns.tolist(), line.values[0]) == ({"k": "a"}, [0, 2], 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum by (k) (rate(x[5m])) * 8", "sum by (k, port) (rate(x[5m])) * 8"),
        ("8 * sum(rate(x[5m])) by (k, j) / 2", "8 * sum by (k, j, port) (rate(x[5m])) / 2"),
        ("sum(x)", "sum by (port) (x)"),
        ("sum by(k,)(x - on (k) group_left () y)", "sum by (k, port) (x - on (k) group_left () y)"),
        ("sum(a) by (k) / sum(b) by (k)", None),
        ("sum without (j) (x)", None),
        ("avg by (k) (x)", None),
        ("sum(x) + sum(y)", None),
        ("sum(x) > 5", None),
        ("max(sum by (k) (x))", None),
        ("rate(x[5m])", None),
        ("sum(x) * y", None),
    ],
)
def test_a_sum_is_split_by_a_label_more_and_nothing_else_is(text: str, expected: str | None) -> None:
    assert summed(read(text), ("port",)) == expected
