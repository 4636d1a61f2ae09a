"""Small datasets drawn by the renderer and published without Prefect: for tests of what comes after."""

from functools import partial
from pathlib import Path
from typing import Any

from manifests.read.open import Version, open_dataset
from manifests.recipe import Recipe, parse
from tasks.draw.shards import draw_more, generate
from tasks.engines.trained import train
from tasks.judge.rounds import Judged, judge
from tasks.versions.publish import publish_dataset
from tasks.work.stage import Done


def quiet(done: int, total: int) -> None:
    """A progress that says nothing."""


def judged_by(recipe: Recipe, checkpoint: Done | None = None, palms: Done | None = None) -> Judged:
    """The recipe drawn and judged, its rejects replaced."""
    drawn = generate(recipe, checkpoint, quiet)
    return judge(recipe, drawn, palms, quiet, partial(draw_more, recipe, checkpoint))


def build(folder: Path, name: str = "small", keeps: Path | None = None, **sections: Any) -> Version:
    """A published version of a tiny recipe; `sections` replace its own."""
    base: dict[str, Any] = {
        "name": name,
        "seed": 5,
        "out": str(folder / "out"),
        "work": str(folder / "work"),
        "engine": {"name": "renderer", "workers": 1},
        "gates": {"use": []},
        "dataset": {"identities": 4, "captures": 2, "size": 32, "shard_identities": 4},
    }
    for key, value in sections.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    recipe = parse(base)
    checkpoint = train(recipe, None, quiet)
    judged = judged_by(recipe, checkpoint)
    done = {"train": checkpoint, "judge": judged.done}
    return open_dataset(publish_dataset(recipe, judged, done, quiet, keeps))
