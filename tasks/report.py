"""Writes contact_sheet.png and report.html: what was made of what, for people, in one file each."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from manifests.layout import CONTACT_SHEET, MANIFEST, RECIPE, REPORT
from manifests.read import Dataset, open_dataset
from manifests.recipe import Recipe
from tasks.accounting import Step, count_aligned, count_images, count_photos
from tasks.contact_sheet import Block, Row, draw_sheet
from tasks.stages import Done

IDENTITIES, CAPTURES, REAL = 12, 8, 16  # shown at most
THUMBNAIL = 256  # px, longest side of a picture in the report
LIBRARIES = ("palmforge", "numpy", "torch", "opencv-python", "pyarrow", "mediapipe", "albumentations")


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


def write_pictures_and_report(folder: Path, recipe: Recipe, stages: Mapping[str, Done | None]) -> None:
    """Write the contact sheet and the report of the version in `folder`, whose tables are already there.

    `stages`: "ingest", "align" and "train", each with what it left or None when it was not run.
    """
    dataset = open_dataset(folder)
    identities, real = shown_identities(dataset), shown_real(stages.get("align"))
    (folder / CONTACT_SHEET).write_bytes(draw_sheet(sheet_blocks(identities, real, recipe)))
    (folder / REPORT).write_text(render(dataset, recipe, stages, identities, real), encoding="utf-8")


def shown_identities(dataset: Dataset) -> list[ShownIdentity]:
    """The first identities with their first captures, a row a view; augmented pictures are left out."""
    with pq.ParquetFile(dataset.path / MANIFEST) as file:
        table = pa.table(next(file.iter_batches(8192)))
    rows = [r for r in table.to_pylist() if r["label"] < IDENTITIES and not r["augmented"]]
    keys = dict.fromkeys((r["view"], r["label"]) for r in rows)
    found = []
    for view, label in sorted(keys, key=lambda key: (key[0] != "palm", key[1])):
        chosen = [r for r in rows if (r["view"], r["label"]) == (view, label)][:CAPTURES]
        images = dataset.images(pa.Table.from_pylist(chosen, schema=table.schema))
        pictures = [Shown(data, _facts(row)) for data, row in zip(images, chosen, strict=True)]
        found.append(ShownIdentity(chosen[0]["identity_id"], label, chosen[0]["split"], view, pictures))
    return found


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest row as people read it: numbers short, no landmarks."""
    values = {k: v for k, v in row.items() if v is not None and k not in ("landmarks", "dataset_version")}
    return {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in values.items()}


def shown_real(palms: Done | None) -> list[Shown]:
    """Some aligned real palms, evenly over the photographs; none when nothing was aligned."""
    if palms is None:
        return []
    columns = ["view", "photo_id", "hand", "size"]
    table = pq.read_table(palms.path / "aligned.parquet", columns=columns)
    places = [i for i, view in enumerate(table["view"].to_pylist()) if view == "palm"]
    step = max(1, len(places) // REAL)
    chosen = places[::step][:REAL]
    facts = table.take(chosen).to_pylist()
    return [
        Shown(data, f)
        for data, f in zip(_images_at(palms.path / "aligned.parquet", chosen), facts, strict=True)
    ]


def _images_at(file: Path, places: Sequence[int]) -> list[bytes]:
    """Images of rows in ascending order, a batch of the file in memory at a time."""
    found, start = [], 0
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(64, columns=["image"]):
            held = [p - start for p in places if start <= p < start + batch.num_rows]
            found += [
                image["bytes"] for image in batch.column("image").take(pa.array(held, pa.int64())).to_pylist()
            ]
            start += batch.num_rows
    return found


def sheet_blocks(identities: Sequence[ShownIdentity], real: Sequence[Shown], recipe: Recipe) -> list[Block]:
    """Blocks of the contact sheet: real palms first, so that the eye compares."""
    blocks = []
    if real:
        pictures = [picture.data for picture in real]
        lines = [pictures[i : i + CAPTURES] for i in range(0, len(pictures), CAPTURES)]
        credit = recipe.source.credit or recipe.source.dataset or recipe.source.path
        drawn = recipe.source.kind == "renderer"
        title = "Aligned drawn palms (source: renderer)" if drawn else f"Real aligned palms ({credit})"
        blocks.append(Block(title, [Row("drawn" if drawn else "real", line) for line in lines]))
    for view in dict.fromkeys(identity.view for identity in identities):
        rows = [_sheet_row(identity) for identity in identities if identity.view == view]
        columns = [f"capture {i}" for i in range(max(len(row.pictures) for row in rows))]
        blocks.append(Block(f"Generated by {recipe.engine.name}, view {view}", rows, columns))
    return blocks


def _sheet_row(identity: ShownIdentity) -> Row:
    name = identity.name.replace("_", " ")
    return Row(f"{name}\nlabel {identity.label}\n{identity.split}", [p.data for p in identity.pictures])


def render(
    dataset: Dataset,
    recipe: Recipe,
    stages: Mapping[str, Done | None],
    identities: Sequence[ShownIdentity],
    real: Sequence[Shown],
) -> str:
    """The report as one HTML page that asks for nothing outside itself."""
    images, counts = count_images(dataset.path)
    return (
        _environment()
        .get_template("report.html")
        .render(
            dataset=dataset.metadata,
            recipe=recipe,
            recipe_toml=(dataset.path / RECIPE).read_text(encoding="utf-8"),
            steps=[*accounting(stages), images],
            counts=counts,
            identities=identities,
            views=list(dict.fromkeys(i.view for i in identities)),
            identity_count=pq.read_metadata(dataset.path / "identities.parquet").num_rows,
            real=real,
            timings=[(name, done.facts.get("seconds"), done.digest) for name, done in stages.items() if done],
            training=_plain(stages.get("train")),
            lineage=lineage(dataset, recipe),
        )
    )


def accounting(stages: Mapping[str, Done | None]) -> list[Step]:
    """The sums of the steps before drawing, as far as they were run."""
    photos, palms = stages.get("ingest"), stages.get("align")
    steps = [count_photos(photos.path)] if photos else []
    return [*steps, count_aligned(photos.path, palms.path)] if photos and palms else steps


def lineage(dataset: Dataset, recipe: Recipe) -> dict[str, str]:
    """Where the version comes from: source, licence, digests, libraries."""
    source = recipe.source
    row = dataset.rows(["checkpoint", "engine"]).slice(0, 1).to_pylist()[0]
    versions = ", ".join(f"{name} {number}" for name in LIBRARIES if (number := _installed(name)))
    facts = {
        "source": source.dataset or source.path or source.kind,
        "licence of the source": source.licence,
        "credit": source.credit,
        "engine": row["engine"],
        "checkpoint": row["checkpoint"] or "",
        "recipe digest": dataset.metadata["recipe_digest"],
        "content digest": dataset.metadata["content"],
        "software": versions,
    }
    return {key: value for key, value in facts.items() if value}


def _installed(name: str) -> str:
    try:
        return installed(name)
    except ModuleNotFoundError:
        return ""


def _plain(done: Done | None) -> dict[str, Any]:
    """The facts of a stage that are single values."""
    facts = done.facts if done else {}
    return {k: v for k, v in facts.items() if isinstance(v, str | int | float) and k != "seconds"}


def data_uri(data: bytes) -> str:
    """A picture as a small WebP in the page itself."""
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB")
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "webp", quality=82)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["uri"] = data_uri
    return environment
