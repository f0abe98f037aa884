"""notebooks/: run from top to bottom on a log, as its reader would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.commands import environment, sl
from tests.logs_made import combined_lines, make_lines

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOK = FOLDER / "log_analysis.ipynb"


def run(monkeypatch: pytest.MonkeyPatch, store: str | Path) -> list[str]:
    """Run all cells on a log; the texts and kinds of what they show."""
    monkeypatch.setenv("SL_STORE", str(store))
    # What Jupyter warns of is no concern of ours.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type in ("error", "stream")], shown
    return [text for output in shown for kind, text in output.data.items() if kind in ("text/plain", "image/png")]


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_shows_what_analyze_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ("--start", "2026-01-05", "--rate", "0.1", "--anomaly-rate", "0.1", "--total", "3000")
    assert sl("logs", *made, "--output-path", tmp_path / "app").code == 0
    shown = run(monkeypatch, tmp_path / "app_*.json")
    assert sum(text.startswith("iVBOR") for text in shown) == 4
    said = "\n".join(text for text in shown if not text.startswith("iVBOR"))
    for word in ("response_time_ms", "/api/v1/users", "slower than p75", "error_share", "payment-service"):
        assert word in said, word


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_does_without_what_a_log_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "access.log").write_text(combined_lines(make_lines()))
    assert sum(text.startswith("iVBOR") for text in run(monkeypatch, tmp_path / "access.log")) == 3


FUNCTIONS = (
    *("fetch_latest_logs", "fetch_traffic_data", "fetch_response_codes", "fetch_methods", "fetch_endpoints"),
    "outliers",
)


@pytest.mark.filterwarnings("ignore")
def test_the_functions_that_people_know_answer_with_frames_of_the_log(tmp_path: Path) -> None:
    """The notebook's cells as a program, up to the first plot; then each function is asked."""
    assert (
        sl("logs", "--web", "--start", "2026-10-05", "--end", "2026-10-07", "--output-path", tmp_path / "web").code == 0
    )
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    program = "\n".join(cells[: next(i for i, cell in enumerate(cells) if "def outliers" in cell) + 1])
    asks = f"""
frames = {{name: globals()[name]() for name in {FUNCTIONS!r}}}
assert all(isinstance(frame, pd.DataFrame) for frame in frames.values())
total = found.requests
assert frames["fetch_traffic_data"]["requests"].sum() == total == 20000, total
assert len(frames["fetch_latest_logs"]) == 10000
assert frames["fetch_latest_logs"]["time"].is_monotonic_decreasing
assert frames["fetch_response_codes"]["requests"].sum() == total
assert frames["fetch_methods"]["requests"].idxmax() == "GET"
assert frames["fetch_endpoints"]["requests"].sum() == total
assert (frames["fetch_endpoints"]["p95"] > frames["fetch_endpoints"]["p50"]).all()
slow = frames["outliers"]
assert len(slow) > 5 and (slow["milliseconds"] > slow["limit_ms"]).all()
"""
    done = subprocess.run(
        [sys.executable, "-c", program + asks],
        cwd=FOLDER,
        env=environment(SL_STORE=str(tmp_path / "web_*.json"), MPLBACKEND="agg"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_output_is_kept_in_the_file() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
