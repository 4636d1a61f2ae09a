"""The pictures that a report shows, each with what is known about it: identities, photographs, rejects."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from manifests.files.advice import reading
from manifests.files.layout import MANIFEST
from manifests.read.open import Version

IMAGES, CAPTURES, REAL = 1000, 8, 16  # shown at most: images, of one identity, photographs
BATCH = 8192  # rows of the manifest read: more than can be shown
EXAMPLES = 6  # rejects shown for each reason
THUMBNAIL = 192  # px, longest side of a picture in a report


@dataclass(frozen=True)
class Shown:
    """A picture with what is known about it."""

    data: bytes
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class ShownIdentity:
    """One row of the contact sheet."""

    name: str
    label: int
    split: str
    view: str
    pictures: Sequence[Shown]


@dataclass(frozen=True)
class ShownReason:
    """One reason for which a gate rejected images."""

    gate: str
    reason: str
    count: int
    examples: list[Shown] = field(default_factory=list)


def identities(version: Version) -> list[ShownIdentity]:
    """The first identities with their first captures, a row a view; augmented pictures are left out."""
    with reading(version.path / MANIFEST), pq.ParquetFile(version.path / MANIFEST) as file:
        table = pa.table(next(file.iter_batches(BATCH)))
    rows, left = [row for row in table.to_pylist() if not row["augmented"]], IMAGES
    lines: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        line = lines.setdefault((row["view"], row["label"]), [])
        if len(line) < CAPTURES and left:
            line.append(row)
            left -= 1
    found = []
    for view, label in sorted(lines, key=lambda key: (key[0] != "palm", key[1])):
        if not (chosen := lines[view, label]):
            continue
        images = version.images(pa.Table.from_pylist(chosen, schema=table.schema))
        pictures = [Shown(data, row_facts(row)) for data, row in zip(images, chosen, strict=True)]
        found.append(ShownIdentity(chosen[0]["identity_id"], label, chosen[0]["split"], view, pictures))
    return found


def row_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest row as people read it: numbers short, no landmarks."""
    values = {k: v for k, v in row.items() if v is not None and k not in ("landmarks", "dataset_version")}
    return {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in values.items()}


def photographs(aligned: Path) -> list[Shown]:
    """Some aligned palms of the photographs in aligned.parquet, spread over all of them."""
    columns = ["view", "photo_id", "hand", "size"]
    table = pq.read_table(aligned, columns=columns)
    places = [i for i, view in enumerate(table["view"].to_pylist()) if view == "palm"]
    chosen = places[:: max(1, len(places) // REAL)][:REAL]
    facts = table.take(pa.array(chosen, pa.int64())).to_pylist()
    return [Shown(data, f) for data, f in zip(images_at(aligned, chosen), facts, strict=True)]


def photographs_named(aligned: Path, photo_ids: Sequence[str]) -> list[bytes]:
    """The first aligned palm of each of some photographs, in their order."""
    listed = pq.read_table(aligned, columns=["view", "photo_id"]).to_pylist()
    first: dict[str, int] = {}
    for place, row in enumerate(listed):
        if row["view"] == "palm":
            first.setdefault(row["photo_id"], place)
    places = sorted({first[photo] for photo in photo_ids})
    held = dict(zip(places, images_at(aligned, places), strict=True))
    return [held[first[photo]] for photo in photo_ids]


def images_at(file: Path, places: Sequence[int]) -> list[bytes]:
    """Images of rows in ascending order, a batch of the file in memory at a time."""
    found, start = [], 0
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(64, columns=["image"]):
            held = [p - start for p in places if start <= p < start + batch.num_rows]
            cells = batch.column("image").take(pa.array(held, pa.int64())).to_pylist()
            found += [cell["bytes"] for cell in cells]
            start += batch.num_rows
    return found


def rejects(file: Path) -> list[ShownReason]:
    """The reasons in rejects.parquet with their numbers and some thumbnails; none when it is not there."""
    if not file.is_file():
        return []
    counts, found = Counter[tuple[str, str]](), dict[tuple[str, str], ShownReason]()
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(512):
            for row in batch.to_pylist():
                key = (row["gate"], row["reason"])
                counts[key] += 1
                reason = found.setdefault(key, ShownReason(*key, 0))
                if len(reason.examples) < EXAMPLES:
                    thumbnail = row.pop("thumbnail") or b""
                    reason.examples.append(Shown(thumbnail, row_facts(row)))
    return [ShownReason(*key, count, found[key].examples) for key, count in counts.most_common()]


def small(data: bytes, side: int = THUMBNAIL) -> bytes:
    """A picture as a small WebP."""
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "webp", quality=80)
    return out.getvalue()
