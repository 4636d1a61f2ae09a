"""The errors raised on purpose: their text tells a person what to do, so no traceback is shown."""

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

EXPECTED: tuple[type[Exception], ...] = (
    AugmentError,
    CheckpointError,
    DatasetError,
    DeployError,
    HandModelError,
    LockedError,
    PublishError,
    RecipeError,
    SchemaError,
    ShardError,
    SourceError,
)
