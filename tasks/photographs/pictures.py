"""Writes aligned palms as pictures: the region that is cut, a PNG a palm, named by its photograph."""

import io
from pathlib import Path, PurePosixPath

import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from manifests.files.layout import atomic_write


def write_regions(aligned: Path, folder: Path) -> int:
    """Write view `palm` of the table `aligned` as `folder`/<photo's name>_<hand>.png; returns how many.

    A further hand in one photograph has its number behind its name. Raises PublishError when `folder` cannot
    be written.
    """
    columns = ["original_name", "hand", "hand_index", "view", "image"]
    written = 0
    with pq.ParquetFile(aligned) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=columns)
            for row in table.filter(pc.equal(table["view"], "palm")).to_pylist():
                number = f"_{row['hand_index']}" if row["hand_index"] else ""
                parts = [
                    part for part in PurePosixPath(row["original_name"]).parts if part not in ("/", "..")
                ]
                name = PurePosixPath(*parts).with_suffix("")  # an archive may name what lies above it
                out = io.BytesIO()
                Image.open(io.BytesIO(row["image"]["bytes"])).save(out, "PNG")  # the table's are not deflated
                atomic_write(folder / name.parent / f"{name.name}_{row['hand']}{number}.png", out.getvalue())
                written += 1
    return written
