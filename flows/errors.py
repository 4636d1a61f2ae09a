"""The errors raised on purpose: their text tells a person what to do, so no traceback is shown."""

from flows.deploy import DeployError
from manifests.layout import PublishError
from manifests.recipe_errors import RecipeError
from manifests.schema import SchemaError
from manifests.survey import ShardError
from tasks.augment import AugmentError
from tasks.found import SourceError
from tasks.lock import LockedError

EXPECTED: tuple[type[Exception], ...] = (
    AugmentError,
    DeployError,
    LockedError,
    PublishError,
    RecipeError,
    SchemaError,
    ShardError,
    SourceError,
)
