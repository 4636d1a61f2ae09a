"""Draws shards of whole identities, in as many processes as asked for, and keeps those that are done."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files.layout import explain_write_errors, fsync_file
from manifests.recipe import Recipe
from palm_models.engines.base import Drawer
from tasks.draw.augment import Augmenter
from tasks.draw.plan import PlannedShard, generation_digest, make_engine, shards
from tasks.draw.samples import draw_identity, row_of
from tasks.work.logs import bound
from tasks.work.stage import Stage, Work
from tasks.workers.parallel import RunnerError
from tasks.workers.runner import Workers, run

Progress = Callable[[int, int], None]
GROUP_ROWS, GROUP_BYTES = 256, 16 << 20  # a row group of a shard is written when it has so many rows or bytes
UNLIKE = ("sample_id", "file_name", "sha256", "image", "landmarks", "capture_seed")  # no value twice


def generate(
    recipe: Recipe,
    work: Work,
    checkpoint: Path | None,
    checkpoint_digest: str,
    progress: Progress,
    asked: Iterable[PlannedShard] | None = None,
) -> list[Path]:
    """Draw what is missing of the shards `asked` for (else the recipe's); returns their files in this order.

    A worker that dies (out of memory, killed) costs its shard only: it is tried once more, and the rest is
    drawn. Raises RunnerError naming the shards that failed twice, or when the workers cannot be reached.
    """
    stage = work.stage("shards", generation_digest(recipe, checkpoint_digest))
    # A plan is walked through, never held: of a million identities only the names of shards are.
    planned = partial(shards, recipe) if asked is None else list(asked).__iter__
    names = [shard.name for shard in planned()]
    missing = {name for name in names if not Stage(stage.path / name).is_whole()}
    finished, failed = len(names) - len(missing), list[str]()
    if first := sum("-more-" not in name for name in names):
        stage.plan(first)  # told by `palmforge status`; replacements come beside them
    progress(finished, len(names))
    job = partial(_draw_in_worker, stage.path.absolute())
    setup = partial(_set_up, recipe, checkpoint and checkpoint.absolute())
    wanted = (shard for shard in planned() if shard.name in missing)
    for name, whole in run(job, wanted, setup=setup, workers=Workers.of(recipe), lost=_lost):
        if not whole:
            failed.append(name)
        elif not Stage(stage.path / name).is_done():
            raise RunnerError(
                f"{name} was drawn but is not in {stage.path}: "
                "the Dask workers must see this same folder (a shared file system)"
            )
        finished += whole
        progress(finished, len(names))
    if failed:
        raise RunnerError(
            f"shards {', '.join(failed)} lost their worker twice: fewer engine.workers need less memory"
        )
    return [stage.path / name / "shard.parquet" for name in names]


def _lost(shard: PlannedShard) -> tuple[str, bool]:
    return shard.name, False


def _set_up(recipe: Recipe, checkpoint: Path | None) -> tuple[Recipe, Drawer]:
    return recipe, make_engine(recipe, checkpoint)


def _draw_in_worker(folder: Path, state: tuple[Recipe, Drawer], shard: PlannedShard) -> tuple[str, bool]:
    stage = Stage(folder / shard.name)
    if not stage.is_done():  # Dask asks again for what a dead worker had finished
        stage.path.mkdir(parents=True, exist_ok=True)
        draw_shard(*state, shard, stage)
    return shard.name, True


def draw_shard(recipe: Recipe, engine: Drawer, shard: PlannedShard, stage: Stage) -> None:
    """Draw one shard into `stage`: the Parquet file first, its marker last."""
    file = stage.path / "shard.parquet"
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
        stage.finish([file], {"images": count, **{k: round(v, 3) for k, v in seconds.items()}})


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

    def __enter__(self) -> "_Rows":
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
