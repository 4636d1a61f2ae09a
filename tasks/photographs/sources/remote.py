"""Photographs on a remote store as a source: a folder file by file, an archive as a whole."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from manifests.files.remote import RemoteError, RemotePath
from tasks.photographs.sources.found import Found, Listing, SourceError, is_archive, is_hidden

STAMPS = ("size", "ETag", "etag", "LastModified", "mtime", "created")  # what stores say of a file


def remote_folder(url: str, scratch: Path) -> Listing:
    """The files below `url` in the order of their names, each copied into `scratch` when its turn comes.

    Raises SourceError when there are none, or the store cannot be reached.
    """
    names = sorted(name for name in _files(url) if not is_hidden(name))
    if not names:
        raise SourceError("source_missing", f"no files below {url}; check source.path in the recipe")
    return Listing(_fetched(RemotePath(url), names, scratch), len(names))


def remote_archive(url: str, scratch: Path) -> Path:
    """The archive `url`, copied into `scratch`. Raises SourceError when it cannot be fetched."""
    target = scratch / f"archive-{RemotePath(url).name}"
    try:
        RemotePath(url).download(target)
    except FileNotFoundError:
        raise SourceError("source_missing", f"no archive at {url}; check source.path in the recipe") from None
    except RemoteError as error:
        raise SourceError("source_unreachable", str(error)) from None
    return target


def remote_listing(url: str) -> list[tuple[str, dict[str, str]]]:
    """Name, size, time and ETag of what is at `url`: tells, without reading, that it is as it was."""
    found = _files(url)
    return [(name, {k: str(found[name][k]) for k in STAMPS if k in found[name]}) for name in sorted(found)]


def _files(url: str) -> dict[str, dict[str, Any]]:
    try:
        return RemotePath(url).files()
    except RemoteError as error:
        raise SourceError("source_unreachable", str(error)) from None


def _fetched(root: RemotePath, names: list[str], scratch: Path) -> Iterator[Found]:
    for index, name in enumerate(names):
        if is_archive(name):
            yield Found(name, reason="nested_archive", detail="name it as source.path of kind archive")
            continue
        target = scratch / f"fetched-{index:08d}{PurePosixPath(name).suffix}"
        try:
            (root / name).download(target)
        except FileNotFoundError:
            yield Found(name, reason="unreadable", detail="it was deleted while the source was read")
        except RemoteError as error:
            raise SourceError("source_unreachable", str(error)) from None
        else:
            yield Found(name, target, temporary=True)
