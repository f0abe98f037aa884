"""The policies of a Kentik account, read from the stand-in, and the alerts that it says fired."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.elsewhere.account import account_policies, against_fired, fired_of
from analyzer.elsewhere.judge import judge
from analyzer.elsewhere.policy import Percentage
from analyzer.reading.scope import Scope
from tests.commands import Answer, refused, sl, well
from tests.histories import history_of
from tests.kentik.account import Account, customers_named
from tests.kentik.opened import ACCESS, by_asn
from tests.kentik.server import TOKEN, USER, Kentik
from tests.test_elsewhere_kentik import AT, LIVE, bits, spike
from tests.worlds import MONDAY
from traffic.errors import AccessDenied, UsageFailure
from traffic.model import BITS, WEEK, Window
from traffic.store.base import StoreError
from traffic.store.kentik.alerting import Alerting
from traffic.times import iso

NAMES = customers_named(3)
WHOLE = Window(MONDAY, MONDAY + 5 * WEEK)


def said(name: str, **more: Any) -> dict[str, Any]:
    return copy.deepcopy(LIVE) | {"name": name} | more


def fired(asn: int, minute: int, baseline: float, value: float = 4e7, policy: str = "4711") -> dict[str, Any]:
    start = MONDAY + AT + 60 * minute
    return {
        "id": f"{asn}-{minute}",
        "source": {"policyType": "POLICY_TYPE_TRAFFIC", "id": policy},
        "eventStartTimeAt": iso(start),
        "startTimeAt": iso(start + 120),
        "endTimeAt": iso(start + 1200),
        "state": "ALERT_STATE_CLEAR",
        "flow": {
            "activationStatus": "ACTIVATION_STATUS_BASELINE_USED_FOUND",
            "baselineValue": baseline,
            "metricValues": [{"name": "bits", "value": value}],
            "alertKeyDetails": {"AS_dst": {"extendedValue": f"SOMEBODY,US ({asn})"}},
        },
    }


@pytest.fixture
def fake() -> Iterator[Kentik]:
    series = [spike([0, 1, 2], 4e7, AT), spike([100, 101], 4e7, AT), spike([], 0, AT)]
    account = Account(MONDAY, dict(zip(by_asn(NAMES), series, strict=True)), by_asn(NAMES))
    with Kentik(account) as running:
        yield running


def test_all_policies_and_alerts_are_read_page_by_page(fake: Kentik) -> None:
    fake.policies = [said(f"number {number}") for number in range(230)]
    fake.fired = [fired(64512, 0, 1e7), fired(64512, -60 * 24 * 40, 1e7)]
    account = Alerting(fake.store, ACCESS)
    assert [one["name"] for one in account.policies()] == [one["name"] for one in fake.policies]
    assert [asked.body["pagination"]["offset"] for asked in fake.log] == [0, 100, 200]
    assert account.fired(WHOLE) == fake.fired[:1]
    fake.policies = []
    assert account.policies() == [], "the gateway leaves out what is empty"
    account.close()


def test_an_account_that_does_not_tell_is_one_line(fake: Kentik) -> None:
    fake.forbidden.add("/v202505/policies/list")
    with pytest.raises(AccessDenied):
        Alerting(fake.store, ACCESS).policies()
    with pytest.raises(StoreError, match="does not list its alerts that fired"):
        Alerting(f"{fake.store}/elsewhere", ACCESS).fired(WHOLE)


def test_what_of_an_account_is_not_judged_is_named() -> None:
    documents = [said("on"), said("off", enabled=False), {"name": "routers", "nms": {}}, said("odd", levels=[])]
    found, lost = account_policies(documents, "kentik:policies", BITS, "over")
    assert [one.name for one in found] == ["on"]
    assert lost[0] == "kentik:policies: off is disabled and not judged"
    assert "routers: is a policy for NMS" in lost[1]
    assert "no level of 'odd' can be evaluated" in lost[2]
    with pytest.raises(UsageFailure, match=r"none of the account's 1 policies can be evaluated: .* is disabled"):
        account_policies(documents[1:2], "kentik:policies", BITS, "over")


@pytest.mark.parametrize(
    ("told", "percentage", "words"),
    [
        ([], "over", "none of its alerts fired in that time"),
        ([fired(64512, 0, 1e7, policy="99")], "over", "none of its alerts fired in that time"),
        (
            [fired(64512, 0, 1e7), fired(64512, 3000, 1e7), fired(7, 0, 1e7)],
            "over",
            (
                "3 fired there, 2 of them on series of this run; 1 of these are raised here as well; our baseline is "
                "within 1 % of theirs for 2 of 2, in the median 1 times it"
            ),
        ),
        (
            [fired(64512, 0, 8e6), fired(64513, 100, 1.25e7)],
            "over",
            (
                "2 fired there, 2 of them on series of this run; 2 of these are raised here as well; our baseline is "
                "within 1 % of theirs for 0 of 2, in the median 1.025 times it"
            ),
        ),
        (
            [fired(64512, 0, 1e7, value=2.5e7)],
            "over",
            (
                "1 fired there, 1 of them on series of this run; 1 of these are raised here as well; our baseline is "
                "within 1 % of theirs for 1 of 1, in the median 1 times it; 1 of 1 fired below what `over` asks for: "
                "try --kentik-percentage of"
            ),
        ),
    ],
)
def test_what_is_raised_is_held_against_what_fired(
    told: list[dict[str, Any]], percentage: Percentage, words: str, tmp_path: Path
) -> None:
    one, other = ("ONE,US (64512)", "OTHER,US (64513)")
    source = bits(**{one: spike([0, 1, 2], 4e7, AT), other: spike([100, 101], 4e7, AT)})
    history = history_of(source, Scope(60, MONDAY + 60 * WEEK), tmp_path)
    (policy,) = account_policies([LIVE], "kentik:policies", source.metric, percentage)[0]
    raised = judge(policy, history)
    assert against_fired(raised, fired_of(told)[0], history.surveyed) == words


def test_alerts_without_a_time_or_a_baseline_are_no_measure() -> None:
    lowest = fired(64512, 0, 1e7)
    lowest["flow"]["activationStatus"] = "ACTIVATION_STATUS_BASELINE_MISSING_LOWEST"
    (found,), left_out = fired_of([lowest, {"id": "x"}, {"startTimeAt": "soon"}])
    assert left_out == 2
    assert (found.baseline, found.value) == (None, 4e7)
    assert found.window == Window(MONDAY + AT, MONDAY + AT + 1200)
    assert "SOMEBODY,US (64512)" in found.names


@pytest.mark.parametrize(
    "odd", [{"flow": ["x"]}, {"source": "x"}, {"flow": {"alertKeyDetails": ["AS_dst"]}}, {"flow": {"metricValues": 7}}]
)
def test_alerts_of_another_form_are_left_out_and_counted(odd: dict[str, Any]) -> None:
    assert fired_of([fired(64512, 0, 1e7) | odd]) == ([], 1)


@pytest.mark.parametrize("values", [[], [None], [{"name": "bits"}], [{"value": "many"}]])
def test_an_alert_without_a_value_has_none(values: list[Any]) -> None:
    said = fired(64512, 0, 1e7)
    said["flow"]["metricValues"] = values
    (found,), _ = fired_of([said])
    assert found.value is None


def run(kentik: Kentik, output: Path, *more: str) -> Answer:
    span = ("--start", iso(MONDAY), "--end", iso(MONDAY + 5 * WEEK), "--charts", "0", "--no-html")
    return sl(
        "discover",
        "--store",
        kentik.store,
        "--output",
        output,
        *span,
        *more,
        KENTIK_API_USER=USER,
        KENTIK_API_PASSWORD=TOKEN,
    )


def test_a_live_policy_is_judged_beside_ours(fake: Kentik, tmp_path: Path) -> None:
    fake.policies = [said("Traffic up"), said("Old", enabled=False)]
    fake.policies[0]["flow"]["evaluation"]["keyCount"] = "2"
    fake.fired = [fired(64512, 0, 1e7), fired(64512, 5, 1e7) | {"flow": {"alertKeyDetails": ["AS_dst"]}}]
    labels = [f"{NAMES[0]!r},0,10", f"{NAMES[1]!r},100,110"]
    rows = [label.replace("'", '"').rsplit(",", 2) for label in labels]
    times = [(key, *(iso(MONDAY + AT + 60 * int(minute)) for minute in span)) for key, *span in rows]
    truth = tmp_path / "truth.csv"
    truth.write_text("key,start,end\n" + "".join(",".join(row) + "\n" for row in times))
    done = well(run(fake, tmp_path / "out", "--truth", str(truth), "--policy-of", "kentik:policies"))
    told = " ".join(done.out.split())
    assert "kentik Traffic up: 2 of 2 incidents" in told
    assert "series it never evaluated: 1 of 3" in told
    assert "1 of these are raised here as well; our baseline is within 1 % of theirs for 1 of 1" in told
    assert "Old is disabled and not judged" in done.err
    assert "1 of the account's 2 alerts are left out" in done.err
    assert TOKEN not in done.out + done.err
    with (tmp_path / "out" / "elsewhere_alerts.csv").open(newline="") as file:
        assert [(row["verdict"], row["baseline"]) for row in csv.DictReader(file)] == [("hit", "10000000")] * 2
    before = len(fake.series_asked)
    again = json.loads(well(run(fake, tmp_path / "out", "--json", "--policy-of", "kentik:policies")).out)
    assert again["elsewhere"][0]["never_looked_at"] == 1
    assert len(fake.series_asked) == before, "what was answered is kept"
    fake.policies = []
    assert "none of the account's 0 policies" in refused(
        run(fake, tmp_path / "out", "-q", "--policy-of", "kentik:policies"), 2
    )
