"""The exporter lmdb: a memory-mapped store a split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb

from manifests.files.layout import SPLITS, PublishError
from manifests.read.open import data_root
from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version

BATCH = 512  # images written in one transaction


class Lmdb(Writer):
    """SPLIT.lmdb each with the databases `images` (sample id: file) and `rows` (sample id: JSON)."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        files = (data_root(version.path) / "data").glob("*.parquet")
        size = 4 * sum(file.stat().st_size for file in files) + (1 << 30)  # an upper bound, not what it takes
        self.metadata = self.text(METADATA)
        self.stores = {}
        self.folder = folder
        for split in SPLITS:
            with _explained(folder):
                store = lmdb.open(str(folder / f"{split}.lmdb"), map_size=size, max_dbs=2, sync=False)
                stack.callback(store.close)
                self.stores[split] = (store, store.open_db(b"images"), store.open_db(b"rows"))
        self.held: dict[str, list[tuple[bytes, bytes, bytes]]] = {split: [] for split in SPLITS}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        held = self.held[row["split"]]
        held.append((row["sample_id"].encode(), image, line(row).encode()))
        self.metadata.write(line(row))
        if len(held) == BATCH:
            self.end()

    def end(self) -> None:
        """Write what is held: one transaction a batch, because each costs as much as many images."""
        for split, held in self.held.items():
            store, images, rows = self.stores[split]
            with _explained(self.folder), store.begin(write=True) as transaction:
                for key, image, row in held:
                    transaction.put(key, image, db=images)
                    transaction.put(key, row, db=rows)
            held.clear()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what lmdb raises, on a full disk above all, into a PublishError."""
    try:
        yield
    except lmdb.Error as error:
        told = "Free some space or choose another folder, then run the same command again."
        raise PublishError(f"cannot write {folder}: {error}. {told}") from error


class LmdbExporter(Exporter):
    """Writes a memory-mapped store a split."""

    name = "lmdb"
    summary = "a memory-mapped store a split"
    writes = Lmdb


LMDB = LmdbExporter()
