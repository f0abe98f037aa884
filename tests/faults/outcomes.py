"""What a series of faults came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcomes:
    """Of one kind of fault: how many were tried, what became of them, which went wrong."""

    what: str
    tried: int = 0
    became: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, outcome: str, wrong: str = "") -> None:
        """One more."""
        self.tried += 1
        self.became[outcome] += 1
        if wrong:
            self.wrong.append(wrong)

    @property
    def row(self) -> str:
        """A row of the table."""
        became = ", ".join(f"{count:,} {name}" for name, count in sorted(self.became.items()))
        return f"| {self.what} | {self.tried:,} | {len(self.wrong)} | {became} |"
