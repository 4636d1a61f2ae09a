"""The first two steps of a recipe: its photographs, and the palms in them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.recipe import Recipe
from tasks.photographs.sources.registry import source_kind
from tasks.work.stage import Done, Stage, once
from tasks.workers.runner import Workers

Progress = Callable[[int, int], None]


def needs_photographs(recipe: Recipe) -> bool:
    """Photographs are fetched when there is a source: to train on, or to show beside what is made."""
    return source_kind(recipe).gives


def photos_stage(recipe: Recipe) -> Stage:
    """What photographs a recipe has: its source as it is listed now, and what reads or makes them."""
    kind = source_kind(recipe)
    return Stage(
        "photos",
        recipe,
        options=("source", *([kind.own_section] if kind.own_section else [])),
        code=("tasks.photographs.ingest", *(kind.code or (type(kind).__module__,))),
        given={"listing": kind.listing(recipe)},
    )


def palms_stage(recipe: Recipe, photos: Path) -> Stage:
    """What palms are found in the table of photographs `photos`."""
    ids = sorted(pq.read_table(photos, columns=["photo_id"])["photo_id"].to_pylist())
    model = recipe.align.model
    return Stage(
        "aligned",
        recipe,
        options=tuple(f"align.{name}" for name in recipe.option("align") if name != "model"),
        code=("tasks.photographs.align",),
        files=(Path(model),) if model else (),  # else the one that the code names by its sha256
        given={"photos": ids},
    )


def ingest(recipe: Recipe, progress: Progress) -> Done | None:
    """The source's photographs in the work folder; None when the recipe needs none."""
    if not needs_photographs(recipe):
        return None
    from tasks.photographs.ingest import ingest_source

    place, source = photos_stage(recipe).place(), source_kind(recipe).spec(recipe)

    def run() -> Mapping[str, Any]:
        return ingest_source(source, place.path, workers=recipe.align.workers, progress=progress).facts()

    return once(place, run, "photos.parquet")


def align(recipe: Recipe, photos: Done | None, progress: Progress) -> Done | None:
    """Aligned palms of the photographs; None when there are none. Raises HandModelError."""
    if photos is None:
        return None
    from tasks.photographs.align import align_photos

    table = photos.path / "photos.parquet"
    place = palms_stage(recipe, table).place()
    options = recipe.align.model_dump(exclude={"workers"})
    workers = replace(Workers.of(recipe), count=recipe.align.workers)

    def run() -> Mapping[str, Any]:
        return align_photos(table, place.path, workers=workers, progress=progress, **options).facts()

    return once(place, run, "aligned.parquet", "align_rejects.parquet")
