"""The notebook goes from audio to an exported model, on a corpus that is shorter."""

from __future__ import annotations

import nbformat
from nbclient import NotebookClient
from pages import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
#: What makes it short: fewer recordings and epochs, smaller features.
SHORT = {
    '"recordings": 14': '"recordings": 6',
    "rows=64, columns=64": "rows=16, columns=16",
    'model="mobile"': 'model="linear"',  # a network is trained by other tests
}


def test_it_runs(tmp_path, monkeypatch):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        for long, short in SHORT.items():
            cell.source = cell.source.replace(long, short)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert all(short in text for short in SHORT.values())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    assert (tmp_path / "tutorial" / "exported" / "model.keras").is_file()
    shown = [
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    # Figures are shown under Jupyter's own backend, and objects as tables.
    assert sum("image/png" in data for data in shown) == 2
    assert sum("<table>" in data.get("text/html", "") for data in shown) >= 3


def test_it_is_committed_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
    assert not any(cell.get("execution_count") for cell in cells)
