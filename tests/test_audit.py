"""What is locked: its licences, and what the audit says of it."""

from __future__ import annotations

import pytest

from tests import audit


def test_the_page_of_licences_is_what_the_packages_say() -> None:
    assert audit.PAGE.read_text(encoding="utf-8") == audit.page(), "run python -m tests.audit --licences"


def test_every_locked_package_has_a_licence_and_none_is_under_the_gpl() -> None:
    known = {name: audit.licence(name) for name in audit.locked()}
    # Of Python 3.11.0 to 3.11.2 only.
    known.pop("async-timeout")
    assert {name for name, said in known.items() if not said} == set()
    assert {name for name, said in known.items() if "GPL" in said or "GNU" in said} == set()


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        ([{"name": "a", "skip_reason": "not found"}], 0, "audit: not run"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "audit: 1 of 1 packages looked up, 0 with"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "X"}]}], 1, "audit: a 1: [{'id': 'X'}]"),
    ],
)
def test_an_audit_that_reached_nobody_says_so(
    told: list[dict[str, object]], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.say(told) == code
    assert capsys.readouterr().out.startswith(said)
