"""Estimates what a recipe would cost in time, disk and memory, from a few pictures really drawn."""

import math
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from manifests.contract.images import encode
from manifests.recipe import Recipe
from palm_models.engines.base import Drawer
from tasks.draw.plan import planned_identity, shards
from tasks.engines.registry import engine_of
from tasks.workers.parallel import available_cores

JUDGING = {
    "identity": 0.1,
    "palm": 0.005,
    "hand": 0.02,
}  # seconds of a core, as bench.gates.gates speed measured them
PROBES = 4  # pictures drawn for the estimate, after one that warms the engine up


@dataclass(frozen=True)
class Estimate:
    """What would be built; `str()` is the text that `palmforge plan` prints."""

    recipe: Recipe
    images: int
    shard_count: int
    workers: int
    seconds_per_image: float
    bytes_per_image: float
    worker_bytes: int

    @property
    def seconds(self) -> float:
        """Wall time of drawing in seconds; ingest, alignment and training are not in it."""
        return self.images * self.seconds_per_image / self.workers

    @property
    def judging_seconds(self) -> float:
        """Wall time of judging in seconds; what is rejected is drawn and judged again, which is not in it."""
        data, copies = self.recipe.dataset, 1 + self.recipe.augment.copies
        capture = sum(JUDGING[view] for view in data.views) * copies
        identity = JUDGING["identity"] + data.captures * capture
        return data.identities * identity / self.workers if self.recipe.gates.use else 0.0

    def __str__(self) -> str:
        r, d = self.recipe, self.recipe.dataset
        disk = 2.1 * self.images * self.bytes_per_image / 2**20  # shards in the work folder, and the version
        lines = [
            f"{r.name}: {d.identities} identities × {d.captures} captures × {len(d.views)} view(s)"
            f" × {1 + r.augment.copies} = {self.images} images of {d.size}×{d.size} ({d.image_format})",
            f"source   {r.source.kind} {r.source.dataset or r.source.path}".rstrip(),
            f"engine   {r.engine.name}"
            + (f", checkpoint {r.train.checkpoint}" if engine_of(r).learned else ""),
            f"work     {self.shard_count} shards of {d.shard_identities} identities, {self.workers} workers",
            f"time     {_duration(self.seconds)} to draw ({self.seconds_per_image * 1000:.0f} ms an image)",
            f"         {_duration(self.judging_seconds)} to judge",
            f"disk     {disk:,.1f} MiB in {r.out} and {r.work} together",
            f"memory   {self.workers * self.worker_bytes / 2**30:.1f} GiB",
            f"digest   {r.digest()[:16]}",
        ]
        return "\n".join(lines)


def estimate(recipe: Recipe) -> Estimate:
    """Draw a few pictures of the recipe's first identity and scale up. Builds and writes nothing."""
    kind = engine_of(recipe)
    with TemporaryDirectory() as folder:
        # The cost of a network does not depend on what it learned: another stands in for one to train.
        untrained = kind.untrained(recipe, Path(folder))
        engine = kind.load(untrained.recipe, untrained.checkpoint)
    return _probe(recipe, engine, untrained.seconds)


def _probe(recipe: Recipe, engine: Drawer, extra: float) -> Estimate:
    first = planned_identity(recipe, 0)
    kind, at = engine_of(recipe), (recipe.seed, first.subject, first.hand)
    identity = kind.identity(*at, recipe.identity)
    captures = [kind.capture(*at, i, recipe.capture) for i in range(PROBES + 1)]
    sizes, seconds = [], 0.0
    for view in recipe.dataset.views:
        engine.draw(identity, captures[:1], view, recipe.dataset.size)
        began = time.perf_counter()
        for drawing in engine.draw(identity, captures[1:], view, recipe.dataset.size):
            sizes.append(len(encode(drawing.image, recipe.dataset.image_format, recipe.dataset.quality)))
        seconds += time.perf_counter() - began
    d, shard_count = recipe.dataset, sum(1 for _ in shards(recipe))
    return Estimate(
        recipe,
        images=d.identities * d.captures * len(d.views) * (1 + recipe.augment.copies),
        shard_count=shard_count,
        workers=min(recipe.engine.workers or available_cores(), shard_count),
        seconds_per_image=seconds / (PROBES * len(d.views)) + extra,
        bytes_per_image=sum(sizes) / len(sizes),
        worker_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, math.ceil(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
