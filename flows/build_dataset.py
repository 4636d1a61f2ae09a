"""The flow `build-dataset`: photographs to a published, labelled dataset, each step done once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.parameters import NO_CHANGES, Assignments, Changes, RecipePath, assignments
from flows.server.errors import quiet_errors
from flows.server.reconcile import alive
from manifests.recipe import Recipe, load
from tasks.versions.nightly import tonight
from tasks.versions.unchanged import published
from tasks.work.lock import lock
from tasks.work.logs import bound, log


@flow(name="build-dataset")
def build_dataset(
    recipe: RecipePath = "datasets/quickstart.toml",
    overrides: Assignments = [],  # noqa: B006  (read only; a list, so that the API's messages stay short)
    changes: Changes = NO_CHANGES,
    keeps: str = "",
) -> str:
    """Build the dataset of `recipe` and return the folder of the published version.

    `changes` are options of a recipe, as {"dataset": {"identities": 400}}; `overrides` the same in a line
    each, "dataset.identities=400". The same call resumes what was cut off, and ends at once when nothing
    changed. `keeps` is the folder of a version of which everything must be in the new one as it was.
    """
    quiet_errors()
    wanted = load(recipe, [*assignments(changes), *overrides])
    with alive(flow_run.id), bound(run=flow_run.name or "", recipe=wanted.name):
        plan = tonight(wanted, wanted.nightly.night or _night())
        if version := published(plan):
            log.info("nothing changed since %s: nothing to do", version)
            return str(version)
        with lock(Path(plan.work) / f"{plan.name}.lock"):
            return str(_build(plan, Path(keeps) if keeps else None))


def _build(plan: Recipe, keeps: Path | None) -> Path:
    # Imported here because it loads the engines, which a night without changes does not need.
    from flows.server.announce import announce, show_version
    from flows.steps import align, generate, ingest, judge, publish, tidy, train
    from tasks.draw.plan import check
    from tasks.versions.publish import check_target

    check_target(check(plan))
    photos = ingest(plan)
    palms = align(plan, photos)
    checkpoint = train(plan, palms)
    drawn = generate(plan, checkpoint)
    judged = judge(plan, palms, checkpoint)
    stages = {
        "ingest": photos, "align": palms, "train": checkpoint, "generate": drawn.done, "judge": judged.done
    }  # fmt: skip
    version = publish(plan, judged, stages, keeps)
    show_version(version, stages)
    announce(plan, version)
    tidy(plan, version, [*(done.path for done in stages.values() if done), *judged.used])
    return version


def _night() -> str:
    """The date (UTC) that this run was scheduled for: one that starts late belongs to the same night."""
    moment: Any = flow_run.scheduled_start_time
    return (moment or datetime.now(UTC)).astimezone(UTC).date().isoformat()
