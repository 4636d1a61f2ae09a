"""Tells before any work, and without loading an engine, that what a recipe asks for is published already."""

from pathlib import Path

from manifests.effects import Effect, without
from manifests.files.layout import LATEST, MANIFEST, SIGNATURE
from manifests.publish.mirror import newest
from manifests.recipe import Recipe
from tasks.photographs.sources.registry import source_kind
from tasks.work.stage import Stage

PUBLISHED = "published"  # the stage that notes it
STEPS = (
    "tasks.photographs.steps",
    "tasks.engines.trained",
    "tasks.draw.shards",
    "tasks.judge.rounds",
    "tasks.versions.publish",
    "tasks.versions.tidy",
)


def published(recipe: Recipe) -> Path | None:
    """The version that LATEST names, when it was made by this recipe from these inputs with this code."""
    place = stage(recipe).place()
    home = recipe.home
    name = str(place.facts().get("version", ""))
    try:
        latest = (home / LATEST).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    if not name or name != latest or not (home / name / MANIFEST).is_file():
        return None
    return home / name if not recipe.remote_home or newest(recipe.remote_home) == name else None


def unsigned(recipe: Recipe, version: Path) -> str:
    """What to say of a version that was there unsigned when the recipe asks for a signature; else ""."""
    if not recipe.publish.sign or recipe.publish.unsigned or (version / SIGNATURE).is_file():
        return ""
    return (
        f"{version} was published without a signature, and a published version is never changed: "
        "name another dataset.version to publish the same pictures signed"
    )


def remember(recipe: Recipe, version: Path) -> Path:
    """Note, when all else is done, that `version` is what the recipe asks for; returns the note's folder."""
    place = stage(recipe).place()
    place.finish([], {"version": version.name, "folder": str(version.absolute())})
    return place.path


def stage(recipe: Recipe) -> Stage:
    """All that determines a version, known without reading a photograph or drawing a picture."""
    given = Path(recipe.train.checkpoint)  # "shipped" and "train" are no folders
    model = [Path(recipe.align.model)] if recipe.align.model else []
    return Stage(
        PUBLISHED,
        recipe,
        options=tuple(without(recipe, Effect.NOTHING)),
        code=STEPS,
        data=("palm_models/weights", "tasks/report/templates", "manifests/publish/templates"),
        files=(*sorted(f for f in given.glob("*.*") if f.is_file()), *(m for m in model if m.is_file())),
        given={
            "home": str(recipe.remote_home or recipe.home.absolute()),
            "kept": recipe.nightly.keep_versions,
            "listing": source_kind(recipe).listing(recipe),
        },
    )
