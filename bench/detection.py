"""What each rule of the detector buys, on suites of labelled series that stay outside of this repository.

    python -m bench.detection --scorer PATH --suites DIR [DIR ...]

The scorer is a program that runs `discover` over a suite and matches its events with the labels: `--sl COMMAND`,
`--options TEXT`, `--json FILE`, then the suites; of each it writes F1, FA_wk, load and AP. Run once as it is, once in
each mode, and once with every rule switched off; the table goes between its marks in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from analyzer.kernels.rules import RULES
from bench.__main__ import put

ROOT = Path(__file__).resolve().parent.parent
Scores = dict[str, dict[str, float]]


def score(scorer: Path, suites: list[Path], options: str) -> Scores:
    """Suite -> its figures, with these options of discover."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "scores.json"
        command = [sys.executable, str(scorer), "--sl", f"{sys.executable} {ROOT / 'sl.py'}"]
        subprocess.run(
            [*command, f"--options=--charts 0 {options}", "--json", str(answer), *map(str, suites)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        scores: Scores = json.loads(answer.read_text())
        return scores


def variants() -> dict[str, str]:
    """What is compared -> the options that make it."""
    plain = " ".join(f"--without {name}" for name in RULES)
    return {
        "**all rules, the default**": "",
        "`--baseline trailing`: only the weeks before": "--baseline trailing",
        "`--baseline original`: all weeks, no rules": "--baseline original",
        "no rule: median of the other weeks, 3x": plain,
        "no rule: p95 of the other weeks, 3x": f"{plain} --percentile 95",
        **{f"without `{name}`": f"--without {name}" for name in RULES},
    }


def table(scored: dict[str, Scores]) -> str:
    """F1 / false alarms a series-week / load / AP, a row per variant and a column per suite."""
    suites = list(next(iter(scored.values())))
    lines = ["| | " + " | ".join(suites) + " |", "| --- " * (len(suites) + 1) + "|"]
    for name, scores in scored.items():
        cells = (
            " / ".join(f"{scores[suite][figure]:.{digits}f}".replace("nan", "-") for figure, digits in FIGURES)
            for suite in suites
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


FIGURES = (("F1", 3), ("FA_wk", 2), ("load", 2), ("AP", 2))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--suites", type=Path, nargs="+", required=True)
    asked = parser.parse_args()
    scored = {}
    for name, options in variants().items():
        scored[name] = score(asked.scorer, asked.suites, options)
        print(
            f"{name}: " + "; ".join(f"{s} {f['F1']:.3f}/{f['FA_wk']:.2f}" for s, f in scored[name].items()), flush=True
        )
    text = "F1 / false alarms a series-week / load (events a series-week that are on no label) / AP:\n\n" + table(
        scored
    )
    print(text)
    put("detection", text)


if __name__ == "__main__":
    main()
