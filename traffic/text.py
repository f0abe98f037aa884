"""Text that crosses a border: into a spreadsheet, a file name, a terminal, a picture. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from math import isfinite

# What makes Excel, LibreOffice or Google Sheets take a cell for a formula. The escape character counts too: a text that
# already starts with it has to be told from an escaped one.
_FORMULA = frozenset("=+-@\t\r")
_ESCAPE = "'"

_SLUG_LENGTH = 40
_QUOTED = re.compile('[,"\r\n]')

# Units that take an SI prefix directly, as they are then written: "12.3 Mb/s". Others stand apart: "12.3 k requests".
_SYMBOLS = {"bit/s": "b/s", "bit": "b", "b/s": "b/s", "b": "b", "byte/s": "B/s", "byte": "B", "bytes": "B"} | {
    unit: unit for unit in ("B", "B/s", "Hz", "W", "Wh", "V", "A", "J", "pps", "bps")
}
# Units with a scale of their own, which a prefix would only obscure ("1.2 kms").
_PLAIN = frozenset(("%", "s", "ms", "us", "µs", "μs", "ns", "min", "h", "d", "°C", "Mb/s"))
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def cell(text: str) -> str:
    """A text as a CSV cell that no spreadsheet takes for a formula: behind an apostrophe if it could be one.

    `uncell` is its inverse, for any text.
    """
    return _ESCAPE + text if text[:1] in _FORMULA or text[:1] == _ESCAPE else text


def uncell(text: str) -> str:
    """The text that `cell` was given. A cell that `cell` never writes (a bare formula) comes back as it is."""
    return text[1:] if text[:1] == _ESCAPE else text


def quoted(text: str) -> str:
    """A text as it stands in a CSV file: as a `cell`, and in quotes where it needs them."""
    # Quoted by hand: what csv.writer quotes differs between the Python versions we run on, and this is twice as fast.
    text = cell(text)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def slug(text: str) -> str:
    """A part of a file name for any text: lower-case ASCII letters, digits, `_`, `.` and `-`, at most 40 characters.

    A text that is one already stays itself; any other carries six digits of its hash, so that two texts do not meet.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    plain = re.sub(r"[^a-z0-9_.]+", "-", plain).strip("-.")
    if plain == text and 0 < len(plain) <= _SLUG_LENGTH:
        return plain
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return "-".join(part for part in (plain[: _SLUG_LENGTH - 7].rstrip("-."), digest) if part)


def visible(text: str) -> str:
    r"""A text on one line with nothing hidden, for terminals and pictures; not to be read back.

    Control characters, line breaks, bidirectional and zero-width marks, odd blanks and lone surrogates are shown as
    escapes: `\n`, `\x1b`, `\u202e`.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    # isprintable() is False for all of Unicode's "other" and "separator" characters except the space.
    return character if character.isprintable() else character.encode("unicode_escape", "replace").decode("ascii")


def si(value: float, unit: str = "", *, pad: bool = True) -> str:
    """A value in three significant digits with an SI prefix: `si(12_345_678, "bit/s")` is "12.3 Mb/s".

    `pad=False` drops trailing zeros ("12 Mb/s" rather than "12.0 Mb/s"), as the ticks of an axis want it. A value that
    is not there is "-".
    """
    if not isfinite(value):
        return "-"
    power = 0
    size = abs(value)
    if unit not in _PLAIN and size >= 999.5:
        # 999,600 is "1.00 M": the prefix is chosen after rounding to three digits.
        power = min(_exponent(size) // 3, len(_PREFIXES) - 1)
    digits = _three(value / 1000.0**power)
    whole = power == 0 and value == int(value)
    if (whole or not pad) and "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    name = _SYMBOLS.get(unit)
    if name is None:
        return " ".join(part for part in (digits, _PREFIXES[power], unit) if part)
    return f"{digits} {_PREFIXES[power]}{name}"


def _three(value: float) -> str:
    """Three significant digits without an exponent; all of them in front of the point if there are more."""
    if value == 0:
        return "0"
    return f"{value:.{min(max(2 - _exponent(value), 0), 12)}f}"


def _exponent(value: float) -> int:
    """The power of ten of a value in three digits."""
    return int(f"{value:.2e}".partition("e")[2])


def length(seconds: float) -> str:
    """A stretch of time in its two largest units: "45 s", "4 min", "2 h 05 min", "3 d 04 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _pair(whole, 60, "min", 1, "s")
    if whole < 2 * 86400:
        return _pair(whole, 3600, "h", 60, "min")
    return _pair(whole, 86400, "d", 3600, "h")


def _pair(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    # Rounded to the smaller unit first, so that 119 min 40 s is "2 h" and never "1 h 60 min".
    count, rest = divmod(round(seconds / small) * small, large)
    return f"{count} {large_name} {rest // small:02d} {small_name}" if rest else f"{count} {large_name}"
