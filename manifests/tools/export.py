"""Exports a version to the folders and archives that other libraries read: their bytes and labels intact."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.files.advice import reading
from manifests.files.layout import BUILDING, MANIFEST, PublishError, atomic_directory
from manifests.read.open import Version
from manifests.tools.exporters.exporter import Row
from manifests.tools.exporters.registry import EXPORTERS

BATCH_ROWS = 512  # rows that are held at once
NOTE = "export.json"  # what was exported; tells a finished export from a foreign folder


def export(version: Version, kind: str, out: Path, progress: Callable[[int, int], None]) -> int:
    """Write the images of a version or view into the new folder `out`; returns how many they are.

    All of them, but for a format of one view alone. The folder appears whole or not at all; one that holds
    this very export already is left as it is. Raises PublishError when `out` holds something else or cannot
    be written, or when there is no image to export, PluginError for a format that is none.
    """
    exporter = EXPORTERS.get(kind)
    total: int = pc.sum(pc.is_in(version.rows(["view"])["view"], pa.array(exporter.views))).as_py()
    if not total:
        raise PublishError(
            f"{version.path}: has no image of view {' or '.join(exporter.views)}, which {kind} is made of: "
            "build it with dataset.views"
        )
    note = {
        "format": kind,
        "images": total,
        **{k: version.metadata[k] for k in ("dataset", "version", "content")},
    }
    if out.exists():
        if not (out / NOTE).is_file() or json.loads((out / NOTE).read_text()) != note:
            raise PublishError(f"{out} exists already and holds something else: choose another --out")
        progress(total, total)
        return total
    with atomic_directory(out, out.with_name(f"{BUILDING}{out.name}")) as folder:
        progress(0, total)
        with ExitStack() as stack:
            writer = exporter.writer(folder, stack, version)
            for done, (row, image) in enumerate(_rows(version, exporter.views), 1):
                writer.add(row, image)
                progress(done, total)
            writer.end()
        (folder / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return total


def _rows(version: Version, views: Sequence[str]) -> Iterator[tuple[Row, bytes]]:
    """Every row of these views with its image, in the manifest's order."""
    with reading(version.path / MANIFEST), pq.ParquetFile(version.path / MANIFEST) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.table(batch)
            table = table.filter(pc.is_in(table["view"], pa.array(views)))
            yield from zip(table.to_pylist(), version.images(table), strict=True)
