"""Scored shards read back: as candidates to decide about, and as parts to publish."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import JUDGED
from manifests.publish.parts import Part
from tasks.draw.plan import PlannedShard
from tasks.judge.candidate import Candidate, Rows, Verdict


@dataclass(frozen=True)
class Scored:
    """One shard with its pictures and the folder of their scores."""

    planned: PlannedShard
    file: Path
    scores: Path


def candidates(scored: Iterable[Scored], *, referenced: bool) -> list[Candidate]:
    """All identities with all that was drawn of them, ascending; the first shard of each has its template."""
    held: dict[int, list[tuple[pa.Table, np.ndarray, np.ndarray]]] = {}
    for s in scored:
        table, templates = pq.read_table(s.scores / "scores.parquet"), np.load(s.scores / "templates.npy")
        vectors = np.stack(list(table["embedding"].to_numpy())).astype(np.float32)
        indices, table = table["index"].to_numpy(), table.drop_columns("embedding")
        for planned, template in zip(s.planned.identities, templates, strict=True):
            own = np.flatnonzero(indices == planned.index)
            held.setdefault(planned.index, []).append((table.take(own), vectors[own], template))
    return [
        Candidate(
            index,
            tables[0][0]["identity_id"][0].as_py(),
            Rows(pa.concat_tables([table for table, _, _ in tables], promote_options="permissive")),
            np.concatenate([vectors for _, vectors, _ in tables]),
            tables[0][2],
            referenced,
        )
        for index, tables in sorted(held.items())
    ]


def places(scored: Iterable[Scored]) -> dict[int, list[tuple[Path, int]]]:
    """Where each identity's pictures are, by its index: (shard, row), in the order of its candidate."""
    found: dict[int, list[tuple[Path, int]]] = {}
    for s in scored:
        indices = pq.read_table(s.scores / "scores.parquet", columns=["index"])["index"].to_pylist()
        for row, index in enumerate(indices):
            found.setdefault(index, []).append((s.file, row))
    return found


def parts(verdicts: Iterable[Verdict], where: Mapping[int, list[tuple[Path, int]]]) -> Iterator[Part]:
    """The accepted pictures: consecutive ones of one shard as one part."""
    for file, group in groupby(_accepted(verdicts, where), key=lambda held: held[0]):
        rows = list(group)
        columns = zip(*(scores for _, _, scores in rows), strict=True)
        scores = pa.table({n: pa.array(c, pa.float32()) for n, c in zip(JUDGED, columns, strict=True)})
        yield Part(file, np.array([row for _, row, _ in rows], np.int64), scores)


def _accepted(
    verdicts: Iterable[Verdict], where: Mapping[int, list[tuple[Path, int]]]
) -> Iterator[tuple[Path, int, tuple[float | None, ...]]]:
    for verdict in (v for v in verdicts if v.state == "accepted"):
        none = [None] * len(verdict.faults)
        scores = zip(*(verdict.scores.get(name, none) for name in JUDGED), strict=True)
        for (file, row), fault, own in zip(
            where[verdict.candidate.index], verdict.faults, scores, strict=True
        ):
            if fault is None:
                yield file, row, own
