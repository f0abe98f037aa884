"""Which window a scenario fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Window, floor_to
from traffic.settings import BadSetting, check
from traffic.times import instant, iso

DEFAULT_WEEKS = 6.0
LONGEST_WEEKS = 1040.0


@dataclass(frozen=True)
class Span:
    """Which window to fill: two of start, end and length."""

    weeks: float | None = None
    start: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        if self.weeks is not None:
            check("weeks", self.weeks, 0.01, LONGEST_WEEKS)
        if None not in (self.weeks, self.start, self.end):
            raise BadSetting("weeks", "start and end already define it; remove one of the three")

        for name in ("start", "end"):
            text = getattr(self, name)
            try:
                # Which clock it is asked for does not matter to whether it can be read.
                _ = text is None or instant(text, 0)
            except UsageFailure as failure:
                raise BadSetting(name, str(failure)) from None

    def override(self, weeks: float | None, start: str | None, end: str | None) -> Span:
        """What a command line asks for goes first; of the file stays what does not contradict it.

        A start that is asked for alone leads up to the file's end, not through the file's number of weeks.
        """
        Span(weeks, start, end)
        asked = {"weeks": weeks, "start": start, "end": end}
        merged: dict[str, Any] = {
            name: getattr(self, name) if value is None else value for name, value in asked.items()
        }
        if start is not None:
            merged["weeks"] = weeks
        for name in ("weeks", "start", "end"):
            if None not in merged.values() and asked[name] is None:
                merged[name] = None
        return Span(**merged)

    def resolve(self, now: int, step: int) -> Window:
        """The window on whole steps; without an end it ends at the current hour.

        Raises:
            UsageFailure: the window is empty, reversed or endless.
        """
        length = round((self.weeks or DEFAULT_WEEKS) * WEEK)
        start = None if self.start is None else instant(self.start, now)
        end = None if self.end is None else instant(self.end, now)
        if end is None:
            end = start + length if start is not None and self.weeks else floor_to(now, HOUR)
        if start is None:
            start = end - length
        start, end = floor_to(start, step), floor_to(end, step)
        if start >= end:
            raise UsageFailure(f"the window is empty: its start {iso(start)} is not before its end {iso(end)}")
        if start < 0 or end - start > LONGEST_WEEKS * WEEK:
            raise UsageFailure(f"the window {iso(start)} to {iso(end)} is too long or begins before 1970; shorten it")
        return Window(start, end)
