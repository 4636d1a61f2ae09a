"""Scores one shard: the embedding of each picture, and what every gate measures of it."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.images import decode
from manifests.files.layout import atomic_write
from manifests.recipe import Recipe
from palm_models.measure.encoder import Encoder
from palm_models.photo.views import palm_of
from tasks.draw.plan import PlannedIdentity, PlannedShard
from tasks.engines.registry import engine_of
from tasks.judge.candidate import REFERENCES, Vectors, first_captures, unit
from tasks.judge.gate import Gate, GateError
from tasks.judge.gates.registry import GATES
from tasks.judge.picture import Kit, Picture, embed
from tasks.work.place import Place

COLUMNS = ("sample_id", "identity_id", "capture", "view", "augmented", "sha256", "landmarks", "image")
OF_ROW = ("sample_id", "identity_id", "capture", "view", "augmented", "sha256")


@dataclass(frozen=True)
class Judge:
    """What a worker needs to score pictures."""

    recipe: Recipe
    gates: Sequence[Gate]
    kit: Kit


def make_judge(recipe: Recipe, weights: Path, gates: Sequence[str], found: Mapping[str, Path]) -> Judge:
    """The judge of a worker process; `gates` by name, `found` is what they need, by the name of the need."""
    return Judge(recipe, [GATES.get(name) for name in gates], Kit(Encoder.load(weights), found))


def score_shard(judge: Judge, shard: PlannedShard, file: Path, place: Place) -> None:
    """Score the shard `file` into `place`: scores.parquet, a row a picture in order, and templates.npy.

    Raises GateError when the shard holds other identities than were planned, PublishError when `place` cannot
    be written.
    """
    pictures = _pictures(file)
    rows, templates = [], []
    for planned, (identity, group) in zip(shard.identities, groupby(pictures, _identity), strict=True):
        if identity != planned.identity_id:
            raise GateError(
                f"{file}: holds {identity} where {planned.identity_id} should be; delete its folder"
            )
        scored, template = _score_identity(judge, planned, list(group))
        rows += scored
        templates.append(template)
    arrays, table = io.BytesIO(), io.BytesIO()  # on a full disk NumPy's own file names no reason
    np.save(arrays, np.stack(templates))
    pq.write_table(pa.Table.from_pylist(rows), table, compression="zstd")
    atomic_write(place.path / "templates.npy", arrays.getvalue())
    atomic_write(place.path / "scores.parquet", table.getvalue())
    place.finish([place.path / "templates.npy", place.path / "scores.parquet"], {"pictures": len(rows)})


def _pictures(file: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(64, columns=list(COLUMNS), use_threads=False):
            yield from batch.to_pylist()


def _identity(row: Mapping[str, Any]) -> str:
    return str(row["identity_id"])


def _score_identity(
    judge: Judge, planned: PlannedIdentity, rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], Vectors]:
    """Rows of scores, and the identity's template, a unit vector."""
    images = [decode(row["image"]["bytes"]) for row in rows]
    marks = [np.asarray(row["landmarks"], np.float32).reshape(21, 2) for row in rows]
    palms = [palm_of(p, row["view"], m) for p, row, m in zip(images, rows, marks, strict=True)]
    vectors = embed(judge.kit.encoder, palms)
    scored = []
    for parts in zip(rows, images, marks, palms, vectors, strict=True):
        picture = Picture(*parts, judge.kit)
        row = {name: picture.row[name] for name in OF_ROW}
        row |= {"index": planned.index, "embedding": picture.embedding.tolist()}
        for gate in judge.gates:
            measured = gate.score(picture)
            if taken := row.keys() & measured:
                raise GateError(f"gate {gate.name}: its scores {', '.join(taken)} are another gate's: rename")
            row |= measured
        scored.append(row)
    return scored, _template(judge, planned, rows, vectors)


def _template(
    judge: Judge, planned: PlannedIdentity, rows: list[dict[str, Any]], vectors: Vectors
) -> Vectors:
    """What the identity's captures are compared with, a unit vector: its references, rendered.

    An engine without parameters, or whose weights make the skin, has none: there the identity's first
    captures stand for it.
    """
    engine, recipe = engine_of(judge.recipe), judge.recipe
    if engine.parametric and engine.referenced:
        identity = engine.identity(recipe.seed, planned.subject, planned.hand, recipe.identity)
        return unit(judge.kit.encoder.embed(engine.references(identity, REFERENCES)).sum(axis=0))
    return unit(vectors[first_captures(rows) or [0]].sum(axis=0))
