"""notebooks/ about `import sl`: run from top to bottom, as their reader would."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def shown(name: str) -> list[nbformat.NotebookNode]:
    """What the cells of a notebook show."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code"), "no output is kept in the file"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text(outputs: list[nbformat.NotebookNode]) -> str:
    return "\n".join(one.text if one.output_type == "stream" else one.data["text/plain"] for one in outputs)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    # What Jupyter warns of is no concern of ours.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")


@pytest.mark.filterwarnings("ignore")
def test_the_events_of_a_frame_are_found_drawn_and_explained() -> None:
    outputs = shown("events_in_a_frame.ipynb")
    said = text(outputs)
    assert "event" in said
    assert "2026-10-08 06:00:00+00:00" in said
    assert "web-1, Thu 8 Oct 2026 09:00-10:00 UTC: no event" in said
    assert sum("image/png" in one.get("data", {}) for one in outputs) == 1


@pytest.mark.filterwarnings("ignore")
def test_three_detectors_are_scored_on_two_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SL_CUSTOMERS", "8")
    outputs = shown("benchmark.ipynb")
    said = text(outputs)
    for word in ("friendly", "hard", "three sigma of a day", "three times the week before", "false_alarms"):
        assert word in said, word
    assert sum("image/png" in one.get("data", {}) for one in outputs) == 1
