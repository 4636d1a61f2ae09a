"""Draws published images again, from their manifest rows alone, and compares the bytes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from manifests.contract.images import encode
from manifests.files.advice import reading
from manifests.files.layout import IDENTITIES, MANIFEST, RECIPE
from manifests.read.open import Version
from manifests.read.selection import unknown_samples
from manifests.recipe import Recipe, load, parse
from manifests.recipe.errors import RecipeError
from manifests.registry import PluginError
from manifests.words import PalmforgeError
from palm_models.engines.base import CheckpointError
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from tasks.draw.augment import Augmenter
from tasks.draw.prepare import make_engine
from tasks.draw.samples import augmentation_seed, drawn_with
from tasks.engines.registry import ENGINES

if TYPE_CHECKING:
    from palm_models.engines.base import Drawer

WORK = str(Recipe.model_fields["work"].default)  # folder of work where a recipe names none


class RegenerateError(PalmforgeError):
    """An image that cannot be drawn again; the message names it and says what is missing."""


@dataclass(frozen=True)
class Again:
    """An image drawn again."""

    sample_id: str
    file_name: str
    image: bytes
    published: str  # sha256 of the published image

    @property
    def same(self) -> bool:
        """True when the bytes are the published ones."""
        return sha256(self.image).hexdigest() == self.published


def some(version: Version, count: int, seed: int) -> list[str]:
    """`count` random sample ids (all of a smaller dataset), in manifest order; a function of `seed`."""
    samples = version.rows(["sample_id"])["sample_id"]
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    ids: list[str] = samples.take(np.sort(chosen)).to_pylist()
    return ids


def regenerate(version: Version, samples: Sequence[str], weights: Sequence[Path] = ()) -> Iterator[Again]:
    """Draw each of `samples` again: identity, capture, engine and format from its row, nothing else.

    `weights` are checkpoint folders to look in for what the rows name, before the shipped one and the one of
    the version's recipe. Raises RegenerateError naming the sample or the weights that are not there.
    """
    rows = _rows(version, MANIFEST, "sample_id", samples)
    missing = [sample for sample in samples if sample not in rows]
    if missing:
        raise RegenerateError(f"{missing[0]}: no such sample: {unknown_samples(version, missing)}")
    identities = _rows(version, IDENTITIES, "identity_id", [row["identity_id"] for row in rows.values()])
    for sample in samples:
        row = rows[sample]
        try:
            image = draw(
                version, row, json.loads(identities[row["identity_id"]]["identity_parameters"]), weights
            )
        except PluginError as error:
            raise RegenerateError(f"{sample}: {error}; install the package that brings it") from None
        except (KeyError, TypeError) as error:
            raise RegenerateError(
                f"{sample}: its parameters are not those of this palmforge ({error}): use its own release"
            ) from None
        yield Again(sample, row["file_name"], image, row["sha256"])


def _rows(version: Version, table: str, key: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows of a table of the version by their id."""
    asked = [(key, "in", list(set(ids)))]
    with reading(version.path / table):
        found = pq.read_table(version.path / table, filters=asked, partitioning=None)
    return {row[key]: row for row in found.to_pylist()}


def draw(
    version: Version, row: Mapping[str, Any], parameters: Mapping[str, Any], weights: Sequence[Path]
) -> bytes:
    """The file of the image that a manifest row and its identity's parameters describe."""
    identity, capture = recorded(row, parameters)
    settings = json.loads(row.get("drawn_with") or _settings_of_recipe(version))
    engine = _engine(
        row["engine"], json.dumps(settings), row["checkpoint"], _folders(version, row["engine"], weights)
    )
    drawing = engine.draw(identity, [capture], row["view"], row["width"])[0]
    image = drawing.image
    if row["augmented"]:
        copy = int(row["sample_id"].rpartition("_a")[2])
        image = Augmenter(settings["transforms"])(
            drawing.image, drawing.landmarks, augmentation_seed(capture, copy)
        )[0]
    return encode(image, settings["image_format"], settings["quality"])


def recorded(row: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Identity, Capture]:
    """Identity and capture of a row: what it recorded; of an engine without parameters, its counter."""
    engine, number = ENGINES.get(row["engine"]), int(row["subject_id"].rpartition("s")[2])
    at = (row["identity_seed"], number, row["hand"])
    if not engine.parametric:
        return engine.identity(*at, {}), engine.capture(row["capture_seed"], *at[1:], row["capture"], {})
    identity = engine.identity_from(parameters)
    controls = {name: row[f"capture_{name}"] for name in engine.capture_controls}
    return identity, engine.capture_from(
        row["capture_seed"], identity.subject, identity.hand, row["capture"], controls
    )


def _settings_of_recipe(version: Version) -> str:
    """For versions older than the column `drawn_with`."""
    return drawn_with(load(version.path / RECIPE))


def _folders(version: Version, engine: str, weights: Sequence[Path]) -> tuple[Path, ...]:
    """Where the weights of a version may be: named, shipped, or trained in a work folder near it or us."""
    shipped = [folder for folder in (ENGINES.get(engine).shipped,) if folder]
    try:
        recorded = load(version.path / RECIPE).train.checkpoint
    except RecipeError:
        recorded = "train"  # a merged version has no recipe of its own
    if recorded not in ("shipped", "train"):
        near = [Path(recorded), *(above / recorded for above in _above(version))]
        return (*weights, *shipped, *dict.fromkeys(near))
    homes = _homes(version) if recorded == "train" else []
    return (*weights, *shipped, *(path for home in homes for path in sorted(home.glob("*")) or [home]))


def _homes(version: Version) -> list[Path]:
    """Folders of checkpoints: of the work folders beside the version, above it, and where we were started."""
    places = [Path.cwd(), *_above(version)]
    return list(
        dict.fromkeys(place / work / "checkpoints" for place in places for work in (WORK, "work", ""))
    )


def _above(version: Version) -> list[Path]:
    """Folders that a version lies in, out/NAME/VERSION: its home, `out`, and what `out` lies in."""
    return list(version.path.absolute().parents[:3])


@lru_cache(maxsize=4)
def _engine(name: str, settings: str, checkpoint: str | None, folders: tuple[Path, ...]) -> "Drawer":
    """The engine with the recorded options and weights, loaded once."""
    recorded = json.loads(settings)
    kind = ENGINES.get(name)
    own = {"dataset": {"views": list(kind.views[:1])}, **kind.recipe_of(recorded)}  # any view that it draws
    recipe = parse({"name": "again", "train": {"checkpoint": "recorded"}, **own})
    for folder in folders if checkpoint else (None,):
        try:
            made = make_engine(recipe, folder)
        except CheckpointError:
            continue
        if (made.checkpoint or None) == checkpoint:
            return made
    looked = "\n".join(f"  {folder}" for folder in folders)
    raise RegenerateError(
        f"the weights {checkpoint} of engine {name} are in no folder of these, give --checkpoint:\n{looked}"
    )
