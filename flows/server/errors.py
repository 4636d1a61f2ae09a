"""The errors raised on purpose: their text tells a person what to do, so no traceback is shown."""

import logging

EXPECTED = {  # by name: importing their modules would import torch
    "flows.server.deploy.DeployError",
    "manifests.files.layout.PublishError",
    "manifests.read.open.DatasetError",
    "manifests.recipe.errors.RecipeError",
    "manifests.files.remote.RemoteError",
    "manifests.contract.schema.SchemaError",
    "manifests.tools.sql.QueryError",
    "manifests.publish.survey.ShardError",
    "palm_models.engines.checkpoint.CheckpointError",
    "palm_models.photo.hand_model.HandModelError",
    "tasks.draw.augment.AugmentError",
    "tasks.versions.extend.ExtendError",
    "tasks.photographs.sources.found.SourceError",
    "tasks.judge.thresholds.GateError",
    "tasks.train.launch.LaunchError",
    "tasks.work.lock.LockedError",
    "tasks.versions.merge_sources.MergeError",
    "tasks.draw.regenerate.RegenerateError",
    "tasks.judge.release.ReleaseError",
    "tasks.workers.runner.RunnerError",
}


def is_expected(error: BaseException | None) -> bool:
    """True for an error that was raised on purpose, or one derived from it."""
    return any(f"{c.__module__}.{c.__qualname__}" in EXPECTED for c in type(error).__mro__)


class WithoutTrace(logging.Filter):
    """Keeps the words of an expected error in Prefect's logs and drops its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: no record is lost."""
        error = record.exc_info[1] if record.exc_info else None
        if is_expected(error):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


for name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(name).addFilter(WithoutTrace())
