"""The source folder: every file below a folder, local or on a store, depth first, by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from manifests.files.remote import is_remote
from tasks.photographs.sources.found import Found, Listing, SourceError, is_archive, is_hidden
from tasks.photographs.sources.kind import SourceKind, SourceSpec
from tasks.photographs.sources.remote import remote_folder, remote_listing

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from manifests.recipe.sections import Source


class FilesSource(SourceKind):
    """What folder and archive share: they lie at source.path."""

    def check(self, source: Source) -> None:
        """Needs a path."""
        if not source.path:
            raise ValueError(f'kind = "{self.name}" needs source.path, the {self.name} with the photographs')

    def listing(self, recipe: Recipe) -> list[Any]:
        """Name, size and time of each file."""
        path = recipe.source.path
        return list(remote_listing(path)) if is_remote(path) else local_listing(path)


class FolderSource(FilesSource):
    """A folder, or an address of one."""

    name = "folder"
    summary = "a folder, local or an address"

    def look(self, source: SourceSpec) -> None:
        """A folder must be there."""
        if not is_remote(source.path):
            _existing(Path(source.path).expanduser())

    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """The folder's files; remote ones are copied into `scratch` when their turn comes."""
        if is_remote(source.path):
            return remote_folder(source.path, scratch)
        return walk(Path(source.path).expanduser())


def local_listing(path: str) -> list[Any]:
    """Name, size and time of a file, or of each file below a folder."""
    root = Path(path).expanduser()
    files = (found.path for found in below(root) if found.path) if root.is_dir() else [root]
    return [stamp for file in files if (stamp := _stamp(file))]


def _stamp(file: Path) -> tuple[str, int, int] | None:
    try:
        status = file.stat()
    except OSError:  # a link to itself, one unreadable entry: ingest gives it a row with its reason
        return None
    return (str(file), status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else None


def _existing(root: Path) -> None:
    if root.is_file():
        raise SourceError("not_a_folder", f"{root} is a file; set source.kind to archive")
    if not root.is_dir():
        raise SourceError("source_missing", f"no folder at {root}; check source.path in the recipe")


def walk(root: Path) -> Listing:
    """Every file below `root`. Raises SourceError when it is no folder."""
    _existing(root)
    return Listing(below(root), sum(1 for _ in below(root)))


def below(root: Path) -> Iterator[Found]:
    """Every file, depth first, by name; what cannot be read or is none comes with its reason.

    Without recursion, for folders may be nested deeper than Python's stack.
    """
    waiting: list[tuple[Path | os.DirEntry[str], frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while waiting:
        item, above = waiting.pop()
        try:
            if isinstance(item, os.DirEntry) and not item.is_dir():
                yield _file(_relative(root, Path(item)), item)
                continue
            status = Path(item).stat()
            here = (status.st_dev, status.st_ino)
            if here in above:  # a link back to a folder above would never end
                continue
            with os.scandir(item) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError as error:
            detail = f"{error.strerror}; mend or remove it"
            yield Found(_relative(root, Path(item)), reason="unreadable", detail=detail)
            continue
        below = above | {here}
        waiting += [(entry, below) for entry in entries if not is_hidden(entry.name)]


def _file(name: str, entry: os.DirEntry[str]) -> Found:
    if not entry.is_file():
        kind = "a link that leads nowhere" if entry.is_symlink() else "a pipe, socket or device"
        return Found(name, reason="special_file", detail=f"{kind}; remove it")
    if is_archive(name):
        return Found(
            name, reason="nested_archive", detail="unpack it, or name it as source.path of kind archive"
        )
    return Found(name, Path(entry.path))


def _relative(root: Path, path: Path) -> str:
    name = path.relative_to(root).as_posix() if path != root else root.name
    return os.fsencode(name).decode("utf-8", "backslashreplace")


FOLDER = FolderSource()
