"""The source kaggle: a dataset of Kaggle at a pinned version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.photographs.sources.folder import walk
from tasks.photographs.sources.found import Listing
from tasks.photographs.sources.kind import SourceKind, SourceSpec

if TYPE_CHECKING:
    from manifests.recipe.sections import Source


class KaggleSource(SourceKind):
    """A dataset of Kaggle; its pinned version never changes, so there is nothing to list."""

    name = "kaggle"
    requires = ("kagglehub",)
    summary = "a Kaggle dataset at a pinned version"

    def check(self, source: Source) -> None:
        """Needs a handle."""
        if not source.dataset:
            raise ValueError('kind = "kaggle" needs source.dataset, as owner/name/versions/N')

    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """The files of the download, which is kept in kagglehub's cache."""
        from tasks.photographs.sources.download import download  # with what only downloading needs

        return walk(download(source.dataset, retries=source.retries))


KAGGLE = KaggleSource()
