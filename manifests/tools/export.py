"""Exports a version to the folders and archives that other libraries read: their bytes and labels intact."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

import lmdb
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files.layout import BUILDING, MANIFEST, SPLITS, PublishError, atomic_directory
from manifests.read.open import Dataset, data_root

Kind = Literal["imagefolder", "webdataset", "lmdb"]
Row = Mapping[str, Any]
BATCH_ROWS = 512  # rows that are held at once
TAR_IMAGES = 1000  # images in one archive: readers share archives out
NOTE = "export.json"  # what was exported; tells a finished export from a foreign folder
METADATA = "metadata.jsonl"


class Writer(Protocol):
    """Takes the rows of a manifest in its order, each with its image as it is published."""

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        ...


def export(dataset: Dataset, kind: Kind, out: Path, progress: Callable[[int, int], None]) -> int:
    """Write all images of a version or view into the new folder `out`; returns how many they are.

    The folder appears whole or not at all; one that holds this very export already is left as it is. Raises
    PublishError when `out` holds something else or cannot be written.
    """
    total: int = pq.read_metadata(dataset.path / MANIFEST).num_rows
    note = {
        "format": kind,
        "images": total,
        **{k: dataset.metadata[k] for k in ("dataset", "version", "content")},
    }
    if out.exists():
        if not (out / NOTE).is_file() or json.loads((out / NOTE).read_text()) != note:
            raise PublishError(f"{out} exists already and holds something else: choose another --out")
        progress(total, total)
        return total
    with atomic_directory(out, out.with_name(f"{BUILDING}{out.name}")) as folder:
        with ExitStack() as stack:
            writer = WRITERS[kind](folder, stack, dataset)
            for done, (row, image) in enumerate(_rows(dataset), 1):
                writer.add(row, image)
                progress(done, total)
        (folder / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return total


def _rows(dataset: Dataset) -> Iterator[tuple[Row, bytes]]:
    """Every row with its image, in the manifest's order."""
    with pq.ParquetFile(dataset.path / MANIFEST) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.table(batch)
            yield from zip(table.to_pylist(), dataset.images(table), strict=True)


def _line(row: Row, **more: Any) -> str:
    return json.dumps({**more, **row, **more}, ensure_ascii=False) + "\n"


class ImageFolder:
    """SPLIT/CLASS/FILE, as torchvision and Hugging Face read it, with SPLIT/metadata.jsonl.

    The class is label and identity, so that sorted classes count as `split_label` does: 0, 1, 2, …
    """

    def __init__(self, folder: Path, stack: ExitStack, dataset: Dataset) -> None:
        self.folder, self.stack = folder, stack
        self.metadata: dict[str, TextIO] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split, name = row["split"], f"{row['label']:07d}-{row['identity_id']}"
        place = self.folder / split / name
        place.mkdir(parents=True, exist_ok=True)
        (place / row["file_name"]).write_bytes(image)
        if split not in self.metadata:
            file = (self.folder / split / METADATA).open("w", encoding="utf-8")
            self.metadata[split] = self.stack.enter_context(file)
        self.metadata[split].write(_line(row, file_name=f"{name}/{row['file_name']}"))


class WebDataset:
    """SPLIT-000000.tar, …: KEY.png, KEY.cls with `split_label`, KEY.json with the row; and metadata.jsonl."""

    def __init__(self, folder: Path, stack: ExitStack, dataset: Dataset) -> None:
        self.folder, self.stack = folder, stack
        self.metadata = stack.enter_context((folder / METADATA).open("w", encoding="utf-8"))
        self.open: dict[str, tuple[tarfile.TarFile, int]] = {}  # split: its archive, images in the split

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split = row["split"]
        archive, count = self.open.get(split, (None, 0))
        if archive is None or count % TAR_IMAGES == 0:
            if archive:
                archive.close()
            name = self.folder / f"{split}-{count // TAR_IMAGES:06d}.tar"
            archive = tarfile.TarFile(name, "w", format=tarfile.USTAR_FORMAT)
            self.stack.enter_context(archive)
        self.open[split] = archive, count + 1
        key, suffix = row["sample_id"].replace(".", "-"), Path(row["file_name"]).suffix  # keys end at a dot
        for member, data in (
            (f"{key}{suffix}", image),
            (f"{key}.cls", str(row["split_label"]).encode()),
            (f"{key}.json", _line(row).encode()),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        self.metadata.write(_line(row))


class Lmdb:
    """SPLIT.lmdb each with the databases `images` (sample id: file) and `rows` (sample id: JSON)."""

    def __init__(self, folder: Path, stack: ExitStack, dataset: Dataset) -> None:
        files = (data_root(dataset.path) / "data").glob("*.parquet")
        size = 4 * sum(file.stat().st_size for file in files) + (1 << 30)  # an upper bound, not what it takes
        self.metadata = stack.enter_context((folder / METADATA).open("w", encoding="utf-8"))
        self.stores = {}
        for split in SPLITS:
            store = lmdb.open(str(folder / f"{split}.lmdb"), map_size=size, max_dbs=2, sync=False)
            stack.callback(store.close)
            self.stores[split] = (store, store.open_db(b"images"), store.open_db(b"rows"))
        self.held: dict[str, list[tuple[bytes, bytes, bytes]]] = {split: [] for split in SPLITS}
        stack.callback(self._flush)  # before the stores are closed: callbacks run last in, first out

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        held = self.held[row["split"]]
        held.append((row["sample_id"].encode(), image, _line(row).encode()))
        self.metadata.write(_line(row))
        if len(held) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Write what is held: one transaction a batch, because each costs as much as many images."""
        for split, held in self.held.items():
            store, images, rows = self.stores[split]
            with store.begin(write=True) as transaction:
                for key, image, row in held:
                    transaction.put(key, image, db=images)
                    transaction.put(key, row, db=rows)
            held.clear()


WRITERS: dict[str, Callable[[Path, ExitStack, Dataset], Writer]] = {
    "imagefolder": ImageFolder,
    "webdataset": WebDataset,
    "lmdb": Lmdb,
}
