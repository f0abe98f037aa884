"""Python's way in: what the commands do, on pandas frames. `import sl` offers it: `sl.discover(frame)`."""

from analyzer.notebook.discover import discover
from analyzer.notebook.explain import explain, tune
from analyzer.notebook.read import read
from analyzer.notebook.result import Result
from analyzer.notebook.score import score

__all__ = ["Result", "discover", "explain", "read", "score", "tune"]
