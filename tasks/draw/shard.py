"""Draws one shard into a Parquet file: a row group at a time, aside, and renamed when it is whole."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files.layout import explain_write_errors, fsync_file
from tasks.draw.augment import Augmenter
from tasks.draw.samples import draw_identity, row_of
from tasks.work.logs import bound

if TYPE_CHECKING:
    from pathlib import Path

    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer
    from tasks.draw.plan import PlannedShard
    from tasks.work.place import Place

GROUP_ROWS, GROUP_BYTES = 256, 16 << 20  # a row group of a shard is written when it has so many rows or bytes
UNLIKE = ("sample_id", "file_name", "sha256", "image", "landmarks", "capture_seed")  # no value twice


def draw_shard(recipe: Recipe, engine: Drawer, shard: PlannedShard, place: Place) -> None:
    """Draw one shard into `place`: the Parquet file first, its marker last."""
    file = place.path / "shard.parquet"
    partial_file = file.with_suffix(f".{os.getpid()}.partial")
    began = time.monotonic()
    with bound(shard=shard.name), explain_write_errors(file):
        try:
            count, drawing = _write(recipe, engine, shard, partial_file)
            fsync_file(partial_file)
            partial_file.replace(file)
        except BaseException:
            partial_file.unlink(missing_ok=True)
            raise
        seconds = {"seconds": time.monotonic() - began, "engine_seconds": drawing}
        place.finish([file], {"images": count, **{k: round(v, 3) for k, v in seconds.items()}})


def _write(recipe: Recipe, engine: Drawer, shard: PlannedShard, file: Path) -> tuple[int, float]:
    """Draw the shard into a new Parquet file; returns its number of images and the seconds of the engine."""
    transforms = [t.model_dump() for t in recipe.augment.transforms]
    augmenter = Augmenter(transforms) if recipe.augment.copies else None
    count, drawing = 0, 0.0
    with _Rows(file) as rows:
        for planned, captures in zip(shard.identities, shard.captures, strict=True):
            with bound(identity=planned.identity_id):
                began = time.monotonic()
                samples = list(draw_identity(recipe, engine, planned, captures, augmenter))
                drawing += time.monotonic() - began
                rows.add([row_of(recipe, engine, sample) for sample in samples])
            count += len(samples)
    return count, drawing


class _Rows:
    """A Parquet file that grows by rows: about a hundred columns cost little when many rows share a group."""

    def __init__(self, file: Path) -> None:
        self.file, self.held, self.bytes = file, list[dict[str, Any]](), 0
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Rows:
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        self.held += rows
        self.bytes += sum(len(row["image"]["bytes"]) for row in rows)
        if len(self.held) >= GROUP_ROWS or self.bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_pylist(self.held)
        if self.writer is None:
            repeated = [name for name in table.schema.names if name not in UNLIKE]
            self.writer = pq.ParquetWriter(
                self.file, table.schema, compression="zstd", use_dictionary=repeated, write_statistics=False
            )
        self.writer.write_table(table.cast(self.writer.schema))
        self.held, self.bytes = [], 0

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None and self.held:
                self._flush()
        finally:
            if self.writer:
                self.writer.close()
