"""Streams shards into the Parquet files of a version: data by split, manifest, identities."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.layout import IDENTITIES, MANIFEST, SPLITS, shard_name
from manifests.schema import (
    DICTIONARY,
    IMAGE_COLUMN,
    PARAMETER_PREFIXES,
    STATISTICS,
    data_schema,
    identities_schema,
    manifest_schema,
)
from manifests.survey import ShardError, Survey, read, shard_fields

TABLE_GROUP_ROWS = 8192  # rows of a row group where there are no images
SMALLEST_GROUP = 100 / 128  # of a full row group: the last one of a file is not left smaller


def write_tables(
    shards: Sequence[Path],
    folder: Path,
    survey: Survey,
    constants: Mapping[str, str | None],
    metadata: Mapping[str, Any],
) -> None:
    """Write data/, manifest.parquet and identities.parquet of a version into `folder`.

    The same shards and arguments give the same bytes. `constants` are columns with one value for all rows
    (dataset_version, created_at, and source_dataset and source_license where the shards have none);
    `metadata` goes into the Parquet key-value metadata. Memory does not grow with the number of images.
    Raises ShardError naming shard and sample when an image's bytes do not match its sha256.
    """
    fields = [*shard_fields(survey.parameters), pa.field(IMAGE_COLUMN.name, IMAGE_COLUMN.type)]
    with _VersionWriter(folder, survey, constants, metadata) as version:
        for shard in shards:
            for table in read(shard, fields, survey.group_rows):
                _check_images(shard, table)
                for identity_rows in _split_by_identity(table):
                    version.add(identity_rows)


def _check_images(shard: Path, table: pa.Table) -> None:
    images = table.column(IMAGE_COLUMN.name).combine_chunks().field("bytes")
    for sample, wanted, image in zip(table["sample_id"], table["sha256"], images, strict=True):
        if hashlib.sha256(image.as_buffer()).hexdigest() != wanted.as_py():
            raise ShardError(
                f"{shard}: {sample}: the image does not match its sha256. "
                "Delete the shard's folder and run the same command again"
            )


def _split_by_identity(table: pa.Table) -> Iterator[pa.Table]:
    start = 0
    for _, group in groupby(table["identity_id"].to_pylist()):
        count = sum(1 for _ in group)
        yield table.slice(start, count)
        start += count


@dataclass
class _TableWriter:
    """One Parquet file that is written in row groups of `group_rows`; the last is never much smaller."""

    path: Path
    schema: pa.Schema
    group_rows: int
    held: list[pa.Table] = field(default_factory=list)
    held_rows: int = 0
    rows: int = 0

    def __post_init__(self) -> None:
        texts = {
            f.name for f in self.schema if f.type == pa.string() and f.name.startswith(PARAMETER_PREFIXES)
        }
        self.writer = pq.ParquetWriter(
            self.path,
            self.schema,
            compression="zstd",
            use_dictionary=[n for n in self.schema.names if n in DICTIONARY or n in texts],
            write_statistics=[n for n in self.schema.names if n in STATISTICS],
            write_page_index=True,
            write_page_checksum=True,
        )

    def add(self, table: pa.Table) -> None:
        self.held.append(table)
        self.held_rows += table.num_rows
        self.rows += table.num_rows
        while self.held_rows >= self.group_rows + max(1, int(self.group_rows * SMALLEST_GROUP)):
            self._write(self.group_rows)

    def _write(self, count: int) -> None:
        table = pa.concat_tables(self.held)
        self.writer.write_table(table.slice(0, count).combine_chunks(), row_group_size=count)
        rest = table.slice(count)
        self.held, self.held_rows = [rest], rest.num_rows

    def close(self) -> None:
        if self.held_rows:
            self._write(self.held_rows)
        self.writer.close()

    def abandon(self) -> None:
        """Let go of a file that will be deleted; on a full disk even closing it fails."""
        with contextlib.suppress(OSError):
            self.writer.close()


@dataclass
class _SplitWriter:
    """The data files of one split, filled one after the other with whole identities."""

    folder: Path
    split: str
    schema: pa.Schema
    group_rows: int
    files: int
    identities: int
    label: int = -1
    current: _TableWriter | None = None
    name: str = ""

    def start_identity(self) -> None:
        self.label += 1
        name = shard_name(self.split, self.label * self.files // self.identities, self.files)
        if name != self.name:
            self.close()
            self.name = name
            self.current = _TableWriter(self.folder / name, self.schema, self.group_rows)

    def add(self, table: pa.Table) -> None:
        assert self.current is not None
        self.current.add(table)

    @property
    def next_row(self) -> int:
        return self.current.rows if self.current else 0

    def close(self) -> None:
        if self.current:
            self.current.close()
        self.current = None

    def abandon(self) -> None:
        if self.current:
            self.current.abandon()


class _VersionWriter:
    """All Parquet files of a version, written in one pass in plan order."""

    def __init__(
        self, folder: Path, survey: Survey, constants: Mapping[str, str | None], metadata: Mapping[str, Any]
    ) -> None:
        self.constants = constants
        self.schema = data_schema(survey.parameters, metadata)
        self.identity, self.label = "", -1
        self.identity_row: dict[str, Any] = {}
        (folder / shard_name("train", 0, 1)).parent.mkdir(parents=True, exist_ok=True)
        self.splits = {
            split: _SplitWriter(
                folder, split, self.schema, survey.group_rows, survey.files(split), survey.identities[split]
            )
            for split in SPLITS
            if survey.rows[split]
        }
        self.manifest = _TableWriter(
            folder / MANIFEST, manifest_schema(survey.parameters, metadata), TABLE_GROUP_ROWS
        )
        self.identities = _TableWriter(
            folder / IDENTITIES, identities_schema(survey.parameters, metadata), TABLE_GROUP_ROWS
        )
        self.finished: list[dict[str, Any]] = []

    def __enter__(self) -> "_VersionWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        writers: list[_SplitWriter | _TableWriter] = [*self.splits.values(), self.manifest, self.identities]
        if error is None:
            self._finish_identity()
            self._write_identities()
            for writer in writers:
                writer.close()
        for writer in writers:
            writer.abandon()

    def add(self, rows: pa.Table) -> None:
        """Rows of one identity; those of one identity may come in several calls after one another."""
        first = rows.slice(0, 1).drop_columns([IMAGE_COLUMN.name]).to_pylist()[0]
        split = self.splits[first["split"]]
        if first["identity_id"] != self.identity:
            self._finish_identity()
            self.identity, self.label = first["identity_id"], self.label + 1
            split.start_identity()
            self.identity_row = {**first, "label": self.label, "split_label": split.label, "images": 0}
        table = self._complete(rows, split)
        split.add(table)
        self.manifest.add(table.select(self.manifest.schema.names).cast(self.manifest.schema))
        self.identity_row["images"] += rows.num_rows

    def _complete(self, rows: pa.Table, split: _SplitWriter) -> pa.Table:
        """The rows with every column of the schema."""
        count, start = rows.num_rows, split.next_row
        written = {
            "label": pa.repeat(pa.scalar(self.label, pa.int64()), count),
            "split_label": pa.repeat(pa.scalar(split.label, pa.int64()), count),
            "file_name": rows[IMAGE_COLUMN.name].combine_chunks().field("path"),
            "shard": pa.repeat(split.name, count),
            "row": pa.array(range(start, start + count), pa.int64()),
        }
        for name, value in self.constants.items():
            if name not in rows.schema.names or rows[name].null_count == count:
                written[name] = pa.repeat(pa.scalar(value, pa.string()), count)
        columns = [written[n] if n in written else rows[n] for n in self.schema.names]
        return pa.table(columns, schema=self.schema)

    def _finish_identity(self) -> None:
        if self.identity:
            self.finished.append({n: self.identity_row.get(n) for n in self.identities.schema.names})
        if len(self.finished) >= TABLE_GROUP_ROWS:
            self._write_identities()

    def _write_identities(self) -> None:
        self.identities.add(pa.Table.from_pylist(self.finished, schema=self.identities.schema))
        self.finished = []
