"""Opens a published version or a view of one: by its folder, or by the dataset's folder and LATEST."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import IMAGE_COLUMN, SchemaError, read_metadata
from manifests.files.advice import reading
from manifests.files.layout import IDENTITIES, LATEST, MANIFEST, VIEW
from manifests.files.remote import Location, location, parquet_source
from manifests.words import PalmforgeError

KEPT_OPEN = 3  # shards: rows in label order go to and fro between the files of the three splits


class DatasetError(PalmforgeError):
    """A folder that is no readable dataset; the message names it and says what to do."""


@dataclass(frozen=True)
class Version:
    """A published version, on this machine or on a remote store."""

    path: Path  # or a RemotePath
    metadata: dict[str, Any]  # schema_version, dataset, version, created_at, recipe_digest, content

    def rows(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The manifest in label order, one row an image, without the images."""
        return self._table(MANIFEST, columns)

    def identities(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row an identity with its parameters, in label order; all parameters take some 20 KB a row."""
        return self._table(IDENTITIES, columns)

    def _table(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        with reading(self.path / name):
            if (self.path / name).is_dir():  # Arrow would read it as a table of no files
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            source = parquet_source(self.path / name)
            return pq.read_table(source, columns=columns and list(columns), partitioning=None)

    @property
    def image_count(self) -> int:
        """Rows of the manifest, without reading them."""
        with reading(self.path / MANIFEST):
            return int(pq.read_metadata(parquet_source(self.path / MANIFEST)).num_rows)

    @property
    def identity_count(self) -> int:
        """Rows of identities.parquet, without reading them."""
        with reading(self.path / IDENTITIES):
            return int(pq.read_metadata(parquet_source(self.path / IDENTITIES)).num_rows)

    def images(self, rows: pa.Table) -> Iterator[bytes]:
        """The encoded images of manifest rows, in their order; reads only the row groups that hold them.

        Raises DatasetError naming sample and shard when one is not there.
        """
        root, opened = data_root(self.path), dict[str, _Shard]()
        for sample, shard, row in zip(
            *(rows[c].to_pylist() for c in ("sample_id", "shard", "row")), strict=True
        ):
            try:
                if shard not in opened:
                    opened = dict(list(opened.items())[1 - KEPT_OPEN :])
                    opened[shard] = _Shard(inside(root, shard))
                yield opened[shard].image(row)
            except (OSError, pa.ArrowException, IndexError) as error:
                raise DatasetError(f"{sample}: cannot be read from {root / shard}: {error}") from error


def columns_of(file: Location) -> list[str]:
    """The columns of a Parquet file. Raises DamagedError."""
    with reading(file):
        return list(pq.read_schema(parquet_source(file)).names)


class _Shard:
    """A data file of which the last used row group is kept."""

    def __init__(self, path: Location) -> None:
        self.file = pq.ParquetFile(parquet_source(path))
        groups = (self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups))
        self.starts = [0]
        for count in groups:
            self.starts.append(self.starts[-1] + count)
        self.group, self.images = -1, pa.array([], pa.binary())

    def image(self, row: int) -> bytes:
        if not 0 <= row < self.starts[-1]:
            raise IndexError(f"it has {self.starts[-1]} rows, not row {row}")
        group = next(g for g, end in enumerate(self.starts[1:]) if row < end)
        if group != self.group:
            table = self.file.read_row_group(group, columns=[f"{IMAGE_COLUMN.name}.bytes"])
            self.images = table[IMAGE_COLUMN.name].combine_chunks().field("bytes")
            self.group = group
        data: bytes = self.images[row - self.starts[group]].as_py()
        return data


def inside(root: Location, name: str) -> Path:
    """The file `name` of the version `root`. Raises DatasetError when the name leaves the version.

    Names are what a version says; links are how a copy is kept (a hub's cache, DVC, a shard on another disk),
    so they are followed: SHA256SUMS guards the bytes behind them.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
        raise DatasetError(f"{root}: the path {name!r} leaves the dataset; do not trust this copy")
    return location(root / name)


def data_root(folder: Path) -> Path:
    """The version whose data files the manifest in `folder` speaks of: itself, or what its view.json names.

    Raises DatasetError when a view's version is not there or no longer the one that was selected from.
    """
    if not (folder / VIEW).is_file():
        return folder
    try:
        view = json.loads((folder / VIEW).read_text(encoding="utf-8"))
        root, content = location(view["version"]), view["content"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder / VIEW}: damaged ({error}): select the view again") from None
    if not (root / MANIFEST).is_file():
        raise DatasetError(f"{folder / VIEW}: the version {root} is not there: mend the path or select again")
    if open_dataset(root).metadata.get("content") != content:
        raise DatasetError(f"{folder / VIEW}: {root} holds other content now: select again")
    return root


def version_folder(path: Location | str) -> Path:
    """The version at `path`, or the one that its LATEST names. Raises DatasetError when there is none.

    `path` may be an address such as s3://bucket/palms; RemoteError when its store cannot be reached.
    """
    path = location(path)
    if (path / LATEST).is_file():
        name = (path / LATEST).read_text(encoding="utf-8").strip()
        if not name or name.startswith(".") or "/" in name or not (path / name).is_dir():
            raise DatasetError(f"{path / LATEST} names {name!r}, which is no version in {path}")
        return path / name
    if not (path / MANIFEST).is_file():
        private = "; a private one needs HF_TOKEN" if str(path).startswith("hf://") else ""
        raise DatasetError(f"{path}: neither a version (no {MANIFEST}) nor a dataset (no {LATEST}){private}")
    return path


def open_dataset(path: Location | str) -> Version:
    """The version at `path`, or the newest one of the dataset at `path`; a local folder or an address.

    Raises DatasetError when there is none or it is damaged, SchemaError for an unknown schema version.
    """
    folder = version_folder(path)
    try:
        schema = pq.read_schema(parquet_source(folder / MANIFEST))
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{folder / MANIFEST}: damaged: {error}") from None
    return Version(folder, read_metadata(str(folder / MANIFEST), schema))


__all__ = [
    "DatasetError", "SchemaError", "Version",
    "columns_of", "data_root", "inside", "open_dataset", "version_folder",
]  # fmt: skip
