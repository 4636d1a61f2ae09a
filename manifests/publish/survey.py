"""Reads what shards hold before a version is written: counts, parameter columns, a digest of it all."""

import contextlib
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import (
    COLUMNS,
    SCHEMA_VERSION,
    WRITTEN,
    SchemaError,
    check_shard,
    parameter_fields,
)
from manifests.files.layout import SPLITS
from manifests.publish.parts import Part, ahead, batches, part_of
from manifests.words import PalmforgeError

GROUP_ROWS = 100  # images in a row group at most: what the Hugging Face viewer reads at once
GROUP_BYTES = 64 << 20  # a row group of large images is cut here
BATCH_ROWS, BATCH_BYTES = 1024, 16 << 20  # of rows read at once, one of them at most
FILE_BYTES = 256 << 20  # a data file is about this large at most
FILES_PER_SPLIT = 8  # at least so many when there is a row group for each: loader workers share files out


class ShardError(PalmforgeError):
    """A shard that cannot be published; the message names the file and what to do."""


@dataclass(frozen=True)
class Survey:
    """What a version will hold."""

    parameters: list[pa.Field]
    content: str  # sha256 of every value but the images, which are in it by their own sha256
    rows: dict[str, int]  # images of each split
    identities: dict[str, int]  # identities of each split
    image_bytes: int  # of all images

    @property
    def group_rows(self) -> int:
        """Images in a row group."""
        mean = self.image_bytes / max(1, sum(self.rows.values()))
        return max(1, min(GROUP_ROWS, int(GROUP_BYTES / max(1.0, mean))))

    @property
    def batch_rows(self) -> int:
        """Images that are read at once: many columns cost little when many rows share a batch."""
        mean = self.image_bytes / max(1, sum(self.rows.values()))
        return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(1.0, mean))))

    def files(self, split: str) -> int:
        """Data files of a split, each of whole identities."""
        share = self.rows[split] / max(1, sum(self.rows.values()))
        by_size = math.ceil(self.image_bytes * share / FILE_BYTES)
        wanted = max(by_size, min(FILES_PER_SPLIT, self.rows[split] // GROUP_ROWS), 1)
        return min(wanted, self.identities[split])


@dataclass
class _Counts:
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    identities: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    seen: set[str] = field(default_factory=set)
    split_of_subject: dict[str, str] = field(default_factory=dict)
    current: tuple[str, str, str] | None = None  # identity, subject, split of the row before

    def add(self, file: Path, key: tuple[str, str, str], count: int) -> None:
        identity, subject, split = key
        if split not in SPLITS:
            raise ShardError(f"{file}: {identity}: unknown split {split!r}; valid: {', '.join(SPLITS)}")
        if key != self.current:
            if identity in self.seen:
                raise ShardError(f"{file}: {identity} appears twice; the rows of an identity stand together")
            if self.split_of_subject.setdefault(subject, split) != split:
                raise ShardError(f"{file}: subject {subject} is in two splits")
            self.seen.add(identity)
            self.identities[split] += 1
            self.current = key
        self.rows[split] += count


def survey(shards: Sequence[Path | Part], recipe_digest: str) -> Survey:
    """Read all columns but the images, part by part; memory grows by the ids of identities only.

    Raises ShardError or SchemaError naming the shard that cannot be published.
    """
    image_bytes = 0

    def schemas() -> Iterator[tuple[str, pa.Schema]]:
        nonlocal image_bytes
        for part in map(part_of, shards):
            schema, size = _footer(part)
            check_shard(str(part.path), schema)
            image_bytes += size
            yield str(part.path), schema

    parameters = parameter_fields(schemas())
    counts, digest = _Counts(), hashlib.sha256(f"{SCHEMA_VERSION} {recipe_digest}".encode())
    fields = shard_fields(parameters)
    for path, table in ahead((p.path, t) for p in map(part_of, shards) for t in _even(p, read(p, fields))):
        _hash(digest, table)
        for key, count in _runs(table):
            counts.add(path, key, count)
    if not counts.seen:
        raise ShardError("there are no images to publish: every shard is empty")
    return Survey(parameters, digest.hexdigest(), counts.rows, counts.identities, image_bytes)


def _footer(part: Part) -> tuple[pa.Schema, int]:
    """Schema of a part's shard, and about how many compressed bytes the part's images have."""
    with _explain(part.path), pq.ParquetFile(part.path) as file:
        metadata = file.metadata
        paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        image = paths.index("image.bytes") if "image.bytes" in paths else 0
        groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
        size = sum(group.column(image).total_compressed_size for group in groups)
        share = 1.0 if part.rows is None else len(part.rows) / max(1, metadata.num_rows)
        return file.schema_arrow, round(size * share)


@contextlib.contextmanager
def _explain(shard: Path) -> Iterator[None]:
    """Turn an error while reading a shard into a ShardError that names it."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ShardError(
            f"{shard}: unreadable shard: {error}. Run the same command again: it makes this shard anew"
        ) from error


def shard_fields(parameters: Iterable[pa.Field]) -> list[pa.Field]:
    """The columns that are taken from shards, typed as they are published."""
    return [pa.field(c.name, c.type) for c in COLUMNS if c.name not in WRITTEN] + list(parameters)


def read(shard: Path | Part, fields: Sequence[pa.Field], batch_rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Batches of a part with the given columns and types; a column that it lacks is null.

    Raises ShardError naming the shard when it is unreadable, SchemaError when a type does not fit.
    """
    part, schema = part_of(shard), pa.schema(fields)
    with _explain(part.path):
        for batch in batches(part, schema.names, batch_rows):
            held = dict(zip(batch.schema.names, batch.columns, strict=True))
            try:
                columns = [_column(held.get(f.name), f.type, batch.num_rows) for f in fields]
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise SchemaError(f"{part.path}: a column has a type that does not fit: {error}") from None
            yield pa.table(columns, schema=schema)


def _column(held: pa.ChunkedArray | None, wanted: pa.DataType, rows: int) -> pa.ChunkedArray:
    if held is None:
        return pa.chunked_array([pa.nulls(rows, wanted)])
    return held if held.type == wanted else held.cast(wanted)


def _hash(digest: "hashlib._Hash", table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    digest.update(sink.getvalue())


def _even(part: Part, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The rows in batches of BATCH_ROWS, so that the digest tells rows and not how their file is cut."""
    if part.rows is None:
        yield from tables  # they come so already
        return
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows >= BATCH_ROWS:
            joined = pa.concat_tables(held)
            yield joined.take(np.arange(BATCH_ROWS))  # in memory of its own: a slice would carry its rest
            held, rows = [joined.slice(BATCH_ROWS)], rows - BATCH_ROWS
    if rows:
        yield pa.concat_tables(held).take(np.arange(rows))


def _runs(table: pa.Table) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Identity, subject and split of consecutive rows that share them, with the number of these rows."""
    identity, subject, split = (table[c].to_pylist() for c in ("identity_id", "subject_id", "split"))
    for key, group in groupby(zip(identity, subject, split, strict=True)):
        yield key, sum(1 for _ in group)
