from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.config import load
from traffic.errors import StorageFailure, UsageFailure
from traffic.settings import BadSetting, check, check_range


@dataclass(frozen=True)
class Inner:
    factor: tuple[float, float] = (1.0, 2.0)
    minutes: int = 5

    def __post_init__(self) -> None:
        if self.factor[0] <= 0:
            raise BadSetting("factor[0]", "must be above 0")


@dataclass(frozen=True)
class Settings:
    rate: float = 1.0
    count: int = 1
    name: str = "x"
    on: bool = False
    peak_hour: float | None = None
    floor: Mapping[str, float] = field(default_factory=dict)
    side: Literal["above", "below"] = "above"
    inner: Inner = field(default_factory=Inner)
    many: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = field(default_factory=dict)


@dataclass(frozen=True)
class Strict:
    needed: int


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.yaml"


def loaded(file: Path, text: str | bytes) -> Settings:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, Settings)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff# a mark of the byte order\n", "{}", "null"])
def test_an_empty_file_gives_the_defaults(file: Path, text: str) -> None:
    assert loaded(file, text) == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate: 2e8", Settings(rate=2e8)),
        ("rate: 200_000_000", Settings(rate=2e8)),
        ("rate: 2.5E-3", Settings(rate=0.0025)),
        ("rate: -.5", Settings(rate=-0.5)),
        ("rate: +1.", Settings(rate=1.0)),
        ("count: 2e3", Settings(count=2000)),
        ("count: 010", Settings(count=10)),
        ("name: 2026-01-01", Settings(name="2026-01-01")),
        ("name: 12:30", Settings(name="12:30")),
        ("name: no", Settings(name="no")),
        ("name: '5'", Settings(name="5")),
        ("name: '~'", Settings(name="~")),
        ('name: "a\\nb"', Settings(name="a\nb")),
        ("name: |\n  two\n  lines\n", Settings(name="two\nlines\n")),
        ("on: true", Settings(on=True)),
        ("peak_hour: null", Settings()),
        ("peak_hour: 20", Settings(peak_hour=20.0)),
        ("side: below", Settings(side="below")),
        ("floor: {bits: 1_000_000}", Settings(floor={"bits": 1e6})),
        ("inner: {factor: [3, 4.5]}", Settings(inner=Inner((3.0, 4.5)))),
        ("many:\r\n- minutes: 1\r\n- {}\r\n", Settings(many=(Inner(minutes=1), Inner()))),
        ("by_name: {a b: {minutes: 7}}", Settings(by_name={"a b": Inner(minutes=7)})),
    ],
)
def test_a_value_is_read_as_its_writer_means_it(file: Path, text: str, expected: Settings) -> None:
    assert loaded(file, text) == expected


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a:\n", 1, "a: unknown setting; use rate, count, name, on,"),
        ("\n\ncuont: 3", 3, "cuont: unknown setting; did you mean 'count'?"),
        ("inner:\n  minuts: 3", 2, "inner.minuts: unknown setting; did you mean 'minutes'?"),
        ("by_name:\n  b:\n    factr: 3", 3, "by_name.b.factr: unknown setting; did you mean 'factor'?"),
        ("many:\n- {}\n- minuts: 3", 3, "many[1].minuts: unknown setting; did you mean 'minutes'?"),
        ("rate: fast", 1, 'rate: expected a number, not "fast"'),
        ("rate: '5'", 1, 'rate: expected a number, not "5"'),
        ("rate: true", 1, "rate: expected a number, not true"),
        ("rate: .inf", 1, 'rate: expected a number, not ".inf"'),
        ("rate: 1e999", 1, "rate: expected a number that is not infinite"),
        ("rate:", 1, "rate: expected a number, not null"),
        ("count: 2.5", 1, "count: expected a whole number, not 2.5"),
        ("count: 2.0", 1, "count: expected a whole number, not 2.0"),
        ("name: 5", 1, "name: expected a text (put it in quotes), not 5"),
        ("on: yes", 1, 'on: expected true or false, not "yes"'),
        ("side: up", 1, "side: expected 'above' or 'below', not \"up\""),
        ("inner: 5", 1, "inner: expected a group of settings (name: value lines below it), not 5"),
        ("by_name: []", 1, "by_name: expected a group of settings (name: value lines below it), not []"),
        ("floor: 3", 1, "floor: expected a group of settings (name: value lines below it), not 3"),
        ("floor: {bits: low}", 1, 'floor.bits: expected a number, not "low"'),
        ("many: 3", 1, "many: expected a list, not 3"),
        ("inner:\n  factor: [1]", 2, "inner.factor: expected a list of 2 values"),
        ("inner:\n  factor: [1, 2, 3]", 2, "inner.factor: expected a list of 2 values"),
        ("inner:\n  factor: [1, x]", 2, 'inner.factor[1]: expected a number, not "x"'),
        ("inner:\n  factor:\n  - 0\n  - 1", 3, "inner.factor[0]: must be above 0"),
        ("many:\n- {}\n- factor: [-1, 1]", 3, "many[1].factor[0]: must be above 0"),
        ("rate: x\ncount: y", 1, 'rate: expected a number, not "x" (1 more like this)'),
        ("count: y\nrate: x", 1, 'count: expected a whole number, not "y" (1 more like this)'),
        ("rate: 1\ninner: {}\nrate: 2", 3, "rate: is set twice (first in line 1); remove one of them"),
        ("inner:\n  minutes: 1\n  minutes: 1", 3, "inner.minutes: is set twice (first in line 2)"),
        ("rate: &a 1", 1, "anchors (&) and aliases (*) are not supported here"),
        ("rate: *a", 1, "anchors (&) and aliases (*) are not supported here"),
        ("<<: {rate: 1}", 1, "<<: unknown setting"),
        ("rate: !!float 1", 1, "the tag tag:yaml.org,2002:float is not supported here; remove it"),
        (
            "x: !!python/object/apply:os.system [ls]",
            1,
            "the tag tag:yaml.org,2002:python/object/apply:os.system is not",
        ),
        ("[1]: 2", 1, "the name of a setting must be a plain word"),
        ("rate: [1\ncount: 3", 2, "not valid YAML:"),
        ("\trate: 3", 1, "not valid YAML:"),
        ("rate: 'x", 1, "not valid YAML:"),
        ("rate: 1\n---\ncount: 1", 2, "a second document starts here; only one per file is allowed"),
        ("just a text", 1, "expected settings (name: value lines)"),
        ("- rate: 1", 1, "expected settings (name: value lines)"),
        ("inner: " + "[" * 5000, 1, "nested deeper than 16 levels"),
        ("rate: " + "9" * 5000, 1, 'rate: expected a number, not "9999'),
        ("rate: 1\nname: a\x00b", 2, "not allowed in YAML"),
        (b"rate: 1\nname: \xff\xfe", 2, "not UTF-8 text;"),
        ("a\u202eb: 1", 1, r"a\u202eb: unknown setting"),
        ('"a\\nb": 1', 1, r"a\nb: unknown setting"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_setting(file: Path, text: str | bytes, line: int, said: str) -> None:
    with pytest.raises(UsageFailure) as raised:
        loaded(file, text)
    message = str(raised.value)
    assert message.startswith(f"{file}:{line}: ")
    assert said in message
    assert "\n" not in message
    assert len(message) < len(str(file)) + 250


def test_a_missing_setting_is_named(file: Path) -> None:
    file.write_text("")
    with pytest.raises(UsageFailure, match="needed: is missing; add it"):
        load(file, Strict)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(UsageFailure, match=r"some\.yaml: file not found"):
        load(file, Settings)


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="this is a folder"):
        load(tmp_path, Settings)


def test_a_path_through_a_file_is_a_failure_of_the_storage(file: Path) -> None:
    file.write_text("")
    with pytest.raises(StorageFailure, match="is a file, not a folder"):
        load(file / "inner.yaml", Settings)


def test_a_huge_file_is_refused_without_being_parsed(file: Path) -> None:
    with pytest.raises(UsageFailure, match="larger than 1 MiB"):
        loaded(file, b"#" * (1 << 20) + b"\n")


def test_a_bad_setting_is_a_usage_failure_of_its_own() -> None:
    with pytest.raises(UsageFailure, match=r"^factor\[0\]: must be above 0$"):
        Inner((0.0, 1.0))


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_value_outside_of_its_bounds_is_a_bad_setting(value: float) -> None:
    with pytest.raises(BadSetting, match="share: must be between 0 and 1"):
        check("share", value, 0, 1)
    check("share", 0, 0, 1)
    check("share", 1, 0, 1)


def test_a_range_starts_with_the_smaller_number() -> None:
    check_range("minutes", (3, 3), 1, 5)
    with pytest.raises(BadSetting, match=r"minutes: the smaller number must come first: \[3, 4\]"):
        check_range("minutes", (4, 3), 1, 5)
    with pytest.raises(BadSetting, match=r"minutes\[1\]: must be between 1 and 5, not 6"):
        check_range("minutes", (4, 6), 1, 5)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_a_file_holds_the_answer_is_settings_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    answer: Settings | str
    try:
        answer = load(file, Settings)
    except UsageFailure as failure:
        answer = str(failure)
    assert isinstance(answer, Settings) or "\n" not in answer


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, number: float) -> None:
    file = tmp_path_factory.getbasetemp() / "number.yaml"
    file.write_text(f"rate: {number!r}")
    assert load(file, Settings).rate == number
