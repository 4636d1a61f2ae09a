"""Extends a version: its recorded recipe, larger, and the proof that nothing that was there has changed."""

from pathlib import Path

from manifests.files.layout import RECIPE
from manifests.read.open import Version, open_dataset
from manifests.recipe import load
from manifests.recipe.errors import RecipeError
from manifests.tools.diff import Difference, diff
from manifests.words import PalmforgeError
from tasks.draw.regenerate import regenerate, some
from tasks.versions.software import changes

PROBES = 4  # images drawn again before hours of work: they tell whether this code still draws the same
NAMED = 5  # ids in a message


class ExtendError(PalmforgeError):
    """A version that cannot be extended; the message says why and what to do instead."""


def extended(version: Version, identities: int, captures: int) -> list[str]:
    """The overrides that make the recorded recipe of `version` so large; 0 leaves a number as it is.

    Raises ExtendError when that is not more than there is, when the version has no recipe of its own, or when
    this palmforge would draw its images otherwise.
    """
    try:
        had = load(version.path / RECIPE).dataset
    except RecipeError as error:
        raise ExtendError(
            f"{version.path / RECIPE}: no recipe that this palmforge can build ({error}). "
            "A merged version grows by extending what it was merged from and merging again"
        ) from None
    wanted = (identities or had.identities, captures or had.captures)
    if (
        wanted == (had.identities, had.captures)
        or min(wanted[0] - had.identities, wanted[1] - had.captures) < 0
    ):
        raise ExtendError(
            f"{version.path}: it has {had.identities} identities × {had.captures} captures: ask for more"
        )
    _check_drawing(version)
    return [f"dataset.identities={wanted[0]}", f"dataset.captures={wanted[1]}", 'dataset.version=""']


def _check_drawing(version: Version) -> None:
    """Raise ExtendError when a few images, drawn again, are not the published ones."""
    odd = [again.sample_id for again in regenerate(version, some(version, PROBES, 0)) if not again.same]
    if odd:
        lines = "\n".join(f"  {line}" for line in changes(version.metadata.get("software", {})))
        raise ExtendError(
            f"{', '.join(odd)}: this palmforge draws other bytes than {version.path} has:\n{lines}\n"
            "Extend with the software that made it, or build another seed and `palmforge merge` the two"
        )


def check_kept(before: Path, after: Path) -> None:
    """Raise ExtendError naming what of version `before` is not in version `after` as it was."""
    found = diff(open_dataset(before), open_dataset(after))
    if not found.only_adds:
        raise ExtendError(f"not published: {_touched(found)}; {before} stays the newest version")


def _touched(found: Difference) -> str:
    """What is gone or changed, in a line."""
    parts = []
    for what, part in (("identities", found.identities), ("images", found.images)):
        if part.gone:
            parts.append(f"{len(part.gone)} {what} are gone ({', '.join(part.gone[:NAMED])})")
        if part.changed:
            odd = [f"{name}: {', '.join(columns)}" for name, columns in list(part.changed.items())[:NAMED]]
            parts.append(f"{len(part.changed)} {what} changed ({'; '.join(odd)})")
    return ", ".join(parts) or f"columns are gone: {', '.join(found.columns['gone'])}"
