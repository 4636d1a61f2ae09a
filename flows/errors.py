"""The errors raised on purpose: their text tells a person what to do, so no traceback is shown."""

import logging

from flows.deploy import DeployError
from manifests.layout import PublishError
from manifests.read import DatasetError
from manifests.recipe_errors import RecipeError
from manifests.schema import SchemaError
from manifests.survey import ShardError
from palm_models.checkpoint import CheckpointError
from palm_models.hand_model import HandModelError
from tasks.augment import AugmentError
from tasks.found import SourceError
from tasks.lock import LockedError
from tasks.runner import RunnerError

EXPECTED: tuple[type[Exception], ...] = (
    AugmentError,
    CheckpointError,
    DatasetError,
    DeployError,
    HandModelError,
    LockedError,
    PublishError,
    RecipeError,
    RunnerError,
    SchemaError,
    ShardError,
    SourceError,
)


class WithoutTrace(logging.Filter):
    """Keeps the words of an expected error in Prefect's logs and drops its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: no record is lost."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, EXPECTED):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


for name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(name).addFilter(WithoutTrace())
