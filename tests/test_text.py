"""Text that crosses a border: spreadsheets, file names, terminals, pictures."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.text import cell, length, si, slug, uncell, visible

TEXTS = st.text(max_size=60) | st.builds(lambda sign, rest: sign + rest, st.sampled_from("=+-@\t\r'"), st.text())


@given(TEXTS)
def test_every_cell_comes_back(text):
    assert uncell(cell(text)) == text


@given(TEXTS)
def test_no_cell_starts_a_formula(text):
    assert cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", "plain"), ("", ""), ("=1+1", "'=1+1"), ("-5", "'-5"), ("'quoted", "''quoted"), (" =1", " =1")],
)
def test_only_what_could_be_a_formula_is_escaped(text, written):
    assert cell(text) == written


@given(TEXTS)
def test_a_slug_is_a_safe_file_name(text):
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,39}", name)
    assert slug(name) == name


@given(TEXTS, TEXTS)
def test_two_texts_do_not_share_a_slug(one, other):
    assert (slug(one) == slug(other)) == (one == other) or slug(one) == other or slug(other) == one


def test_slugs_stay_readable():
    assert slug("customer-17") == "customer-17"
    assert slug("../Etc/passwd").startswith("etc-passwd-")


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_visible_text_holds_nothing_hidden(text):
    assert visible(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", r"a\nb"), ("\x1b[31mred", r"\x1b[31mred"), ("\u202efdp", r"\u202efdp"), ("Zürich 東京", "Zürich 東京")],
)
def test_visible_shows_marks_as_escapes(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (12_345_678, "bit/s", "12.3 Mb/s"),
        (12e6, "bit/s", "12.0 Mb/s"),
        (7.5e12, "bit", "7.50 Tb"),
        (999.4, "bit/s", "999 b/s"),
        (999_600, "bit/s", "1.00 Mb/s"),
        (0, "bit/s", "0 b/s"),
        (-5e6, "bit/s", "-5.00 Mb/s"),
        (42, "requests", "42 requests"),
        (12_345, "requests", "12.3 k requests"),
        (12_345, "", "12.3 k"),
        (12_345, "ms", "12345 ms"),
        (97.53, "%", "97.5 %"),
        (0.01234, "s", "0.0123 s"),
        (2e22, "byte", "20000 EB"),
        (float("nan"), "bit/s", "-"),
    ],
)
def test_si(value, unit, shown):
    assert si(value, unit) == shown


def test_ticks_carry_no_empty_digits():
    assert [si(value, "bit/s", pad=False) for value in (5e8, 1e9, 1.5e9)] == ["500 Mb/s", "1 Gb/s", "1.5 Gb/s"]


@given(st.floats(min_value=1e-6, max_value=1e20), st.sampled_from(["bit/s", "requests", ""]))
def test_si_is_within_three_digits(value, unit):
    match = re.match(r"([\d.]+) ?([kMGTPE]?)", si(value, unit))
    assert match
    shown = float(match[1]) * 1000 ** " kMGTPE".index(match[2] or " ")
    assert shown == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(0, "0 s"), (45, "45 s"), (60, "1 min"), (240, "4 min"), (90, "1 min 30 s"), (3599, "59 min 59 s")],
        *[(3600, "1 h"), (7500, "2 h 05 min"), (7199, "2 h"), (86400, "24 h"), (273600, "3 d 04 h")],
    ],
)
def test_length(seconds, shown):
    assert length(seconds) == shown
