"""Fetches encoded images from data files by row groups: few are held, and no process shares a handle."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.schema import IMAGE_COLUMN, SchemaError, read_metadata
from manifests.files.remote import Location, RemoteError, parquet_source
from manifests.read.open import DatasetError, inside

OPEN_FILES = 64  # data files that a process keeps open


@dataclass(frozen=True)
class _Group:
    """The encoded images of a row group, in one buffer."""

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]

    def image(self, row: int) -> NDArray[np.uint8]:
        return self.data[self.offsets[row] : self.offsets[row + 1]]


class Shards:
    """The data files of the version at `root`; at most `cache_bytes` of images are held by a process.

    Files are opened when they are first read, by each process for itself: a copy in a forked or spawned
    worker starts empty.
    """

    def __init__(self, root: Location, cache_bytes: int) -> None:
        self.root, self.cache_bytes = root, cache_bytes
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._files: OrderedDict[str, tuple[pq.ParquetFile, NDArray[np.int64]]] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], _Group] = OrderedDict()
        self._held = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "cache_bytes": self.cache_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def image(self, shard: str, row: int) -> NDArray[np.uint8]:
        """The encoded bytes (n,) of row `row` of a data file, not copied.

        Raises DatasetError or SchemaError naming the shard when they cannot be read.
        """
        if self._process != os.getpid():
            self._forget()  # forked: handles and their positions belong to the parent
        with _explain(self.root / shard):
            file, starts = self._open(shard)
            if not 0 <= row < starts[-1]:
                raise IndexError(f"it has {starts[-1]} rows, not row {row}")
            number = int(np.searchsorted(starts, row, side="right")) - 1
            return self._group(shard, number, file).image(row - int(starts[number]))

    def group_size(self, shard: str) -> tuple[int, int]:
        """Rows and image bytes of the first row group of a data file."""
        with _explain(self.root / shard):
            first = self._open(shard)[0].metadata.row_group(0)
            sizes = [first.column(i) for i in range(first.num_columns)]
            held = sum(c.total_uncompressed_size for c in sizes if c.path_in_schema == "image.bytes")
            return first.num_rows, max(1, held)

    def _open(self, shard: str) -> tuple[pq.ParquetFile, NDArray[np.int64]]:
        if shard not in self._files:
            file = pq.ParquetFile(parquet_source(inside(self.root, shard)))
            read_metadata(str(self.root / shard), file.schema_arrow)
            counts = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            self._files[shard] = file, np.cumsum([0, *counts])
            if len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)[1][0].close()
        self._files.move_to_end(shard)
        return self._files[shard]

    def _group(self, shard: str, number: int, file: pq.ParquetFile) -> _Group:
        key = shard, number
        if key not in self._groups:
            self._groups[key] = group = _read(file, number)
            self._held += group.data.nbytes
            while self._held > self.cache_bytes and len(self._groups) > 1:
                self._held -= self._groups.popitem(last=False)[1].data.nbytes
        self._groups.move_to_end(key)
        return self._groups[key]


def _read(file: pq.ParquetFile, number: int) -> _Group:
    table = file.read_row_group(number, columns=[f"{IMAGE_COLUMN.name}.bytes"], use_threads=False)
    images = table[IMAGE_COLUMN.name].combine_chunks().field("bytes")
    _, offsets, data = images.buffers()
    ends = np.frombuffer(memoryview(offsets or b""), np.int32)[
        images.offset : images.offset + len(images) + 1
    ]
    return _Group(ends, np.frombuffer(memoryview(data), np.uint8) if data else np.empty(0, np.uint8))


@contextmanager
def _explain(path: Location) -> Iterator[None]:
    try:
        yield
    except (DatasetError, SchemaError, RemoteError):
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path}: this shard is missing; fetch the version again") from None
    except (OSError, KeyError, IndexError, ValueError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: cannot be read: {error}; fetch the version again") from error
