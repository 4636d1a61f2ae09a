"""Photographs that nothing can be learned from: said in words, with what to do, for every engine."""

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli.options import friendly_errors
from manifests.recipe import load
from tasks.engines.trained import train
from tasks.work.stage import Done

SCHEMA = pa.schema(
    [
        ("photo_id", pa.string()),
        ("view", pa.string()),
        ("hand", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("landmarks", pa.list_(pa.float32())),
    ]
)
PALM = cv2.imencode(".png", np.full((64, 64, 3), 150, np.uint8))[1].tobytes()
SOURCE = {"source": {"kind": "renderer"}, "train": {"checkpoint": "train"}}


def row(data):
    image = {"bytes": data, "path": None}
    return {"photo_id": "p", "view": "palm", "hand": "left", "image": image, "landmarks": [1.0, 2.0] * 21}


def refusal(path, rows, folder, capsys):
    """What the command line says when the recipe is trained on aligned photographs `rows`."""
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "aligned.parquet")
    with pytest.raises(SystemExit) as ending, friendly_errors():
        train(load(path), Done(folder, "0"), lambda done, total: None)
    assert ending.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("engine", ["wgan-gp", "ddpm-tps"])
def test_a_baseline_without_its_view(engine, write_recipe, tmp_path, capsys):
    path = write_recipe(engine={"name": engine}, dataset={"views": ["hand"]}, **SOURCE)
    said = refusal(path, [row(PALM)], tmp_path, capsys)
    assert "aligned.parquet holds no view hand of a left or right hand: put hand into align.views" in said


def test_diffusion_without_a_hand_in_any_photograph(write_recipe, tmp_path, capsys):
    said = refusal(write_recipe(engine={"name": "diffusion"}, **SOURCE), [], tmp_path, capsys)
    assert "holds no aligned photograph, " in said and "align_rejects.parquet" in said


@pytest.mark.parametrize("engine", ["wgan-gp", "ddpm-tps", "diffusion"])
def test_a_picture_that_was_damaged_since(engine, write_recipe, tmp_path, capsys):
    path = write_recipe(engine={"name": engine}, **SOURCE)
    said = refusal(path, [row(PALM), row(b"torn")], tmp_path, capsys)
    assert "does not decode: delete the folder, it is made again" in said
