"""Draws one individual: captures of one identity as named pictures, with a small manifest beside them."""

import io
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from manifests.contract.images import SOURCE_TYPE, decode, encode
from manifests.contract.schema import manifest_schema, parameter_fields
from manifests.files.layout import CONTACT_SHEET, MANIFEST, RECIPE, PublishError, atomic_directory
from manifests.recipe import Recipe, parse
from manifests.recipe.errors import RecipeError
from palm_models.engines.base import Drawer
from palm_models.hand.identity import Identity
from tasks.draw.card import card_facts
from tasks.draw.plan import PlannedIdentity, planned_identity
from tasks.draw.prepare import check, make_engine
from tasks.draw.samples import Sample, row_of
from tasks.engines.registry import engine_of
from tasks.engines.trained import train
from tasks.report.sheets import Block, Row, draw_sheet
from tasks.work.moment import moment
from tasks.work.stage import Done
from tasks.workers.parallel import RunnerError, available_cores, in_order

IDENTITY = "identity.json"  # what `--identity` takes
COLUMNS = 10  # of the contact sheet
COUNTER = re.compile(r"\d{1,18}/\d{1,9}")  # SEED/NUMBER
RUN = 5  # captures drawn in one go
FRAME = 125  # ms a picture stays in the GIF

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Individual:
    """One identity to be drawn, its place in the counter of its seed, and the recipe to draw it with."""

    recipe: Recipe
    planned: PlannedIdentity
    identity: Identity
    name: str  # as `--identity` takes it, or the name of its file


def individual(recipe: Recipe, given: str = "") -> Individual:
    """The identity named by `given`: SEED/NUMBER, a JSON file of an identity, or "" for a new one.

    Number NUMBER of seed SEED is the same hand as in a dataset of that seed. Raises RecipeError.
    """
    if given and not COUNTER.fullmatch(given):
        return _from_file(recipe, Path(given))
    seed, number = map(int, given.split("/")) if given else (secrets.randbits(31), 0)
    seeded = check(recipe.model_copy(update={"seed": seed}))
    planned = planned_identity(seeded, number)
    identity = engine_of(seeded).identity(seed, planned.subject, planned.hand, recipe.identity)
    return Individual(seeded, planned, identity, f"{seed}/{number}")


def _from_file(recipe: Recipe, path: Path) -> Individual:
    if recipe.identity:
        raise RecipeError(f"{path} has its traits: leave out --set identity.{next(iter(recipe.identity))}")
    try:
        identity = engine_of(recipe).identity_from(json.loads(path.read_text(encoding="utf-8")))
        seeded = check(recipe.model_copy(update={"seed": identity.seed}))
        hands = recipe.dataset.hands
        planned = planned_identity(seeded, identity.subject * len(hands) + hands.index(identity.hand))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecipeError(
            f"--identity {path}: no identity there ({error}); give SEED/NUMBER or an {IDENTITY}"
        ) from None
    return Individual(seeded, planned, identity, str(path))


def draw_one(
    one: Individual,
    count: int,
    folder: Path,
    *,
    gif: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Draw captures 0 … count-1 of `one` into `folder`, which appears whole or not at all; its pictures.

    The folder gets variation_00.png …, manifest.parquet (the columns of a published one), identity.json,
    recipe.toml, contact_sheet.png and, with `gif`, variations.gif. Raises PublishError when it holds
    something already or cannot be written, RunnerError when a worker dies.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PublishError(f"{folder} holds something already: name a new folder")
    checkpoint = train(one.recipe, None, lambda done, total: None)
    draw = partial(_draw, one, checkpoint.path if checkpoint else None)
    runs = [range(first, min(first + RUN, count)) for first in range(0, count, RUN)]
    workers = min(one.recipe.engine.workers or available_cores(), len(runs))
    rows: Rows = []
    progress(0, count)
    for some in in_order(draw, runs, workers, _crashed):
        rows += some
        progress(len(rows), count)
    if folder.exists():
        folder.rmdir()  # empty, so that the new one can take its name
    with atomic_directory(folder, folder.with_name(f".{folder.name}.building")) as building:
        _write(one, rows, building, checkpoint, gif=gif)
    return sorted(folder.glob("variation_*"))


def _draw(one: Individual, checkpoint: Path | None, captures: range) -> Rows:
    """The rows of some captures, in a worker."""
    engine = _engine(one.recipe.model_dump_json(), checkpoint)
    (view,) = one.recipe.dataset.views
    kind, at = engine_of(one.recipe), (one.identity.seed, one.planned.subject, one.planned.hand)
    shots = [kind.capture(*at, index, one.recipe.capture) for index in captures]
    drawn = engine.draw(one.identity, shots, view, one.recipe.dataset.side(view))
    parts = zip(captures, shots, drawn, strict=True)
    return [
        row_of(one.recipe, engine, Sample(one.planned, one.identity, index, capture, view, drawing))
        for index, capture, drawing in parts
    ]


@lru_cache(maxsize=1)
def _engine(recipe: str, checkpoint: Path | None) -> Drawer:
    """The engine of this process: weights are read once."""
    return make_engine(parse(json.loads(recipe)), checkpoint)


def _crashed(captures: range) -> Rows:
    first, last = captures[0], captures[-1]
    raise RunnerError(f"captures {first} to {last} lost their worker twice: fewer --workers need less memory")


def _write(one: Individual, rows: Rows, folder: Path, checkpoint: Done | None, *, gif: bool) -> None:
    digits = max(2, len(str(len(rows) - 1)))
    pictures = [row.pop("image")["bytes"] for row in rows]
    for index, (row, data) in enumerate(zip(rows, pictures, strict=True)):
        row["file_name"] = f"variation_{index:0{digits}d}{Path(row['file_name']).suffix}"
        (folder / row["file_name"]).write_bytes(data)
    _write_manifest(one, rows, folder / MANIFEST, checkpoint)
    (folder / IDENTITY).write_text(json.dumps(one.identity.to_dict(), indent=1, sort_keys=True) + "\n")
    (folder / RECIPE).write_text(one.recipe.to_toml(execution=False), encoding="utf-8")
    lines = [Row("", pictures[first : first + COLUMNS]) for first in range(0, len(pictures), COLUMNS)]
    sheet = draw_sheet([Block(f"{one.planned.identity_id} of seed {one.identity.seed}", lines)])
    (folder / CONTACT_SHEET).write_bytes(encode(decode(sheet)))  # with the mark of what is synthetic
    if gif:
        _write_gif(pictures, folder / "variations.gif")


def _write_manifest(one: Individual, rows: Rows, path: Path, checkpoint: Done | None) -> None:
    """The columns of a published manifest; what only a version has (shard, version) is null."""
    credit, created = card_facts(one.recipe, checkpoint), moment().isoformat(timespec="seconds")
    for index, row in enumerate(rows):
        row |= {"label": 0, "split_label": 0, "shard": None, "row": index, "dataset_version": None}
        row |= {"source_dataset": credit.source_dataset or None, "created_at": created}
        row |= {"source_license": credit.source_license or None}
    fields = parameter_fields([(path.name, pa.Table.from_pylist(rows).schema)])
    metadata = {"dataset": one.recipe.name, "created_at": created, "recipe_digest": one.recipe.digest()}
    pq.write_table(pa.Table.from_pylist(rows, schema=manifest_schema(fields, metadata)), path)


def _write_gif(pictures: Sequence[bytes], path: Path) -> None:
    first, *others = (Image.open(io.BytesIO(data)).convert("RGB") for data in pictures)
    first.save(
        path, save_all=True, append_images=others, duration=FRAME, loop=0, comment=SOURCE_TYPE.encode()
    )
