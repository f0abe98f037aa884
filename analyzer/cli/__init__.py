"""The commands of the analyzer: options are declared, one function is called, its result is said.

Nothing but click is imported before a command runs, so that help answers at once.
"""

from analyzer.cli.analyze import analyze
from analyzer.cli.cache import cache
from analyzer.cli.compare import compare
from analyzer.cli.completion import completion
from analyzer.cli.copy import copy
from analyzer.cli.discover import discover
from analyzer.cli.doctor import doctor
from analyzer.cli.explain import explain
from analyzer.cli.export import export
from analyzer.cli.mark import mark
from analyzer.cli.report import report
from analyzer.cli.rules import rules
from analyzer.cli.runs import runs
from analyzer.cli.score import score
from analyzer.cli.tune import tune

COMMANDS = (
    discover,
    explain,
    tune,
    mark,
    report,
    runs,
    compare,
    score,
    rules,
    analyze,
    export,
    copy,
    cache,
    doctor,
    completion,
)
