"""The exporter lance: a Lance data set a split, for random access and search."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import IMAGE_COLUMN
from manifests.extras import installed
from manifests.files.layout import MANIFEST
from manifests.tools.exporters.exporter import Exporter, Row, Writer

if TYPE_CHECKING:
    from manifests.read.open import Version

FRAGMENT_BYTES = 64 << 20  # of images that are written at once: Lance keeps them in one fragment


class Lance:
    """SPLIT.lance each with the manifest's columns and `image`, the encoded file."""

    def __init__(self, folder: Path, stack: ExitStack, dataset: Version) -> None:
        manifest = pq.read_schema(dataset.path / MANIFEST).remove_metadata()
        self.folder = folder
        self.schema = manifest.append(pa.field(IMAGE_COLUMN.name, pa.large_binary()))
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.bytes: dict[str, int] = {}
        stack.push(lambda kind, error, trace: self._end() if kind is None else None)

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

    def _end(self) -> None:
        for split in list(self.held):
            self._write(split)


class LanceExporter(Exporter):
    """Writes a Lance data set a split."""

    name = "lance"
    requires = ("lance",)
    summary = "a Lance data set a split, for random access and search"

    def writer(self, folder: Path, stack: ExitStack, dataset: Version) -> Writer:
        """What writes it. Raises MissingExtraError when its library is not installed."""
        installed(*self.requires)
        return Lance(folder, stack, dataset)


LANCE = LanceExporter()
