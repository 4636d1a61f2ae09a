"""The story `build-dataset`: photographs to a published, labelled dataset, each step done once."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flows.parameters import NO_CHANGES, Assignments, Changes, RecipePath, assignments
from flows.tracking import scheduled, tracked
from manifests.recipe import Recipe, load
from tasks.versions.nightly import tonight
from tasks.versions.ready import ready
from tasks.versions.unchanged import published, unsigned
from tasks.work.lock import lock
from tasks.work.logs import bound, log

if TYPE_CHECKING:
    from tasks.work.stage import Done


def build_dataset(
    recipe: RecipePath = "datasets/quickstart.toml",
    overrides: Assignments = [],  # noqa: B006  (read only; a list, so that the API's messages stay short)
    changes: Changes = NO_CHANGES,
    keeps: str = "",
    republish: bool = False,
) -> str:
    """Build the dataset of `recipe` and return the folder of the published version.

    `changes` are options of a recipe, as {"dataset": {"identities": 400}}; `overrides` the same in a line
    each, "dataset.identities=400". The same call resumes what was cut off, and ends at once when nothing
    changed. `keeps` is the folder of a version of which everything must be in the new one as it was. LATEST
    goes back to an older version only with `republish`.
    """
    wanted = load(recipe, [*assignments(changes), *overrides])
    with bound(recipe=wanted.name):
        plan = tonight(ready(wanted), wanted.nightly.night or scheduled().date().isoformat())
        if version := published(plan):
            log.info("nothing changed since %s: nothing to do", version)
        else:
            with lock(Path(plan.work) / f"{plan.name}.lock"):
                version = _build(plan, Path(keeps) if keeps else None, republish=republish)
        if lacking := unsigned(plan, version):
            log.warning("%s", lacking)
        return str(version)


def _build(plan: Recipe, keeps: Path | None, *, republish: bool = False) -> Path:
    # Imported here because it loads the engines, which a night without changes does not need.
    from flows.steps import align, generate, ingest, judge, publish, tidy, train
    from tasks.versions.publish import newest_version

    if plan.remote_home:
        plan.remote_home.check_writable()
    photos = ingest(plan)
    palms = align(plan, photos)
    checkpoint = train(plan, palms)
    drawn = generate(plan, checkpoint)
    judged = judge(plan, drawn, palms, checkpoint)
    stages = {
        "ingest": photos, "align": palms, "train": checkpoint, "generate": drawn.done, "judge": judged.done
    }  # fmt: skip
    version = publish(plan, judged, stages, keeps, republish)
    if newest_version(plan) != version.name:
        return version  # an older one: what the newer one is made from stays, and nobody is told
    _announce(plan, version, stages)
    tidy(plan, version, [*(done.path for done in stages.values() if done), *judged.used])
    return version


def _announce(plan: Recipe, version: Path, stages: "Mapping[str, Done | None]") -> None:
    """Tell the server, when there is one, of the version and what it was made of."""
    if tracked():
        from flows.server.announce import announce, show_version
        from flows.server.lineage import show_lineage

        show_version(version, stages)
        show_lineage(plan, version, stages)
        announce(plan, version)
