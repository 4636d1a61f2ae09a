"""Shards as generation writes them, with random pictures: for tests of everything after generation."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.images import SUFFIX, encode
from manifests.contract.split import split_of
from manifests.publish.card import CardFacts
from manifests.publish.publish import Published, publish
from manifests.recipe import parse
from manifests.recipe.sections import Splits

HANDS = ("left", "right")
CREATED = "2026-11-23T02:00:00+00:00"


def row(
    subject: int, hand: str, capture: int, *, size: int = 16, image_format: Any = "png", view: str = "palm"
) -> dict[str, Any]:
    """One row of a shard; the picture is random, a function of its place in the dataset."""
    rng = np.random.default_rng([subject, HANDS.index(hand), capture])
    data = encode(rng.integers(0, 256, (size, size, 3), np.uint8), image_format)
    identity = f"s{subject:06d}_{hand}"
    sample = f"{identity}_c{capture:03d}_{view}"
    name = f"{sample}.{SUFFIX[image_format]}"
    return {
        "sample_id": sample,
        "identity_id": identity,
        "subject_id": f"s{subject:06d}",
        "hand": hand,
        "capture": capture,
        "split": split_of(f"s{subject:06d}", Splits(), 0),
        "augmented": False,
        "parent_sample_id": None,
        "augmentation": None,
        "view": view,
        "width": size,
        "height": size,
        "file_name": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "landmarks": rng.uniform(0, size, 42).astype(np.float32).tolist(),
        "engine": "renderer",
        "checkpoint": None,
        "identity_seed": subject * 2 + HANDS.index(hand),
        "capture_seed": capture,
        "synthetic": True,
        "image": {"bytes": data, "path": name},
        "identity_skin_tone": float(rng.uniform(-30, 60)),
        "identity_scars": int(rng.integers(0, 3)),
        "capture_light": str(rng.choice(["daylight", "lamp"])),
    }


def write_shard(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def make_shards(
    folder: Path, subjects: int = 10, captures: int = 3, per_shard: int = 4, **options: Any
) -> list[Path]:
    """Shards of `per_shard` subjects, both hands each."""
    shards = []
    for first in range(0, subjects, per_shard):
        rows = [
            row(subject, hand, capture, **options)
            for subject in range(first, min(first + per_shard, subjects))
            for hand in HANDS
            for capture in range(captures)
        ]
        shards.append(write_shard(folder / f"shard-{first:04d}.parquet", rows))
    return shards


def publish_shards(shards: Sequence[Path], out: Path, **options: Any) -> Published:
    """A published version of the shards with plain settings; `options` replace them."""
    recipe = parse({"name": "palms"})
    settings: dict[str, Any] = {
        "recipe_toml": recipe.to_toml(),
        "recipe_digest": recipe.digest(),
        "created_at": CREATED,
        "card": CardFacts(
            "renderer",
            source_dataset="someone/palms/versions/1",
            source_license="CC0",
            source_credit="Someone",
        ),
    }
    return publish(shards, out, "palms", **{**settings, **options})
