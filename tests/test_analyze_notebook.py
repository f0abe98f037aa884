"""notebooks/: run from top to bottom on a log, as its reader would."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.commands import sl
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
    assert sum(text.startswith("iVBOR") for text in shown) == 3
    said = "\n".join(text for text in shown if not text.startswith("iVBOR"))
    for word in ("response_time_ms", "/api/v1/users", "slower than p75", "error_share", "payment-service"):
        assert word in said, word


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_does_without_what_a_log_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "access.log").write_text(combined_lines(make_lines()))
    assert sum(text.startswith("iVBOR") for text in run(monkeypatch, tmp_path / "access.log")) == 2


def test_no_output_is_kept_in_the_file() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
