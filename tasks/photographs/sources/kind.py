"""SourceKind: all that the house must know of one kind of source in one object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.files.remote import is_remote
from manifests.registry import Part
from tasks.photographs.sources.found import Listing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from manifests.recipe import Recipe
    from manifests.recipe.sections import Source

    Photographs = Callable[[], Iterable[tuple[str, NDArray[np.uint8]]]]


@dataclass(frozen=True)
class SourceSpec:
    """One source of photographs.

    path: folder or archive; dataset: Kaggle's owner/name/versions/N; licence, credit: recorded with every
    photo; limit: files at most, 0 = all; retries: further attempts when the network is to blame;
    drawn: gives (name, uint8 RGB picture (h, w, 3)) pairs, for kind "renderer"; own: a plug-in's options.
    """

    kind: str
    path: str = ""
    dataset: str = ""
    licence: str = ""
    credit: str = ""
    limit: int = 0
    retries: int = 5
    drawn: Photographs | None = None
    own: Any = None

    @property
    def title(self) -> str:
        """What the column source_dataset says: the Kaggle handle or the name of the folder or archive."""
        if is_remote(self.path):
            return self.path.rstrip("/").rpartition("/")[2]
        return self.dataset or (Path(self.path).expanduser().resolve().name if self.path else self.kind)


class SourceKind(Part, ABC):
    """One kind of source, stateless; plug-ins subclass it (entry point palmforge.sources)."""

    gives: ClassVar[bool] = True  # there are photographs at all
    people: ClassVar[bool] = True  # of real people: shown in a report only when the recipe says so
    code: ClassVar[tuple[str, ...]] = ()  # modules whose import closure makes them, where they are made here

    def check(self, source: Source) -> None:
        """Raise ValueError, in words of the recipe, when the section [source] lacks what this kind needs."""

    def listing(self, recipe: Recipe) -> list[Any]:
        """What tells, without reading a file, that the photographs are as they were; JSON-able."""
        return []

    def spec(self, recipe: Recipe) -> SourceSpec:
        """The recipe's source as `files` takes it."""
        given = recipe.source.model_dump(exclude={"identities", "captures"})
        return SourceSpec(**given, own=getattr(recipe, self.own_section) if self.own_section else None)

    def look(self, source: SourceSpec) -> None:
        """Raise SourceError when the photographs are plainly not there; makes no request, reads no file."""

    @abstractmethod
    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """The files in stable order; `scratch` takes what must be unpacked, a file at a time.

        Raises SourceError when the source is missing, unreadable or refused.
        """
