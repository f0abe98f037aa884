"""`import sl`: the commands on frames give what the commands give, and the page that explains them runs."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sl
from tests.commands import ROOT, started, well
from tests.commands import sl as command
from traffic.errors import UsageFailure

WORLD = ("--customers", "5", "--start", "2026-09-07", "--end", "2026-10-12")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    well(command("generate", "--store", "traffic", "--output", ".", *WORLD, cwd=folder))
    well(command("discover", "--store", "traffic", "--output", ".", "--charts", "0", cwd=folder))
    return folder


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Six weeks of two hosts, one of which is five times as loud for an hour and three quarters."""
    times = pd.date_range("2026-09-07", "2026-10-19", freq="5min", tz="UTC")
    rng = np.random.default_rng(1)
    hosts = []
    for host in ("web-1", "web-2"):
        one = pd.DataFrame({"time": times, "host": host, "bps": 5e6 * (1 + 0.1 * rng.random(len(times)))})
        hosts.append(one)
    hosts[0].loc[hosts[0]["time"].between("2026-10-08T06:00Z", "2026-10-08T07:40Z"), "bps"] *= 6
    return pd.concat(hosts, ignore_index=True)


def test_a_store_gives_the_events_of_the_command(run: Path) -> None:
    result = sl.discover(run / "traffic")
    table = pd.read_csv(run / "events.csv", keep_default_na=False, parse_dates=["start", "end", "detected"])
    assert result.events["event_id"].tolist() == table["event_id"].tolist()
    assert result.events["verdict"].tolist() == table["verdict"].tolist()
    assert (result.events["start"].astype("datetime64[ns, UTC]") == table["start"]).all()
    np.testing.assert_allclose(result.events["peak"], table["peak"], rtol=1e-9)
    comparison = pd.read_csv(run / "comparison.csv", keep_default_na=False)
    assert sorted(result.comparison["label_id"]) == sorted(comparison["label_id"])
    assert result.scores
    assert result.scores["recall"] == 1
    assert len(result.coverage) == 1
    assert not sl.Result(result.findings).remarks


def test_a_frame_is_read_by_its_columns_or_by_what_they_hold(rows: pd.DataFrame) -> None:
    named = sl.discover(rows, time="time", key="host", value="bps", resolution="5m")
    assert named.events["key"].tolist() == ["web-1"]
    assert named.events["start"].tolist() == [pd.Timestamp("2026-10-08T06:00Z")]
    with pytest.warns(UserWarning, match="using time, host, bps"):
        guessed = sl.discover(rows, resolution="5m")
    assert guessed.events["event_id"].tolist() == named.events["event_id"].tolist()


@pytest.mark.filterwarnings("ignore:using")
def test_a_frame_of_columns_is_a_series_each(rows: pd.DataFrame) -> None:
    wide = rows.pivot_table(index="time", columns="host", values="bps")
    assert sl.discover(wide, resolution="5m").events["key"].tolist() == ["web-1"]
    assert sl.discover(wide[["web-1"]], resolution="5m").events["key"].tolist() == ["web-1"]


def test_what_was_left_out_is_a_warning(rows: pd.DataFrame) -> None:
    broken = rows.astype({"host": object})
    broken.loc[10:20, "host"] = None
    with pytest.warns(UserWarning, match="11"):
        result = sl.discover(broken, time="time", key="host", value="bps", resolution="5m")
    assert any("11" in remark for remark in result.remarks)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "nope"}, "nope"),
        ({"policy": {"over_procent": 1}}, "unknown setting 'over_procent'"),
        ({"policy": {"over_percent": -200}}, "over_percent"),
        ({"resolution": "7s"}, "7s"),
        ({"start": "yesterday"}, "yesterday"),
        ({"without": ["nope"]}, "nope"),
    ],
)
def test_what_is_not_valid_says_so(change: dict[str, object], words: str, rows: pd.DataFrame) -> None:
    said = {"time": "time", "key": "host", "value": "bps", "resolution": "5m", **change}
    with pytest.raises(UsageFailure, match=re.escape(words)):
        sl.discover(rows, **said)  # type: ignore[arg-type]


def test_an_empty_frame_says_so(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageFailure, match="no rows"):
        sl.discover(rows[:0])


def test_a_policy_changes_what_is_found_and_answers_are_kept_where_one_wants_them(run: Path, tmp_path: Path) -> None:
    all_of_them = sl.discover(run / "traffic", output=tmp_path)
    few = sl.discover(run / "traffic", output=tmp_path, policy={"over_percent": 900, "within": "15m"})
    assert 0 < len(few.events) < len(all_of_them.events)
    assert list((tmp_path / "buffer_cache").rglob("*.slc"))


def test_the_score_of_other_events_is_by_the_same_rules(run: Path) -> None:
    result = sl.discover(run / "traffic")
    assert result.scores
    own = result.events[result.events["class"] == "policy"]
    told = sl.score(own[["key", "start", "end"]], run / "ground_truth.csv")
    assert told["recall"] == 1
    truth = pd.read_csv(run / "ground_truth.csv")
    required = truth[truth["kind"] == "required"]
    perfect = sl.score(required[["key", "start", "end"]], required)
    assert (perfect["precision"], perfect["recall"], perfect["f1"]) == (1, 1, 1)
    assert sl.score(required[["key", "start", "end"]][:0], required)["recall"] == 0
    half = sl.score(required[["key", "start", "end"]][::2], required)
    assert half["recall"] == pytest.approx(len(required[::2]) / len(required))


@pytest.mark.filterwarnings("ignore:using")
def test_a_result_shows_itself(rows: pd.DataFrame) -> None:
    hostile = rows.replace({"host": {"web-1": "<script>alert(1)</script>"}})
    result = sl.discover(hostile, time="time", key="host", value="bps", resolution="5m")
    assert "1 event in" in str(result)
    shown = result._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert result.plot(0).get_size_inches()[0] > 5
    assert result.plot(result.events["event_id"][0]) is not None
    with pytest.raises(UsageFailure, match="no event 7"):
        result.plot(7)


def test_a_store_is_read_as_the_export_writes_it(run: Path) -> None:
    well(command("export", "--store", "traffic", "--wide-table", "--file", "frame.parquet", cwd=run))
    pd.testing.assert_frame_equal(sl.read(run / "traffic"), pd.read_parquet(run / "frame.parquet"))
    week = sl.read(run / "traffic", resolution="60m", start="2026-09-14", end="2026-09-21", only=["*1"])
    assert week.shape == (168, 1)


@pytest.mark.filterwarnings("ignore:using")
def test_an_event_of_a_frame_is_explained_and_so_is_an_hour_without_one(rows: pd.DataFrame) -> None:
    result = sl.discover(rows, time="time", key="host", value="bps", resolution="5m")
    worst = sl.explain(result, 0)
    assert f"event {result.events['event_id'][0]}" in str(worst)
    assert worst.as_dict()["event"]["start"] == "2026-10-08T06:00:00Z"
    quiet = sl.explain(result, key="web-2", at="2026-10-08T06:10Z")
    assert "web-2, Thu 8 Oct 2026 06:00-07:00 UTC: no event" in str(quiet)
    for wrong, words in (
        ({"event": 9}, "no event 9"),
        ({"key": "web-3", "at": "2026-10-08"}, "'web-2'"),
        ({}, "takes"),
    ):
        with pytest.raises(UsageFailure, match=words):
            sl.explain(result, **wrong)
    with pytest.raises(UsageFailure, match="has no data attached"):
        sl.explain(sl.Result(result.findings), 0)


def test_tune_counts_what_discover_finds_and_its_policy_can_be_used(run: Path, tmp_path: Path) -> None:
    result = sl.discover(run / "traffic", output=tmp_path)
    tried = sl.tune(result, vary=["over-percent=100,200,900"])
    table = tried.policies.set_index("policy")
    strict = sl.discover(run / "traffic", output=tmp_path, policy={"over_percent": 900})
    assert table.loc["over-percent=900", "alerts"] == (strict.events["class"] == "policy").sum()
    assert "3 policies tried" in str(tried)
    assert tried.recommended is None
    assert "only 3 incidents; at least 5 are needed" in str(tried)


def test_a_policy_of_another_engine_stands_beside_ours(run: Path, tmp_path: Path) -> None:
    result = sl.discover(run / "traffic", output=tmp_path)
    tried = sl.tune(result, vary=["over-percent=100,200"], policy_of=["static=1M", "static=900T"])
    rows = tried.elsewhere.set_index("name")
    assert list(rows.index) == ["static=1M", "static=900T", "this policy"]
    (present,) = tried.policies[tried.policies["present"] == "yes"].to_dict("records")
    assert rows.loc["this policy", "alerts"] == present["alerts"]
    assert rows.loc["static=900T", "alerts"] == 0
    assert rows.loc["static=1M", "alerts"] != 0
    assert "static=900T: " in str(tried)
    assert len(sl.tune(result, vary=["over-percent=200"]).elsewhere) == 0
    with pytest.raises(UsageFailure, match="not a known policy"):
        sl.tune(result, policy_of=["5G"])


def test_the_policy_that_tune_recommends_is_one_for_discover(tmp_path: Path) -> None:
    sl.generate(tmp_path / "traffic", customers=15, start="2026-08-31", end="2026-10-12")
    result = sl.discover(tmp_path / "traffic", output=tmp_path, policy={"over_percent": 900})
    tried = sl.tune(result, vary=["over-percent=200,900"])
    (chosen,) = tried.policies[tried.policies["chosen"] == "yes"].to_dict("records")
    again = sl.discover(tmp_path / "traffic", output=tmp_path, policy=tried.recommended)
    assert again.scores
    assert (chosen["policy"], chosen["hits"]) == ("over-percent=200", again.scores["hits"])


def test_incidents_and_contributors_are_frames(tmp_path: Path) -> None:
    sl.generate(tmp_path / "traffic", customers=4, start="2026-09-07", end="2026-10-05", flows=True)
    result = sl.discover(tmp_path / "traffic")
    alone = result.contributors[~result.contributors["dimension"].str.contains(" & ")]
    shares = alone.groupby(["event_id", "dimension"])["share"].sum()
    assert len(shares)
    np.testing.assert_allclose(shares, 1, rtol=1e-9)
    assert set(result.events["incident_id"]) == set(result.incidents["incident_id"])


def test_the_page_runs_as_it_stands(rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    assert len(blocks) == 6
    monkeypatch.chdir(tmp_path)
    rows.to_csv("traffic.csv", index=False)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for block in blocks:
            exec(block, names)
    assert (tmp_path / "worst.png").stat().st_size > 10_000
    assert isinstance(names["result"], sl.Result)
    assert names["result"].scores
    assert names["result"].scores["recall"] == 1


def test_no_command_waits_for_pandas() -> None:
    """What `import sl` offers is loaded when it is asked for."""
    assert started("--help").code == 0
    assert set(sl.__all__) == {"Result", "discover", "explain", "generate", "read", "score", "tune"}
    with pytest.raises(AttributeError, match="nope"):
        _ = sl.nope
