"""Draws shards of whole identities, in as many processes as asked for, and keeps those that are done."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from manifests.recipe import Recipe
from palm_models.engines.base import Drawer
from tasks.draw.plan import PlannedShard, shards
from tasks.draw.prepare import make_engine
from tasks.draw.samples import drawn_with
from tasks.draw.shard import draw_shard
from tasks.engines.registry import engine_of
from tasks.work.place import Place
from tasks.work.stage import Done, Stage
from tasks.workers.parallel import RunnerError
from tasks.workers.runner import Workers, run

Progress = Callable[[int, int], None]
# The options that determine the pictures of one identity, so not how many there are.
OPTIONS = (
    *("seed", "engine.name", "engine.device", "identity", "capture", "augment"),
    *(f"dataset.{name}" for name in ("captures", "views", "size", "hands", "splits", "shard_identities")),
    *("dataset.image_format", "dataset.quality"),
)
CODE = ("tasks.draw.plan", "tasks.draw.samples", "tasks.draw.shard")


@dataclass(frozen=True)
class Generated:
    """The drawn shards, each a Parquet file of whole identities, in plan order."""

    shards: list[Path]
    done: Done


def stage(recipe: Recipe, checkpoint: str) -> Stage:
    """What the shards of `recipe` are drawn from; `checkpoint` is the digest of the weights, or ""."""
    engine = engine_of(recipe)
    return Stage(
        "shards",
        recipe,
        options=OPTIONS,
        code=(*CODE, *engine.modules()),
        alone=engine.defined_in(),
        files=engine.reads(recipe),
        given={"checkpoint": checkpoint, "drawn with": drawn_with(recipe)},
    )


def generate(recipe: Recipe, checkpoint: Done | None, progress: Progress) -> Generated:
    """The dataset's shards; those that are whole already are not drawn again."""
    began = time.monotonic()
    files = draw(recipe, checkpoint, progress)
    folder = files[0].parent.parent
    return Generated(files, Done(folder, folder.name, {"seconds": round(time.monotonic() - began, 1)}))


def draw(
    recipe: Recipe,
    checkpoint: Done | None,
    progress: Progress,
    asked: Iterable[PlannedShard] | None = None,
) -> list[Path]:
    """Draw what is missing of the shards `asked` for (else the recipe's); returns their files in this order.

    A worker that dies (out of memory, killed) costs its shard only: it is tried once more, and the rest is
    drawn. Raises RunnerError naming the shards that failed twice, or when the workers cannot be reached.
    """
    place = stage(recipe, checkpoint.digest if checkpoint else "").place()
    # A plan is walked through, never held: of a million identities only the names of shards are.
    planned = partial(shards, recipe) if asked is None else list(asked).__iter__
    names = [shard.name for shard in planned()]
    missing = {name for name in names if not Place(place.path / name).is_whole()}
    finished, failed = len(names) - len(missing), list[str]()
    if first := sum("-more-" not in name for name in names):
        place.plan(first)  # told by `palmforge status`; replacements come beside them
    progress(finished, len(names))
    job = partial(_draw_in_worker, place.path.absolute())
    setup = partial(_set_up, recipe, checkpoint.path.absolute() if checkpoint else None)
    wanted = (shard for shard in planned() if shard.name in missing)
    for name, whole in run(job, wanted, setup=setup, workers=Workers.of(recipe), lost=_lost):
        if not whole:
            failed.append(name)
        elif not Place(place.path / name).is_done():
            raise RunnerError(
                f"{name} was drawn but is not in {place.path}: "
                "the Dask workers must see this same folder (a shared file system)"
            )
        finished += whole
        progress(finished, len(names))
    if failed:
        raise RunnerError(
            f"shards {', '.join(failed)} lost their worker twice: fewer engine.workers need less memory"
        )
    return [place.path / name / "shard.parquet" for name in names]


def draw_more(recipe: Recipe, checkpoint: Done | None, asked: Sequence[PlannedShard]) -> list[Path]:
    """Shards beside the planned ones, drawn without a word: those that replace what the gates rejected."""
    return draw(recipe, checkpoint, lambda done, total: None, asked)


def _lost(shard: PlannedShard) -> tuple[str, bool]:
    return shard.name, False


def _set_up(recipe: Recipe, checkpoint: Path | None) -> tuple[Recipe, Drawer]:
    return recipe, make_engine(recipe, checkpoint)


def _draw_in_worker(folder: Path, state: tuple[Recipe, Drawer], shard: PlannedShard) -> tuple[str, bool]:
    place = Place(folder / shard.name)
    if not place.is_done():  # Dask asks again for what a dead worker had finished
        place.path.mkdir(parents=True, exist_ok=True)
        draw_shard(*state, shard, place)
    return shard.name, True
