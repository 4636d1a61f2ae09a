"""Streams shards into the Parquet files of a version: data by split, manifest, identities."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import (
    DICTIONARY,
    IDENTITY_ONLY,
    IMAGE_COLUMN,
    PARAMETER_PREFIXES,
    STATISTICS,
    data_schema,
    identities_schema,
    manifest_schema,
)
from manifests.files.layout import DATA, IDENTITIES, MANIFEST
from manifests.publish.number import Numbering, Run
from manifests.publish.parts import Part, ahead, part_of
from manifests.publish.survey import ShardError, Survey, read, shard_fields

TABLE_GROUP_ROWS = 4096  # rows of a row group of the manifest
IDENTITY_GROUP_ROWS = 256  # of identities.parquet, whose rows hold all creases: some 20 KB each
PICTURE = f"{IMAGE_COLUMN.name}.bytes"  # the Parquet column of encoded images


def write_tables(
    shards: Sequence[Path | Part],
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
    (folder / DATA).mkdir()
    with _VersionWriter(folder, survey, constants, metadata) as version:
        for table in ahead(_checked(shards, fields, survey.batch_rows)):
            version.add(table)


def _checked(
    shards: Sequence[Path | Part], fields: Sequence[pa.Field], batch_rows: int
) -> Iterator[pa.Table]:
    for shard in shards:
        for table in read(shard, fields, batch_rows):
            _check_images(part_of(shard).path, table)
            yield table


def _check_images(shard: Path, table: pa.Table) -> None:
    images = table.column(IMAGE_COLUMN.name).combine_chunks().field("bytes")
    for sample, wanted, image in zip(table["sample_id"], table["sha256"], images, strict=True):
        if hashlib.sha256(image.as_buffer() or b"").hexdigest() != wanted.as_py():
            raise ShardError(
                f"{shard}: {sample}: the image does not match its sha256. "
                "Run the same command again: it makes this shard anew"
            )


def _compression(schema: pa.Schema) -> str | dict[str, str]:
    """Zstandard, but for encoded images: they are compressed already."""
    if IMAGE_COLUMN.name not in schema.names:
        return "zstd"
    leaves = {IMAGE_COLUMN.name: f"{IMAGE_COLUMN.name}.path"}
    leaves |= {field.name: f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)}
    return {**{leaves.get(name, name): "zstd" for name in schema.names}, PICTURE: "none"}


@dataclass
class _TableWriter:
    """One Parquet file that is written in row groups of `group_rows` at most; the last two are alike.

    Pages end where the content says (content-defined chunking), so that a store of chunks, as the Hugging
    Face hub is one, keeps of the next version only what is new; images are stored as they are.
    """

    path: Path
    schema: pa.Schema
    group_rows: int
    held: list[pa.Table] = field(default_factory=list)
    held_rows: int = 0

    def __post_init__(self) -> None:
        texts = {
            f.name for f in self.schema if f.type == pa.string() and f.name.startswith(PARAMETER_PREFIXES)
        }
        self.writer = pq.ParquetWriter(
            self.path,
            self.schema,
            compression=_compression(self.schema),
            column_encoding={PICTURE: "PLAIN"} if IMAGE_COLUMN.name in self.schema.names else None,
            use_dictionary=[n for n in self.schema.names if n in DICTIONARY or n in texts],
            write_statistics=[n for n in self.schema.names if n in STATISTICS],
            write_page_index=True,
            write_page_checksum=True,
            use_content_defined_chunking=True,
        )

    def add(self, table: pa.Table) -> None:
        self.held.append(table)
        self.held_rows += table.num_rows
        while self.held_rows >= 2 * self.group_rows:
            self._write(self.group_rows)

    def _write(self, count: int) -> None:
        table = pa.concat_tables(self.held)
        self.writer.write_table(table.slice(0, count).combine_chunks(), row_group_size=count)
        rest = table.slice(count)
        self.held, self.held_rows = [rest], rest.num_rows

    def close(self) -> None:
        if self.held_rows > self.group_rows:
            self._write(self.held_rows // 2)
        if self.held_rows:
            self._write(self.held_rows)
        self.writer.close()

    def abandon(self) -> None:
        """Let go of a file that will be deleted; on a full disk even closing it fails."""
        with contextlib.suppress(OSError):
            self.writer.close()


class _VersionWriter:
    """All Parquet files of a version, written in one pass in plan order."""

    def __init__(
        self, folder: Path, survey: Survey, constants: Mapping[str, str | None], metadata: Mapping[str, Any]
    ) -> None:
        self.folder, self.constants, self.group_rows = folder, constants, survey.group_rows
        self.numbering = Numbering(survey)
        self.schema = data_schema(survey.parameters, metadata)
        listed, single = (make(survey.parameters, metadata) for make in (manifest_schema, identities_schema))
        self.manifest = _TableWriter(folder / MANIFEST, listed, TABLE_GROUP_ROWS)
        self.identities = _TableWriter(folder / IDENTITIES, single, IDENTITY_GROUP_ROWS)
        self.data: dict[str, tuple[str, _TableWriter]] = {}  # split: its current shard
        self.open: list[dict[str, Any]] = []  # rows of identities.parquet; the last may get more images

    def __enter__(self) -> "_VersionWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        writers = [*(writer for _, writer in self.data.values()), self.manifest, self.identities]
        try:
            if error is None:
                self._write_identities(self.open)
                for writer in writers:
                    writer.close()
        finally:
            for writer in writers:
                writer.abandon()

    def add(self, rows: pa.Table) -> None:
        """Further rows in plan order."""
        runs = list(self.numbering.runs(rows["identity_id"].to_pylist(), rows["split"].to_pylist()))
        table = self._complete(rows, runs)
        plain = table.select(self.manifest.schema.names).replace_schema_metadata(
            self.manifest.schema.metadata
        )
        self.manifest.add(plain)
        self._add_identities(plain, rows, runs)
        for shard in dict.fromkeys(run.shard for run in runs):
            places = [np.arange(run.start, run.start + run.count) for run in runs if run.shard == shard]
            self._writer(shard).add(table.take(np.concatenate(places)))

    def _complete(self, rows: pa.Table, runs: Sequence[Run]) -> pa.Table:
        """The rows with every column of the schema."""
        counts = [run.count for run in runs]
        written = {
            "label": pa.array(np.repeat([run.label for run in runs], counts)),
            "split_label": pa.array(np.repeat([run.split_label for run in runs], counts)),
            "file_name": rows[IMAGE_COLUMN.name].combine_chunks().field("path"),
            "shard": pa.array(np.repeat([run.shard for run in runs], counts).tolist(), pa.string()),
            "row": pa.array(np.concatenate([np.arange(run.row, run.row + run.count) for run in runs])),
        }
        for name, value in self.constants.items():
            if name not in rows.schema.names or rows[name].null_count == rows.num_rows:
                written[name] = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
        columns = [written[name] if name in written else rows[name] for name in self.schema.names]
        return pa.table(columns, schema=self.schema)

    def _add_identities(self, plain: pa.Table, rows: pa.Table, runs: Sequence[Run]) -> None:
        names = [name for name in self.identities.schema.names if name != "images"]
        firsts = pa.array([run.start for run in runs if run.begins], pa.int64())
        columns = [(rows if name in IDENTITY_ONLY else plain)[name].take(firsts) for name in names]
        begun = iter(pa.table(columns, names=names).to_pylist())
        for run in runs:
            if run.begins:
                self.open.append({**next(begun), "images": 0})
            self.open[-1]["images"] += run.count
        self._write_identities(self.open[:-1])
        self.open = self.open[-1:]

    def _write_identities(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.identities.add(pa.Table.from_pylist(rows, schema=self.identities.schema))

    def _writer(self, shard: str) -> _TableWriter:
        """The writer of a data file; the file before it in its split is whole then."""
        split = shard.rpartition("-of-")[0].rpartition("-")[0]
        name, writer = self.data.get(split, ("", None))
        if name != shard:
            if writer:
                writer.close()
            writer = _TableWriter(self.folder / shard, self.schema, self.group_rows)
            self.data[split] = (shard, writer)
        assert writer is not None
        return writer
