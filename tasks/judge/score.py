"""Scores one shard: each picture's quality, embedding, nearest photograph, and the hand found again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from manifests.contract.images import decode
from manifests.recipe import Recipe
from palm_models.hand.frame import palm_width
from palm_models.measure.encoder import Encoder
from palm_models.measure.quality import measure
from palm_models.photo.landmarks import LEAST_PRESENCE, HandFinder
from palm_models.photo.pyramid import Pyramid
from palm_models.photo.views import palm_of
from tasks.draw.plan import PlannedIdentity, PlannedShard
from tasks.engines.registry import engine_of
from tasks.judge.gallery import Gallery, load
from tasks.photographs.examine import HASH_SIDE
from tasks.work.stage import Stage

REFERENCES = 4  # pictures of an identity that its captures are compared with
FINDER_ATTEMPTS = 3  # tries to find a hand that is not where it was asked for
CLOSE = 0.2  # palm widths: a hand read this near to where it was asked for is there
COLUMNS = ("sample_id", "identity_id", "capture", "view", "augmented", "sha256", "landmarks", "image")
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """What a worker needs to score pictures. finder: None when no hand is to be found again."""

    recipe: Recipe
    encoder: Encoder
    gallery: Gallery | None
    hand_model: Path | None

    @cached_property
    def finder(self) -> HandFinder | None:
        """Finds hands again; made when the first picture of view hand comes."""
        if self.hand_model is None:
            return None
        return HandFinder(self.hand_model, max_hands=1, attempts=FINDER_ATTEMPTS, passes=1)


def make_judge(recipe: Recipe, weights: Path, gallery: Path | None, hand_model: Path | None) -> Judge:
    """The judge of a worker process."""
    return Judge(recipe, Encoder.load(weights), load(gallery) if gallery else None, hand_model)


def score_shard(judge: Judge, shard: PlannedShard, file: Path, stage: Stage) -> None:
    """Score the shard `file` into `stage`: scores.parquet, a row a picture in order, and templates.npy."""
    pictures = _pictures(file)
    rows, templates = [], []
    for planned, (identity, group) in zip(shard.identities, groupby(pictures, _identity), strict=True):
        if identity != planned.identity_id:
            raise ValueError(
                f"{file}: holds {identity} where {planned.identity_id} should be; delete its folder"
            )
        scored, template = _score_identity(judge, planned, list(group))
        rows += scored
        templates.append(template)
    np.save(stage.path / "templates.npy", np.stack(templates))
    pq.write_table(pa.Table.from_pylist(rows), stage.path / "scores.parquet", compression="zstd")
    stage.finish([stage.path / "templates.npy", stage.path / "scores.parquet"], {"pictures": len(rows)})


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
    pictures = [decode(row["image"]["bytes"]) for row in rows]
    marks = [np.asarray(row["landmarks"], np.float32).reshape(21, 2) for row in rows]
    palms = [palm_of(p, row["view"], m) for p, row, m in zip(pictures, rows, marks, strict=True)]
    vectors = embed(judge.encoder, palms)
    scored = []
    for i, row in enumerate(rows):
        error, elsewhere = _look_again(judge, row, pictures[i], marks[i])
        others = [] if elsewhere is None else [palm_of(pictures[i], "hand", elsewhere)]
        leak, photo = _leak(judge, others, vectors[i])
        scored.append(
            {
                **{name: row[name] for name in ("sample_id", "identity_id", "capture", "view", "augmented")},
                "index": planned.index,
                "sha256": row["sha256"],
                "phash": fingerprint(pictures[i]),
                **asdict(measure(palms[i])),
                "leak_score": leak,
                "leak_photo": photo,
                "hand_error": error,
                "embedding": vectors[i].tolist(),
            }
        )
    return scored, _template(judge, planned, rows, vectors)


def embed(encoder: Encoder, palms: list[NDArray[np.uint8]]) -> Vectors:
    """Unit vectors (n, dim) of palms of any sizes, each embedded alone, so that no other changes its bits."""
    return np.concatenate([encoder.embed(palm[None]) for palm in palms])


def fingerprint(picture: NDArray[np.uint8]) -> bytes:
    """Perceptual hash, 32 bytes: that by which ingest finds equal photographs."""
    return bytes.fromhex(str(imagehash.phash(Image.fromarray(picture), hash_size=HASH_SIDE)))


def _template(
    judge: Judge, planned: PlannedIdentity, rows: list[dict[str, Any]], vectors: Vectors
) -> Vectors:
    """What the identity's captures are compared with, a unit vector: its references, rendered.

    An engine without parameters has none: there the identity's first captures stand for it.
    """
    engine, recipe = engine_of(judge.recipe), judge.recipe
    if engine.parametric:
        identity = engine.identity(recipe.seed, planned.subject, planned.hand, recipe.identity)
        return unit(judge.encoder.embed(engine.references(identity, REFERENCES)).sum(axis=0))
    return unit(vectors[first_captures(rows) or [0]].sum(axis=0))


def first_captures(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of the pictures that stand for an identity whose references cannot be rendered."""
    return [i for i, row in enumerate(rows) if row["capture"] < REFERENCES and not row["augmented"]]


def unit(vector: Vectors) -> Vectors:
    """The vector at length one."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _look_again(
    judge: Judge, row: Mapping[str, Any], picture: NDArray[np.uint8], asked: Vectors
) -> tuple[float | None, Vectors | None]:
    """How far from the landmarks asked for a hand is found again, mean in palm widths; where, if elsewhere.

    Infinite when there is none; None when it is not looked for.
    """
    if row["view"] != "hand" or row["augmented"] or judge.finder is None:
        return None, None
    pyramid, unit_length = Pyramid(picture), max(palm_width(asked), 1e-6)
    there = judge.finder.readers[-1].read(pyramid, asked)
    error = float(np.linalg.norm(there.landmarks - asked, axis=1).mean()) / unit_length
    if there.presence >= LEAST_PRESENCE and error < CLOSE:
        return error, None
    hands = judge.finder.find_in(pyramid)
    apart = [float(np.linalg.norm(hand.landmarks - asked, axis=1).mean()) for hand in hands]
    if not apart:
        return float("inf"), None
    nearest = int(np.argmin(apart))
    return apart[nearest] / unit_length, hands[nearest].landmarks


def _leak(judge: Judge, palms: list[NDArray[np.uint8]], vectors: Vectors) -> tuple[float | None, str | None]:
    """Similarity and photo_id of the photograph nearest to any of a picture's palms; None without gallery."""
    if judge.gallery is None:
        return None, None
    further = [embed(judge.encoder, palms)] if palms else []
    near, photo = judge.gallery.nearest(np.concatenate([vectors[None], *further]))
    best = int(near.argmax())
    return float(near[best]), photo[best]
