"""Says whether a version may be shared: its bytes are the published ones, and its gates let it pass."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.files.layout import MANIFEST, RECIPE, REJECTS
from manifests.read.open import Version
from manifests.recipe import Recipe, load
from manifests.recipe.errors import RecipeError
from manifests.tools.verify import verify
from manifests.words import PalmforgeError

MEASURED = "quality"  # null where no gate has judged
SURPLUS = "surplus"  # the "gate" of pictures that were not needed


class ShareError(PalmforgeError):
    """A version that must not be shared; the message says why and what to do."""

    exit_code = 3  # of the command line, as when a release is refused


def check_shareable(version: Version, *, unjudged: bool = False) -> None:
    """Raise ShareError when a local version is damaged or did not pass its gates.

    A version that no gate has judged passes only as `unjudged`. What its gates rejected is held against the
    limit of its own recipe again.
    """
    findings = verify(version.path)
    if not findings.ok:
        raise ShareError(f"{version.path} is not as it was published and is not shared:\n{findings}")
    rejected, limit = _rejected(version), _limit(version)
    if rejected > limit:
        raise ShareError(
            f"{version.path} failed its gates and is not shared: they rejected {rejected:.1%} of its "
            f"pictures, its recipe allows {limit:.1%}. Milder values in [capture], then build it again"
        )
    if not unjudged and not _is_judged(version):
        raise ShareError(
            f"{version.path} was not judged by any gate and is not shared: build it with gates.use, or say "
            "--unjudged"
        )


def _rejected(version: Version) -> float:
    """The share of its pictures that gates rejected, as they recorded it."""
    file = version.path / REJECTS
    if not file.is_file():
        return 0.0
    gates: pa.ChunkedArray = pq.read_table(file, columns=["gate"])["gate"]
    surplus = pc.sum(pc.equal(gates, SURPLUS)).as_py() or 0
    return (len(gates) - surplus) / max(1, len(gates) + version.image_count)


def _limit(version: Version) -> float:
    try:
        recipe = load(version.path / RECIPE)
    except RecipeError:
        recipe = Recipe(name="merged")  # a merged version has no recipe of its own
    return recipe.gates.max_rejected


def _is_judged(version: Version) -> bool:
    names = pq.read_schema(version.path / MANIFEST).names
    return MEASURED in names and not version.rows([MEASURED])[MEASURED].null_count
