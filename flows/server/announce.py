"""Tells Prefect of a published version: an event for whoever trains on it, tables and a link for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.events import emit_event

from manifests.files.layout import MANIFEST, REPORT
from manifests.read.open import open_dataset
from manifests.recipe import Recipe
from tasks.report.accounting import Step, count_images
from tasks.report.report import accounting, score_rows
from tasks.work.logs import log
from tasks.work.stage import Done

EVENT = "palmforge.version.published"


def announce(recipe: Recipe, version: Path) -> None:
    """Emit `palmforge.version.published` with the manifest's address; prefect.yaml starts a training with it.

    Sent at least once for each version: a run that was cut off after publishing says it again.
    """
    opened = open_dataset(version)
    home = recipe.remote_home or version.parent.absolute()
    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": f"palmforge.dataset.{recipe.name}",
            "prefect.resource.name": recipe.name,
        },
        payload={
            "manifest": str(home / version.name / MANIFEST),
            "dataset": str(home),
            "version": version.name,
            "content": opened.metadata["content"],
            "images": opened.image_count,
            "identities": opened.identity_count,
        },
    )


def show_version(version: Path, stages: Mapping[str, Done | None]) -> None:
    """Artifacts of the run: counts, rejects, timings and the report's address."""
    try:
        images, by = count_images(version)
        steps = [*accounting(stages), images]
        create_table_artifact(key="counts", table=_counts(steps, by), description="What became of what")
        create_table_artifact(key="rejects", table=_rejects(steps), description="Reasons, with examples")
        create_table_artifact(key="scores", table=score_rows(version), description="Measures of the version")
        create_table_artifact(key="timings", table=_timings(stages), description="Seconds spent in each step")
        create_link_artifact(
            key="report", link=(version / REPORT).absolute().as_uri(), link_text=f"report of {version.name}"
        )
    except Exception as error:  # the version is published: a server that is away takes nothing from it
        log.warning("the artifacts of %s are not shown: %s", version, type(error).__name__)


def _counts(steps: list[Step], by: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    rows = [
        {"step": step.title, "what": what, "number": number}
        for step in steps
        for what, number in step.became.items()
    ]
    return rows + [
        {"step": f"Images by {name}", "what": value, "number": number}
        for name, counts in by.items()
        for value, number in sorted(counts.items())
    ]


def _rejects(steps: list[Step]) -> list[dict[str, Any]]:
    rows = [
        {
            "step": s.title,
            "reason": reason,
            "number": number,
            "examples": "; ".join(s.examples.get(reason, [])),
        }
        for s in steps
        for reason, number in s.reasons.items()
    ]
    return rows or [{"step": "all", "reason": "none", "number": 0, "examples": ""}]


def _timings(stages: Mapping[str, Done | None]) -> list[dict[str, Any]]:
    return [
        {"step": name, "seconds": done.facts.get("seconds"), "work": done.digest}
        for name, done in stages.items()
        if done
    ]
