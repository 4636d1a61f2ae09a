"""Writes aligned palms as pictures: a PNG a palm and view, named by its photograph."""

import hashlib
import io
import os
from pathlib import Path, PurePosixPath

import pyarrow.parquet as pq
from PIL import Image

from manifests.files.layout import atomic_write
from manifests.words import View

LONGEST = 255  # bytes of a name in a folder


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
                bare, whole = (
                    str(path.with_name(_fitting(path.name, ending)))
                    for path in (inside.with_suffix(""), inside)
                )
                name = whole if bare in written else bare
                written.add(name)
                out = io.BytesIO()
                # saved anew: the table's are not deflated
                Image.open(io.BytesIO(row["image"]["bytes"])).save(out, "PNG")
                atomic_write(folder / name, out.getvalue())
    return len(written)


def _fitting(name: str, ending: str = "") -> str:
    """A name and its ending as a file system takes it: too long a one is cut and told apart by a digest."""
    if len(os.fsencode(name + ending)) <= LONGEST:
        return name + ending
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    kept = os.fsencode(name)[: LONGEST - len(ending) - 9].decode(errors="ignore")
    return f"{kept}~{digest}{ending}"


def _inside(name: str) -> PurePosixPath:
    """A photograph's name as one below a folder: an archive may name what lies above it."""
    parts = (part for part in PurePosixPath(name).parts if part not in ("/", ".."))
    return PurePosixPath(*(_fitting(part) for part in parts))
