"""Draws shards of whole identities, in as many processes as asked for, and keeps those that are done."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.recipe import Recipe
from palm_models.engine import Engine
from tasks.augment import Augmenter
from tasks.parallel import available_cores, die_with_parent
from tasks.plan import PlannedShard, generation_digest, make_engine, shards
from tasks.samples import draw_identity, row_of
from tasks.work import Stage, Work

Progress = Callable[[int, int], None]


def generate(
    recipe: Recipe,
    work: Work,
    checkpoint: Path | None,
    checkpoint_digest: str,
    progress: Progress,
    asked: Iterable[PlannedShard] | None = None,
) -> list[Path]:
    """Draw what is missing of the shards `asked` for (else the recipe's); returns their files in this order.

    A worker that dies (out of memory, killed) costs its shard only: the rest is drawn, then it is tried
    once more in a fresh pool. Raises RuntimeError naming the shards that failed twice.
    """
    stage = work.stage("shards", generation_digest(recipe, checkpoint_digest))
    planned = list(shards(recipe) if asked is None else asked)
    done = sum(_stage_of(stage, s).is_done() for s in planned)
    progress(done, len(planned))
    for _ in range(2):
        missing = [s for s in planned if not _stage_of(stage, s).is_done()]
        if not missing:
            break
        _draw_all(recipe, checkpoint, stage, missing, lambda n: progress(n, len(planned)), len(planned))
    failed = [s.name for s in planned if not _stage_of(stage, s).is_done()]
    if failed:
        names = ", ".join(failed)
        raise RuntimeError(f"shards {names} lost their worker twice: fewer engine.workers need less memory")
    return [_file_of(stage, s) for s in planned]


def _stage_of(stage: Stage, shard: PlannedShard) -> Stage:
    return Stage(stage.path / shard.name)


def _file_of(stage: Stage, shard: PlannedShard) -> Path:
    return stage.path / shard.name / "shard.parquet"


def _draw_all(
    recipe: Recipe,
    checkpoint: Path | None,
    stage: Stage,
    missing: Sequence[PlannedShard],
    report: Callable[[int], None],
    total: int,
) -> None:
    workers = min(recipe.engine.workers or available_cores(), len(missing))
    finished = total - len(missing)
    # Spawned, one thread each: forked torch hangs, and OpenMP threads of several processes fight for cores.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (recipe, checkpoint)) as pool:
        jobs = [pool.submit(_draw_in_worker, shard, _stage_of(stage, shard).path) for shard in missing]
        try:
            for job in as_completed(jobs):
                job.result()
                finished += 1
                report(finished)
        except BrokenProcessPool:
            return
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_worker: dict[str, Any] = {}


def _start_worker(recipe: Recipe, checkpoint: Path | None) -> None:
    import cv2

    die_with_parent()
    cv2.setNumThreads(1)
    if recipe.engine.name != "renderer":
        import torch

        torch.set_num_threads(1)
    _worker["recipe"], _worker["engine"] = recipe, make_engine(recipe, checkpoint)


def _draw_in_worker(shard: PlannedShard, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw_shard(_worker["recipe"], _worker["engine"], shard, Stage(folder))


def draw_shard(recipe: Recipe, engine: Engine, shard: PlannedShard, stage: Stage) -> None:
    """Draw one shard into `stage`: the Parquet file first, its marker last."""
    file = stage.path / "shard.parquet"
    partial_file = file.with_suffix(f".{os.getpid()}.partial")
    transforms = [t.model_dump() for t in recipe.augment.transforms]
    augmenter = Augmenter(transforms) if recipe.augment.copies else None
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for planned, captures in zip(shard.identities, shard.captures, strict=True):
            samples = draw_identity(recipe, engine, planned, captures, augmenter)
            rows = [row_of(recipe, engine, sample) for sample in samples]
            table = pa.Table.from_pylist(rows)
            writer = writer or pq.ParquetWriter(partial_file, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            count += len(rows)
    finally:
        if writer:
            writer.close()
    with partial_file.open("rb") as handle:
        os.fsync(handle.fileno())
    partial_file.replace(file)
    stage.finish([file], {"images": count})
