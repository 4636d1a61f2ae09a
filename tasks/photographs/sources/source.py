"""Where photographs come from, one file at a time, whatever the kind of the source."""

from itertools import chain, islice
from pathlib import Path

from tasks.photographs.sources.found import Listing, SourceError
from tasks.photographs.sources.kind import SourceSpec
from tasks.photographs.sources.registry import SOURCES

__all__ = ["SourceSpec", "find"]


def find(source: SourceSpec, scratch: Path) -> Listing:
    """Files of a source in stable order; `scratch` takes what must be unpacked, a file at a time.

    Raises SourceError when the source is missing, unreadable, empty or refused.
    """
    listing = SOURCES.get(source.kind).files(source, scratch)
    files = islice(listing.files, source.limit or None)
    first = next(files, None)
    if first is None:
        name = source.path or source.dataset or source.kind
        raise SourceError("source_empty", f"{name} holds no files; check [source] in the recipe")
    return Listing(chain([first], files), min(listing.total, source.limit or listing.total))
