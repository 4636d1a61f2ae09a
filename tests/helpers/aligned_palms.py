"""A table of aligned palms as the align task writes it, drawn by the renderer: for tests of training."""

from pathlib import Path

import cv2
import pyarrow as pa
import pyarrow.parquet as pq

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity


def aligned_palms(path: Path, count: int = 8, size: int = 48) -> Path:
    """`count` drawn palms, left and right in turn."""
    rows = []
    for k in range(count):
        hand = ("left", "right")[k % 2]
        identity, capture = make_identity(9, k, hand), make_capture(9, k, hand, 0)
        (drawing,) = RendererEngine().draw(identity, [capture], "palm", size)
        png = cv2.imencode(".png", drawing.image[..., ::-1])[1].tobytes()
        marks = drawing.landmarks.ravel().tolist()
        image = {"bytes": png, "path": None}
        rows.append({"photo_id": str(k), "view": "palm", "hand": hand, "image": image, "landmarks": marks})
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
