"""What the settings dataclasses of both sides check themselves with; traffic/config.py reads them from files."""

from __future__ import annotations

from traffic.errors import UsageFailure

Range = tuple[float, float]
WholeRange = tuple[int, int]


class BadSetting(UsageFailure, ValueError):
    """A setting that is not valid, raised by the `__post_init__` of a settings dataclass.

    `setting` is the name of the field, relative to that dataclass (`rate`, or `factor[0]`);
    `traffic.config.load` adds the rest of the path, the file and the line.
    """

    def __init__(self, setting: str, message: str):
        super().__init__(f"{setting}: {message}")
        self.setting = setting
        self.message = message


def check(setting: str, value: float, low: float, high: float) -> None:
    """A setting's value has to lie in `[low, high]`.

    Raises:
        BadSetting: it does not.
    """
    if not low <= value <= high:
        raise BadSetting(setting, f"must be between {low:,.10g} and {high:,.10g}, not {value:,.10g}")


def check_range(setting: str, pair: Range, low: float, high: float) -> None:
    """A setting's two values, the smaller first, have to lie in `[low, high]`.

    Raises:
        BadSetting: they do not.
    """
    for place, value in enumerate(pair):
        check(f"{setting}[{place}]", value, low, high)
    if pair[0] > pair[1]:
        raise BadSetting(setting, f"the smaller number must come first: [{pair[1]:.10g}, {pair[0]:.10g}]")


def check_day(setting: str, heights: tuple[float, ...]) -> None:
    """The heights of a day: one for each of its hours, none below 0.

    Raises:
        BadSetting: they are not.
    """
    if len(heights) != 24:
        raise BadSetting(setting, f"expected 24 heights, one for each hour of the day, not {len(heights)}")
    for hour, height in enumerate(heights):
        check(f"{setting}[{hour}]", height, 0, 1e6)
