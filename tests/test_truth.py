from __future__ import annotations

from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traffic.errors import StorageFailure, UsageFailure
from traffic.model import Label
from traffic.truth import COLUMNS, encode, label_id, read, write

NASTY = [
    'a "quoted" key',
    "a,b",
    "two\nlines",
    "carriage\rreturn",
    "\r\n",
    "=1+2",
    "+49",
    "-x",
    "@home",
    "'apostrophe",
    "''two",
    "\ttab",
    "../../etc/passwd",
    " blank ",
    "Zürich – 東京 🚀",
    "right\u202eto left",
    "nul\x00inside",
    "line\u2028separator",
    "",
]
LABEL = Label("0123", "acme", 1_800_000_000, 1_800_000_600, "square", 4.5, "above", "required")

times = st.integers(0, 4_000_000_000)
labels = st.builds(
    lambda key, start, length, factor, direction, kind: Label(
        label_id(key, start, length), key, start, start + length, "ramp", factor, direction, kind
    ),
    st.text(max_size=12) | st.sampled_from(NASTY),
    times,
    st.integers(1, 10**6),
    st.floats(0, 1000),
    st.sampled_from(("above", "below")),
    st.sampled_from(("required", "optional", "ignore", "decoy")),
)


def in_order(found: list[Label]) -> tuple[Label, ...]:
    return tuple(sorted(found, key=lambda one: (one.start, one.key, one.id)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "truth.csv"


def listed(file: Path, text: str) -> tuple[Label, ...]:
    file.write_bytes(text.encode())
    return read(file)[0]


def test_what_is_written_comes_back_with_any_key(file: Path) -> None:
    written = [replace(LABEL, id=str(number), key=key) for number, key in enumerate(NASTY)]
    write(file, written, 'scenario, =of "this" store')
    assert read(file) == (in_order(written), 'scenario, =of "this" store')


@settings(max_examples=30)
@given(st.lists(labels, max_size=5, unique_by=lambda one: one.id), st.text(min_size=1, max_size=8))
def test_any_labels_come_back_in_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, written: list[Label], identity: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    write(file, written, identity)
    found, of_store = read(file)
    assert found == in_order(written)
    assert of_store == (identity if written else None)
    assert encode(reversed(written), identity) == file.read_bytes()


def test_the_file_looks_as_the_contract_says(file: Path) -> None:
    named = replace(LABEL, culprit="dst_port=53")
    write(file, [named, replace(LABEL, id="4", key="=x", start=0, shape="blip", kind="decoy")], "abc")
    assert file.read_text() == (
        "id,key,start,end,shape,factor,direction,kind,store,culprit,campaign\n"
        "4,'=x,1970-01-01T00:00:00Z,2027-01-15T08:10:00Z,blip,4.5,above,decoy,abc,,\n"
        "0123,acme,2027-01-15T08:00:00Z,2027-01-15T08:10:00Z,square,4.5,above,required,abc,dst_port=53,\n"
    )


def test_key_start_and_end_are_enough(file: Path) -> None:
    (found,) = listed(file, "end , START,key\n2027-01-15T08:10:00Z,1800000000,acme\n")
    assert (found.key, found.start, found.end) == ("acme", 1_800_000_000, 1_800_000_600)
    assert (found.kind, found.direction, found.shape) == ("required", "above", "")
    assert isnan(found.factor)
    assert found.id == listed(file, "key,start,end\nacme,2027-01-15 08:00,2027-01-15T10:10+02:00\n")[0].id
    assert read(file)[1] is None


@pytest.mark.parametrize(
    ("row", "start"),
    [
        ("a,2027-01-15,2028-01-15", 1_799_971_200),
        ("a,2027-01-15T08:00,2028-01-15", 1_800_000_000),
        ("a,2027-01-15 09:00+01:00,2028-01-15", 1_800_000_000),
        ("a,1800000000.0,2028-01-15", 1_800_000_000),
        ("a, 1800000000 ,2028-01-15", 1_800_000_000),
    ],
)
def test_times_of_a_list_may_be_written_in_several_ways(file: Path, row: str, start: int) -> None:
    assert listed(file, f"\ufeffkey,start,end\r\n{row}\r\n\r\n,,\r\n")[0].start == start


def test_an_empty_key_stands_for_every_key(file: Path) -> None:
    assert listed(file, "key,start,end\n,1800000000,1800000600\n")[0].key == ""


def test_columns_that_are_not_known_do_not_disturb(file: Path) -> None:
    assert len(listed(file, "ticket,key,start,end,kind\nT-1,a,1800000000,1800000600,optional\n")) == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "column 'key' is missing (columns: none)"),
        ("customer,start,end\n", 1, "column 'key' is missing (columns: customer, start, end); needed are key, start"),
        ("key;start;end\n", 1, "column 'key' is missing (columns: key;start;end)"),
        ("key,start,end,key\n", 1, "two columns have the same name"),
        ("key,start,end\na,1800000000\n", 2, "2 cells where the header has 3; quote cells that contain commas"),
        ("key,start,end\na,1800000000,1800000000\n", 2, "the end (1800000000) is not after the start (1800000000)"),
        ("key,start,end\na,b,1800000000\n", 2, "start: 'b' is not a time: write for instance"),
        ("key,start,end\na,1800000000,\n", 2, "end: '' is not a time"),
        ("key,start,end\na,now-7d,now\n", 2, "start: 'now-7d' is relative to the current time; write an absolute time"),
        ("key,start,end,kind\na,1800000000,1800000600,must\n", 2, "kind: 'must' must be one of required, optional"),
        ("key,start,end,direction\na,1800000000,1800000600,up\n", 2, "direction: 'up' must be one of above, below"),
        ("key,start,end,factor\na,1800000000,1800000600,big\n", 2, "factor: 'big' is not a number; leave it empty"),
        ("key,start,end\na,1800000000,1800000600\n\na,1800000000,1800000600\n", 4, "same incident as in line 2"),
        ('key,start,end\n"a\nb",1,2\n', 3, "start: '1' is not a time"),
        ('key,start,end\n"a"b,1,2\n', 2, "not valid CSV"),
        ('key,start,end\n"a,1,2\n', 2, "not valid CSV"),
        pytest.param(f"key,start,end\n{'a' * 200_000},1,2\n", 2, "not valid CSV", id="a cell of 200 kB"),
        (
            "key,start,end,store\na,1800000000,1800000600,s\na,1800000001,1800000600,t\n",
            3,
            "a different store than in the lines above;",
        ),
    ],
)
def test_a_mistake_in_a_list_is_one_line_with_its_row(file: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(UsageFailure) as raised:
        listed(file, text)
    message = str(raised.value)
    assert message.startswith(f"{file}:{line}: ")
    assert said in message
    assert "\n" not in message


def test_a_list_that_is_not_there_or_not_text_is_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="file not found"):
        read(file)
    with pytest.raises(UsageFailure, match="this is a folder"):
        read(tmp_path)
    file.write_bytes(b"key,start,end\n\xff\xfe")
    with pytest.raises(UsageFailure, match="not UTF-8"):
        read(file)
    with pytest.raises(StorageFailure, match="a file, not a folder"):
        read(file / "inner")


def test_a_file_that_cannot_be_written_leaves_the_old_one(file: Path) -> None:
    with pytest.raises(StorageFailure):
        write(file / "inner", [LABEL], "s")
    write(file, [LABEL], "s")
    assert file.read_bytes() == encode([LABEL], "s")
    assert [path.name for path in file.parent.iterdir()] == ["truth.csv"]


def test_the_columns_are_those_of_the_contract() -> None:
    assert encode([], "s").decode() == ",".join(COLUMNS) + "\n"
