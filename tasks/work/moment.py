"""The moment that a version bears."""

import os
from datetime import UTC, datetime

from manifests.recipe.errors import RecipeError

EPOCH = "SOURCE_DATE_EPOCH"


def moment() -> datetime:
    """Now, or SOURCE_DATE_EPOCH (seconds) where it is set: then two builds are equal byte for byte.

    Raises RecipeError when it is no moment.
    """
    epoch = os.environ.get(EPOCH)
    try:
        return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        raise RecipeError(f"{EPOCH}={epoch}: give it whole seconds since 1970, or unset it") from None
