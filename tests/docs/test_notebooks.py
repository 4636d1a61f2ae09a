"""The notebooks: made from their scripts, and each runs from top to bottom with tiny settings."""

import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
TINY = {
    "train": {
        "SOURCE": ["source.kind=renderer", "source.identities=2", "source.captures=1"],
        "SETTINGS": [
            *("train.steps=2", "train.batch=2", "train.dim=8", "train.size=32", "train.save_every=1"),
            *("train.sample_every=2", 'align.views=["palm"]', "align.size=48", "align.workers=1"),
        ],
    },
    "generate": {
        **{"ENGINE": "renderer", "COUNT": 4, "WORKERS": 1, "CONTROLS": ["identity.skin_tone=35"]},
        "DATASET": [
            *("dataset.identities=3", "dataset.captures=2", "dataset.size=48"),
            "gates.use=[]",  # too small and few to be judged
        ],
    },
}


@pytest.mark.parametrize("name", TINY)
def test_a_notebook_is_what_its_script_makes(name):
    script, notebook = jupytext.read(FOLDER / f"{name}.py"), nbformat.read(FOLDER / f"{name}.ipynb", 4)
    cells = [[(c.cell_type, c.source, c.metadata.get("tags")) for c in n.cells] for n in (script, notebook)]
    assert cells[0] == cells[1], f"{name}.ipynb is not of its script: run `make notebooks`"
    assert not any(cell.get("outputs") for cell in notebook.cells)  # pictures of training are of photographs


@pytest.mark.parametrize("name", TINY)
def test_a_notebook_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    settings = {"WORK": str(tmp_path), **TINY[name]}
    assert all(f"\n{key} = " in parameters.source for key in settings)
    parameters.source += "".join(f"\n{key} = {value!r}" for key, value in settings.items())
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [out for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert any("image/png" in out["data"] for out in shown)
    if name == "generate":
        assert len(list((tmp_path / "one").glob("variation_*.png"))) == 4
        assert (tmp_path / "one" / "variations.gif").is_file() and (
            tmp_path / "out" / "notebook" / "LATEST"
        ).is_file()
    else:
        assert list(tmp_path.glob("work/checkpoints/*/DONE.json"))
