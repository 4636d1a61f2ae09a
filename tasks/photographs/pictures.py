"""Writes aligned palms as pictures: a PNG a palm and view, named by its photograph."""

import io
from pathlib import Path, PurePosixPath

import pyarrow.parquet as pq
from PIL import Image

from manifests.files.layout import atomic_write
from manifests.words import View


def write_regions(aligned: Path, folder: Path) -> int:
    """Write view `palm` of the table `aligned`, the region of interest, as `folder`/NAME_HAND.png.

    NAME is the photograph's, with its folders; with its ending where two differ in that alone. A further hand
    in one photograph has its number behind HAND. Returns how many there are. Raises PublishError when
    `folder` cannot be written.
    """
    return _write(aligned, folder, "palm")


def write_pictures(aligned: Path, folder: Path) -> int:
    """Write every view of the table `aligned` as `folder`/NAME_HAND_VIEW.png; else as write_regions."""
    return _write(aligned, folder)


def _write(aligned: Path, folder: Path, view: View | None = None) -> int:
    columns = ["original_name", "hand", "hand_index", "view", "image"]
    written = set[str]()
    with pq.ParquetFile(aligned) as file:
        for group in range(file.num_row_groups):
            for row in file.read_row_group(group, columns=columns).to_pylist():
                if view not in (None, row["view"]):
                    continue
                number = f"_{row['hand_index']}" if row["hand_index"] else ""
                ending = f"_{row['hand']}{number}" + ("" if view else f"_{row['view']}") + ".png"
                inside = _inside(row["original_name"])
                stem = str(inside.with_suffix(""))
                name = f"{inside if stem + ending in written else stem}{ending}"
                written.add(name)
                out = io.BytesIO()
                # saved anew: the table's are not deflated
                Image.open(io.BytesIO(row["image"]["bytes"])).save(out, "PNG")
                atomic_write(folder / name, out.getvalue())
    return len(written)


def _inside(name: str) -> PurePosixPath:
    """A photograph's name as one below a folder: an archive may name what lies above it."""
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("/", "..")))
