"""A few lines of a table that are not UTF-8 are read, counted and said; a table in another encoding is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.test_file_situations import at
from traffic.errors import UsageFailure
from traffic.model import Query
from traffic.store import Columns, open_source

COUNT = 400
SAID = "2 lines are not UTF-8 (the first in {}): such bytes are read as \\xe9 and the like"


def lines(odd: dict[int, bytes], in_json: bool = False) -> list[bytes]:
    """A row a minute of one key or another; `odd`: row -> its key."""
    found = [] if in_json else [b"time,key,load"]
    for number in range(COUNT):
        row = json.dumps({"time": at(number), "key": "$", "load": number % 7}) if in_json else f"{at(number)},$,1"
        found.append(row.encode().replace(b"$", odd.get(number, b"a")))
    return found


def read(place: Path) -> tuple[list[str], float, list[str]]:
    """The keys, how many minutes have a value, and what is said."""
    source = open_source(str(place), Columns(statistic="count"))
    window = source.extent(None, 60)
    keys = tuple(source.keys(window))
    counted = source.series(Query(source.metric, keys, window, 60)).values
    source.coverage(window, window).check(source.name)
    return list(keys), float(counted[counted > 0].sum()), source.remarks()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("in_json", [False, True])
@pytest.mark.parametrize("places", [(3, 4), (398, 399)])
def test_a_few_are_read_and_what_differs_stays_apart(
    places: tuple[int, int], in_json: bool, packed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    content = b"\n".join(lines(dict(zip(places, (b"caf\xe9", b"caf\xe8"), strict=True)), in_json)) + b"\n"
    path.write_bytes(gzip.compress(content) if packed else content)
    keys, rows, said = read(path)
    assert keys == ["a", r"caf\xe8", r"caf\xe9"]
    assert rows == COUNT
    assert SAID.format(path) in said


def test_they_come_further_on_than_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    body = lines({})[1:] * 110
    path.write_bytes(b"\n".join([b"time,key,load", *body, f"{at(5)},".encode() + b"caf\xe9,1"]) + b"\n")
    assert path.stat().st_size > 1 << 20
    keys, rows, said = read(path)
    assert keys == ["a", r"caf\xe9"]
    assert rows == 110 * COUNT + 1
    assert any("1 line is not UTF-8" in line for line in said)


def test_one_of_several_files_is_called_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines({})) + b"\n")
    (tmp_path / "b.csv").write_bytes(b"\n".join(lines({7: b"caf\xe9"})) + b"\n")
    source = open_source(str(tmp_path), Columns(statistic="count"))
    window = source.extent(None, 60)
    parts = source.coverage(window, window).parts
    assert [(Path(one.name).name, one.rows, one.used) for one in parts] == [("a.csv", 400, 400), ("b.csv", 400, 400)]
    assert f"1 line is not UTF-8 (the first in {tmp_path / 'b.csv'})" in " ".join(source.remarks())


@pytest.mark.parametrize("every", [1, 50])
def test_a_table_in_another_encoding_is_refused(every: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\n".join(lines(dict.fromkeys(range(0, COUNT, every), b"M\xfcller"))) + b"\n")
    with pytest.raises(UsageFailure, match=r"is not UTF-8 \(line 2\): save it as UTF-8"):
        open_source(str(path), Columns(statistic="count"))
