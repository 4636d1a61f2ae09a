"""Publishes the shards of a recipe as a version, with its contact sheet and its report."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from manifests.extras import MissingExtraError
from manifests.files.layout import REJECTS
from manifests.publish.mirror import mirror, newest
from manifests.publish.publish import latest, publish
from manifests.publish.sign import SignError, signer
from manifests.recipe import Recipe
from tasks.draw.card import card_facts
from tasks.judge.rejects import publishable
from tasks.judge.release import check_release
from tasks.judge.rounds import Judged
from tasks.report.report import write_pictures_and_report
from tasks.versions.software import software
from tasks.work.moment import moment
from tasks.work.stage import Done

log = logging.getLogger("palmforge")


def publish_dataset(
    recipe: Recipe,
    judged: Judged,
    stages: Mapping[str, Done | None],
    progress: Callable[[int, int], None],
    keeps: Path | None = None,
    *,
    republish: bool = False,
) -> Path:
    """The folder of the version that now holds what passed; the one that is there when nothing changed.

    `stages` by name, "train" and "judge" among them, as the report shows them. With a remote `out` the
    version is built in the work folder, then copied there. `keeps` is a version of which everything must be
    in the new one as it was. LATEST goes back to an older version only with `republish`; else that is said.
    Raises ReleaseError when the dataset as a whole must not be published, PublishError when it cannot be
    written, SignError when it cannot be signed, ExtendError when something of `keeps` is missing, RemoteError
    when it cannot be copied; nothing is left half-published then.
    """
    progress(0, 1)
    check_release(recipe, judged)

    def finish(folder: Path) -> None:
        if keeps:
            from tasks.versions.extend import check_kept  # loads every engine: two seconds and 170 MiB

            check_kept(keeps, folder)
        write_pictures_and_report(folder, recipe, stages)

    checkpoint, rejects = stages.get("train"), judged.done.path / REJECTS
    version = publish(
        judged.parts,
        recipe.home.parent,
        recipe.name,
        recipe_toml=recipe.to_toml(execution=False),
        recipe_digest=recipe.digest(),
        created_at=moment().isoformat(timespec="seconds"),
        card=card_facts(recipe, checkpoint),
        extras={REJECTS: publishable(rejects)} if rejects.is_file() else {},
        finish=finish,
        sign=_signing(recipe),
        version=recipe.dataset.version,
        night=recipe.nightly.night,
        software=software(recipe.engine.name),
        republish=republish,
    )
    if recipe.remote_home:
        log.info("published %s", mirror(version.path, recipe.remote_home, republish=republish))
    if (named := newest_version(recipe)) != version.name:
        log.warning(
            "nothing new: this is version %s, older than %s, which LATEST names still; let it name the older "
            "one with --republish",
            version.name,
            named,
        )
    progress(1, 1)
    return version.path


def _signing(recipe: Recipe) -> Callable[[Path, Mapping[str, Any]], bytes | None] | None:
    """What signs the version, as the recipe asks; None when it does not. A failure may be let pass."""
    if not recipe.publish.sign:
        return None

    def sign(manifest: Path, statement: Mapping[str, Any]) -> bytes | None:
        try:
            return signer(recipe.publish.certificate, recipe.publish.key).sign(manifest, statement)
        except (SignError, MissingExtraError) as error:
            if not recipe.publish.unsigned:
                raise
            log.warning("published without a signature, as publish.unsigned allows: %s", error)
            return None

    return sign


def newest_version(recipe: Recipe) -> str:
    """The version that LATEST names where readers look; empty when there is none."""
    return (newest(recipe.remote_home) if recipe.remote_home else latest(recipe.home)) or ""
