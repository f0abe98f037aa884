"""Times as they are written."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from traffic.times import iso


@given(st.integers(-2_000_000_000, 253402300799))
@example(0)
@example(-1)
@example(86399)
@example(1782864000)
def test_a_time_is_written_as_python_writes_it(time: int) -> None:
    assert iso(time) == datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
