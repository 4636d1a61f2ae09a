"""Parts: which rows of which shards are published, in which order, with what the gates measured."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Some rows of a shard; a shard may come in several parts, so that an identity's rows stand together.

    rows: their numbers in the shard, ascending, None for all of them; scores: further columns, a row each.
    """

    path: Path
    rows: NDArray[np.int64] | None = None
    scores: pa.Table | None = None


def part_of(shard: Path | Part) -> Part:
    """A whole shard as a part."""
    return shard if isinstance(shard, Part) else Part(shard)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each made by a thread while the one before it is used: Arrow reads and hashes unlocked."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def batches(part: Part, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
    """The rows of a part with those of `columns` that they have; reads only the row groups that hold some."""
    known = part.scores.column_names if part.scores else []
    with pq.ParquetFile(part.path) as file:
        there = set(file.schema_arrow.names)  # made anew each time it is asked for
        stored = [c for c in columns if c in there and c not in known]
        groups, places = _places(file, part.rows)
        taken, start = 0, 0
        for batch in file.iter_batches(batch_rows, row_groups=groups, columns=stored, use_threads=False):
            table = pa.Table.from_batches([batch])  # pa.table() would tie all columns' memory together
            if places is not None:
                held = places[(places >= start) & (places < start + batch.num_rows)] - start
                table = table.take(held)
            start += batch.num_rows
            for name in known:
                if name in columns and part.scores:
                    table = table.append_column(name, part.scores[name].slice(taken, table.num_rows))
            taken += table.num_rows
            if table.num_rows:
                yield table


def _places(
    file: pq.ParquetFile, rows: NDArray[np.int64] | None
) -> tuple[list[int], NDArray[np.int64] | None]:
    """The row groups that hold `rows`, and where the rows stand in these alone."""
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    if rows is None:
        return list(range(len(counts))), None
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    group = np.searchsorted(starts, rows, side="right") - 1
    groups = np.unique(group)
    before = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64)[groups])])
    return groups.tolist(), rows - starts[group] + before[np.searchsorted(groups, group)]
