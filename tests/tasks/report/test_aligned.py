"""The contact sheet of an alignment shows what was found, and what was rejected by its reason."""

import io

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.report.aligned import COLUMNS, EXAMPLES, ROWS, contact_sheet

RED, BLUE, GREEN = (200, 30, 30), (20, 40, 220), (30, 160, 60)
CELL = 112 * 112  # pixels of a picture on the sheet


def square(colour):
    return bytes(cv2.imencode(".png", np.full((32, 32, 3), colour[::-1], np.uint8))[1])


def tables(folder, palms, rejected):
    """The three tables, with so many red palms, blue hands, and green photographs that are rejected."""
    folder.mkdir()
    aligned = [
        {"view": view, "image": {"bytes": square(colour), "path": ""}}
        for view, colour in (("palm", RED), ("hand", BLUE))
        for _ in range(palms)
    ]
    (folder / "green.png").write_bytes(square(GREEN))
    lost = [{"photo_id": f"p{k}", "reason": "no_hand"} for k in range(rejected)]
    photos = [{"photo_id": f"p{k}", "path": str(folder / "green.png")} for k in range(rejected - 1)]
    photos.append({"photo_id": f"p{rejected - 1}", "path": str(folder / "gone.png")})
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schemas = {
        "aligned": pa.schema({"view": pa.string(), "image": image}),
        "align_rejects": pa.schema({"photo_id": pa.string(), "reason": pa.string()}),
        "photos": pa.schema({"photo_id": pa.string(), "path": pa.string()}),
    }
    for name, rows in (("aligned", aligned), ("align_rejects", lost), ("photos", photos)):
        pq.write_table(pa.Table.from_pylist(rows, schemas[name]), folder / f"{name}.parquet")
    return [folder / f"{name}.parquet" for name in ("aligned", "align_rejects", "photos")]


def counted(sheet):
    pixels = np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB"))
    return [int((pixels == colour).all(axis=2).sum()) / CELL for colour in (RED, BLUE, GREEN)]


def test_the_sheet_shows_palms_hands_and_rejects_but_not_all_of_them(tmp_path):
    assert counted(contact_sheet(*tables(tmp_path / "few", 3, 2))) == [3, 3, 1]  # one photograph is gone
    many = counted(contact_sheet(*tables(tmp_path / "many", 70, 12)))
    assert many == [24, 24, EXAMPLES] and many[0] <= COLUMNS * ROWS


def test_a_sheet_of_nothing_is_a_sheet(tmp_path):
    assert counted(contact_sheet(*tables(tmp_path / "none", 0, 1))) == [0, 0, 0]
