"""The exporter lance: a Lance data set a split, for random access and search."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import IMAGE_COLUMN
from manifests.files.layout import MANIFEST
from manifests.tools.exporters.exporter import Exporter, Row, Writer

if TYPE_CHECKING:
    from manifests.read.open import Version

FRAGMENT_BYTES = 64 << 20  # of images that are written at once: Lance keeps them in one fragment


class Lance(Writer):
    """SPLIT.lance each with the manifest's columns and `image`, the encoded file."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        manifest = pq.read_schema(version.path / MANIFEST).remove_metadata()
        self.schema = manifest.append(pa.field(IMAGE_COLUMN.name, pa.large_binary()))
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.bytes: dict[str, int] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split = row["split"]
        self.held.setdefault(split, []).append({**row, IMAGE_COLUMN.name: image})
        self.bytes[split] = self.bytes.get(split, 0) + len(image)
        if self.bytes[split] >= FRAGMENT_BYTES:
            self._write(split)

    def _write(self, split: str) -> None:
        import lance

        table = pa.Table.from_pylist(self.held.pop(split), schema=self.schema)
        place = self.folder / f"{split}.lance"
        lance.write_dataset(table, place, mode="append" if place.exists() else "create")
        self.bytes[split] = 0

    def end(self) -> None:
        """Write what is held."""
        for split in list(self.held):
            self._write(split)


class LanceExporter(Exporter):
    """Writes a Lance data set a split."""

    name = "lance"
    requires = ("lance",)
    summary = "a Lance data set a split, for random access and search"
    writes = Lance


LANCE = LanceExporter()
