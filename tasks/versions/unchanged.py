"""Tells before any work, and without loading an engine, that what a recipe asks for is published already."""

from pathlib import Path

from manifests.files.layout import LATEST, MANIFEST, file_sha256
from manifests.publish.mirror import newest
from manifests.recipe import Recipe
from palm_models.shipped import SHIPPED
from tasks.photographs.sources.registry import source_kind
from tasks.work.stage import Stage, Work, code_digest, digest_of

PUBLISHED = "published"  # the stage that notes it


def published(recipe: Recipe) -> Path | None:
    """The version that LATEST names, when it was made by this recipe from these inputs with this code."""
    stage = _stage(recipe)
    home = recipe.home
    name = str(stage.facts().get("version", ""))
    try:
        latest = (home / LATEST).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    if not name or name != latest or not (home / name / MANIFEST).is_file():
        return None
    return home / name if not recipe.remote_home or newest(recipe.remote_home) == name else None


def remember(recipe: Recipe, version: Path) -> Path:
    """Note, when all else is done, that `version` is what the recipe asks for; returns the note's folder."""
    stage = _stage(recipe)
    stage.finish([], {"version": version.name, "folder": str(version.absolute())})
    return stage.path


def _stage(recipe: Recipe) -> Stage:
    """Named by all that determines a version, known without reading a photograph or drawing a picture."""
    given = Path(recipe.train.checkpoint)  # "shipped" and "train" are no folders
    learned = [file_sha256(f) for folder in (SHIPPED, given) for f in sorted(folder.glob("*.*"))]
    digest = digest_of(
        recipe.digest(),
        str(recipe.remote_home or recipe.home.absolute()),
        recipe.nightly.keep_versions,
        source_kind(recipe).listing(recipe),
        learned,
        code_digest("flows", "tasks", "manifests", "palm_models"),
    )
    return Work.of(recipe).stage(PUBLISHED, digest)
