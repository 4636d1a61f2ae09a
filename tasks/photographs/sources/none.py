"""The source none: no photographs, for recipes that learn nothing here."""

from __future__ import annotations

from pathlib import Path

from tasks.photographs.sources.found import Listing
from tasks.photographs.sources.kind import SourceKind, SourceSpec


class NoSource(SourceKind):
    """Gives nothing."""

    name = "none"
    summary = "no photographs"
    gives = False
    people = False

    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """None."""
        return Listing(iter(()))


NONE = NoSource()
