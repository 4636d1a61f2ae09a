"""The kinds of sources by name: ours below, those of other packages through palmforge.sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifests.registry import Registry

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.photographs.sources.kind import SourceKind

SOURCES: Registry[SourceKind] = Registry(
    "palmforge.sources",
    "source",
    {
        "none": "tasks.photographs.sources.none:NONE",
        "renderer": "tasks.photographs.sources.drawn:DRAWN",
        "folder": "tasks.photographs.sources.folder:FOLDER",
        "archive": "tasks.photographs.sources.archive:ARCHIVE",
        "kaggle": "tasks.photographs.sources.kaggle:KAGGLE",
    },
    "tasks.photographs.sources.kind:SourceKind",
)


def source_kind(recipe: Recipe) -> SourceKind:
    """The kind of a recipe's source."""
    return SOURCES.get(recipe.source.kind)
