"""`--policy-of`: policies of other engines beside the run's own, for `discover` and `tune`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from traffic import console, store_options
from traffic.errors import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.elsewhere.account import FiredThere
    from analyzer.elsewhere.alerts import AlertRow
    from analyzer.elsewhere.policy import Elsewhere, Percentage
    from analyzer.model import OtherPolicy, Policy
    from analyzer.reading.scope import Scope
    from traffic.model import Label, Window
    from traffic.store.base import Source
    from traffic.store.kentik.alerting import Alerting

_ACCOUNT = re.compile(r"kentik:(.*?)[:/]?policies")
_NAMED = click.option(
    "--policy-of",
    multiple=True,
    metavar="FILE|static=5G",
    help="Also evaluate a policy of another engine: a Kentik alert policy (.json, or kentik:policies for all of the "
    "account), an ElastAlert rule (.yaml), or a threshold (static=5G); can be repeated.",
)
_PERCENTAGE = click.option(
    "--kentik-percentage",
    type=click.Choice(["over", "of"]),
    default="over",
    show_default=True,
    help="Whether 200 % in a Kentik policy means 200 % above its baseline (three times it) or 200 % of it (twice).",
)


def policy_of(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options."""
    return _NAMED(_PERCENTAGE(command))


@dataclass(frozen=True)
class Theirs:
    """Policies of other engines, and the account that says what fired, where one was named."""

    policies: tuple[Elsewhere, ...] = ()
    account: Alerting | None = None


def named(said: Sequence[str], percentage: Percentage, source: Source, login: store_options.EntryOptions) -> Theirs:
    """The policies that `--policy-of` names, before anything is searched.

    Raises:
        UsageFailure: one is none of the known forms, or not valid.
        StoreError: the account does not tell.
    """
    found: list[Elsewhere] = []
    account = None
    for name in said:
        match = _ACCOUNT.fullmatch(name)
        if match is None:
            from analyzer.elsewhere.read import policies

            found += policies(name, source.metric, percentage)
            continue
        from analyzer.elsewhere.account import account_policies

        account = _account(match[1], source, login)
        more, lost = account_policies(account.policies(), name, source.metric, percentage)
        for remark in lost:
            console.note(remark)
        found += more
    return Theirs(tuple(found), account)


def _account(place: str, source: Source, login: store_options.EntryOptions) -> Alerting:
    """The account that is meant: that of the store, where it is one and no other is named."""
    from traffic.store.kentik.alerting import Alerting

    own = source.name.startswith("kentik:")
    name = source.name if own and not place else f"kentik:{place}"
    # Credentials for another store must not be sent to Kentik.
    access = store_options.entry_of(name, login if own else store_options.EntryOptions())
    assert access is not None, "who asks Kentik logs in"
    return Alerting(name, access)


def check_reach(theirs: Theirs, source: Source, scope: Scope, output: Path) -> None:
    """Whether history reaches back as far as these policies look, before anything is searched.

    Raises:
        UsageFailure: nothing of one could be judged.
    """
    if not theirs.policies:
        return
    # Loaded only here: few runs judge others' policies.
    from analyzer.again import cached
    from analyzer.elsewhere.history import check_history
    from analyzer.reading.scope import windows

    with cached(source, scope, output) as (answered, _):
        window, learned = windows(answered, scope)
    for policy in theirs.policies:
        check_history(policy, window, learned)


def beside(
    theirs: Theirs,
    source: Source,
    scope: Scope,
    output: Path,
    labels: Sequence[Label] | None,
    present: Policy,
    *,
    quiet: bool,
) -> tuple[list[OtherPolicy], list[AlertRow]]:
    """What policies are worth on the same history, and their alerts."""
    from analyzer.again import cached
    from analyzer.elsewhere.account import against_fired
    from analyzer.elsewhere.judge import judge
    from analyzer.elsewhere.worth import worth
    from analyzer.history import History
    from analyzer.pipeline import survey

    rows: list[OtherPolicy] = []
    alerts: list[AlertRow] = []
    with cached(source, scope, output) as (answered, asked):
        surveyed = survey(answered, scope)
        fired = _fired(theirs.account, surveyed.window)
        for policy in theirs.policies:
            with console.bar("policies", quiet) as progress:
                history = History(answered, surveyed, scope.resolution, progress)
                raised = judge(policy, history)
            row, more = worth(raised, history, labels, present)
            rows.append(row if fired is None else replace(row, against_fired=against_fired(raised, fired, surveyed)))
            alerts += more
    if asked.sent and not quiet:
        console.note(
            f"{asked.sent} requests for data that these policies need and the run did not; cached for the next time"
        )
    return rows, alerts


def _fired(account: Alerting | None, window: Window) -> list[FiredThere] | None:
    """What the account says fired; None without one, or where it does not tell."""
    from analyzer.elsewhere.account import fired_of

    if account is None:
        return None
    try:
        documents = account.fired(window)
    except Failure as error:
        console.note(f"{error}; alerts are not compared with those that fired there")
        return None
    finally:
        account.close()
    found, left_out = fired_of(documents)
    if left_out:
        console.note(
            f"{left_out} of the account's {len(documents)} alerts are left out: they have no time or an unknown form"
        )
    return found
