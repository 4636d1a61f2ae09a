"""Tidies up after a version is published: versions beyond those to be kept, and work that no recipe needs."""

import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from manifests.files.layout import DELETING, explain_write_errors
from manifests.publish.retention import retain, retain_remote
from manifests.recipe import Recipe
from tasks.versions.unchanged import PUBLISHED, remember
from tasks.work.place import MARKER, OWNER

KEPT_FOR_EVER = ("photos", "checkpoints")  # photographs and hours of training: only a person deletes these
SHARD = re.compile(r"^identities-(\d+)-(\d+)$")
log = logging.getLogger("palmforge")


def tidy(recipe: Recipe, version: Path, used: Sequence[Path]) -> None:
    """Delete old versions and old work of this recipe, then note that its version is complete.

    `used` are the stage folders that `version` was made from. A stage that another recipe uses too stays, and
    so do photographs and checkpoints. Raises PublishError when something cannot be deleted.
    """
    with explain_write_errors(Path(recipe.work)):
        keep = recipe.nightly.keep_versions
        gone = retain_remote(recipe.remote_home, keep) if recipe.remote_home else []
        for name in {**dict.fromkeys(gone), **dict.fromkeys(retain(recipe.home, keep))}:
            log.info("deleted version %s: the newest %d are kept", name, keep)
        current = {*used, remember(recipe, version)}
        for stage in _deletable(Path(recipe.work), recipe.name):
            if stage not in current:
                _delete(stage, recipe.name)
        for stage in used:
            _delete_leftovers(stage)


def _deletable(work: Path, owner: str) -> list[Path]:
    """Stages that this recipe has used at some time, oldest names first."""
    marks = sorted(work.glob(f"*/*/{OWNER}{owner}"))
    return [mark.parent for mark in marks if mark.parent.parent.name not in KEPT_FOR_EVER]


def _delete(stage: Path, owner: str) -> None:
    (stage / f"{OWNER}{owner}").unlink()
    if any(stage.glob(f"{OWNER}*")):
        return  # another recipe's too
    if stage.parent.name != PUBLISHED:
        log.info("deleted %s: the newest version of %s is made from other work", stage, owner)
    aside = stage.with_name(f"{DELETING}{stage.name}")
    stage.rename(aside)
    shutil.rmtree(aside)


def _delete_leftovers(stage: Path) -> None:
    """What killed runs left: half-deleted stages, half-written files, shards that a longer one replaced."""
    for aside in stage.parent.glob(f"{DELETING}*"):
        shutil.rmtree(aside)
    for partial in [*stage.glob("*/*.partial"), *stage.glob(".*.tmp"), *stage.glob("*/.*.tmp")]:
        partial.unlink(missing_ok=True)
    ends: dict[int, int] = {}
    shards = [(int(m[1]), int(m[2]), p) for p in stage.iterdir() if (m := SHARD.match(p.name))]
    for first, end, folder in shards:
        if (folder / MARKER).exists():
            ends[first] = max(end, ends.get(first, 0))
    for first, end, folder in shards:
        if end < ends.get(first, 0):
            shutil.rmtree(folder)
