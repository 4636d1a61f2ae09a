"""Estimates what a recipe would cost in time, disk and memory, from figures recorded on one core."""

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from manifests.files.remote import is_remote
from manifests.recipe import Recipe
from tasks.engines.registry import engine_of
from tasks.photographs.sources.folder import below
from tasks.photographs.sources.found import SourceError
from tasks.photographs.sources.registry import source_kind
from tasks.workers.parallel import available_cores

# Seconds of one core, as bench/README.md has them; bytes a pixel of palms at quality 95.
INGEST, ALIGN = 0.03, 0.2  # a photograph
JUDGING = {"identity": 0.1, "palm": 0.005, "view": 0.02}  # an identity, a palm, a picture of another view
PUBLISH = 0.01  # an image, report and measures included
BYTES = {"png": 1.3, "jpeg": 0.4, "webp": 0.25}
TWICE = 2.1  # shards in the work folder, and the version
ALIGNED = 6.0  # bytes a pixel of an aligned palm, whose PNGs are not deflated, with the photograph's copy
BASE = 0.6e9  # bytes of the process that leads
LISTED = 100_000  # files of a folder that are counted


@dataclass(frozen=True)
class Estimate:
    """What would be built; `str()` is the text that `palmforge plan` prints. seconds: step to wall time."""

    recipe: Recipe
    images: int
    shards: int
    workers: int
    photographs: int | None  # None: not known before they are there
    seconds: dict[str, float | None]  # None: nobody recorded it
    bytes: float
    memory: float
    warning: str = ""

    def __str__(self) -> str:
        r, d = self.recipe, self.recipe.dataset
        source = f"{r.source.kind} {r.source.dataset or r.source.path}".rstrip()
        count = "" if not source_kind(r).gives else f", {_number(self.photographs)} photographs"
        sides = {view: f"{d.side(view)}×{d.side(view)}" for view in d.views}
        one = len(set(sides.values())) == 1
        sized = next(iter(sides.values())) if one else ", ".join(f"{s} ({view})" for view, s in sides.items())
        known = [seconds for seconds in self.seconds.values() if seconds is not None]
        lines = [
            ("plan", f"{r.name}: {d.identities} identities × {d.captures} captures × {len(d.views)} view(s)"
             f" × {1 + r.augment.copies} = {self.images} images of {sized}, {d.image_format}"),
            ("source", source + count),
            *([("warning", self.warning)] if self.warning else []),
            ("engine", r.engine.name + f", checkpoint {r.train.checkpoint}" * engine_of(r).learned),
            ("work", f"{self.shards} shards of {d.shard_identities} identities, {self.workers} workers"),
            *(("time", f"{_duration(s)} to {step}") for step, s in self.seconds.items()),
            ("", f"{_duration(sum(known))} in all that is known, on {self.workers} idle cores"),
            ("disk", f"{self.bytes / 2**20:,.1f} MiB in {r.out} and {r.work} together"),
            ("memory", f"{self.memory / 2**30:.1f} GiB"),
            ("version", f"in {r.remote_home or r.home.absolute()}"),
            ("digest", r.digest()[:16]),
        ]  # fmt: skip
        return "\n".join(f"{name:8} {text}" for name, text in lines)


def estimate(recipe: Recipe) -> Estimate:
    """Add up recorded figures: no network is loaded and nothing drawn, built or fetched."""
    d, kind = recipe.dataset, engine_of(recipe)
    images = d.identities * d.captures * len(d.views) * (1 + recipe.augment.copies)
    shards = math.ceil(d.identities / d.shard_identities)
    workers = min(recipe.engine.workers or available_cores(), shards)
    photographs, warning = _photographs(recipe)
    seconds: dict[str, float | None] = {}
    if source_kind(recipe).gives:
        aligning = recipe.align.workers or available_cores()
        seconds["fetch and read photographs"] = INGEST * photographs / aligning if photographs else None
        seconds["align"] = ALIGN * photographs / aligning if photographs else None
    cost = kind.cost(recipe, photographs or 0)
    if kind.learned and recipe.train.checkpoint == "train":
        seconds["train"] = (cost.training or None) if cost else None
    seconds["draw"] = images * cost.image / workers if cost else None
    if recipe.gates.use:
        each = sum(JUDGING["palm" if view == "palm" else "view"] for view in d.views) * (
            1 + recipe.augment.copies
        )
        seconds["judge"] = d.identities * (JUDGING["identity"] + d.captures * each) / workers
    seconds["publish"] = PUBLISH * images
    size = TWICE * images * BYTES[d.image_format] * sum(d.side(view) ** 2 for view in d.views) / len(d.views)
    size += ALIGNED * (photographs or 0) * len(recipe.align.views) * recipe.align.size**2
    memory = BASE + workers * (cost.memory if cost else BASE)
    return Estimate(recipe, images, shards, workers, photographs, seconds, size, memory, warning)


def _photographs(recipe: Recipe) -> tuple[int | None, str]:
    """How many there will be, None when that is not known, and what is wrong with their place."""
    source, kind = recipe.source, source_kind(recipe)
    try:
        kind.look(kind.spec(recipe))
    except SourceError as error:
        return None, str(error)
    found: int | None = None
    if source.kind == "renderer":
        found = source.identities * source.captures
    elif source.path and not is_remote(source.path) and Path(source.path).expanduser().is_dir():
        files = islice(below(Path(source.path).expanduser()), LISTED)
        found = sum(not file.reason for file in files)
    return (min(found, source.limit) if found and source.limit else found or source.limit or None), ""


def _number(count: int | None) -> str:
    return "an unknown number of" if count is None else f"{count}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 90:
        return f"about {max(1, math.ceil(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
