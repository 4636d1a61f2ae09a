"""Where photographs come from: a folder, an archive, Kaggle or the renderer, one file at a time."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from manifests.files.remote import is_remote
from tasks.photographs.sources.archive import members
from tasks.photographs.sources.found import Found, Listing, SourceError, is_archive, is_hidden
from tasks.photographs.sources.kaggle import download
from tasks.photographs.sources.remote import remote_archive, remote_folder

Kind = Literal["folder", "archive", "kaggle", "renderer"]
Photographs = Callable[[], Iterable[tuple[str, NDArray[np.uint8]]]]


@dataclass(frozen=True)
class SourceSpec:
    """One source of photographs.

    path: folder or archive; dataset: Kaggle's owner/name/versions/N; licence, credit: recorded with every
    photo; limit: files at most, 0 = all; retries: further attempts when the network is to blame.
    """

    kind: Kind
    path: str = ""
    dataset: str = ""
    licence: str = ""
    credit: str = ""
    limit: int = 0
    retries: int = 5

    @property
    def title(self) -> str:
        """What the column source_dataset says: the Kaggle handle or the name of the folder or archive."""
        if is_remote(self.path):
            return self.path.rstrip("/").rpartition("/")[2]
        return self.dataset or (Path(self.path).expanduser().resolve().name if self.path else self.kind)


def find(source: SourceSpec, scratch: Path, photographs: Photographs | None = None) -> Listing:
    """Files of a source in stable order; `scratch` takes what must be unpacked, a file at a time.

    photographs: for kind "renderer", gives (name, uint8 RGB picture (h, w, 3)) pairs.
    Raises SourceError when the source is missing, unreadable, empty or refused.
    """
    listing = _open(source, scratch, photographs)
    files = islice(listing.files, source.limit or None)
    first = next(files, None)
    if first is None:
        name = source.path or source.dataset or source.kind
        raise SourceError("source_empty", f"{name} holds no files; check [source] in the recipe")
    return Listing(chain([first], files), min(listing.total, source.limit or listing.total))


def _open(source: SourceSpec, scratch: Path, photographs: Photographs | None) -> Listing:
    if source.kind == "kaggle":
        return _folder(download(source.dataset, retries=source.retries))
    if source.kind == "renderer":
        if photographs is None:
            raise SourceError(
                "no_renderer", "kind = renderer needs the function that draws; pass photographs"
            )
        return Listing(_drawn(photographs, scratch))
    if is_remote(source.path) and source.kind == "folder":
        return remote_folder(source.path, scratch)
    if is_remote(source.path):
        return Listing(members(remote_archive(source.path, scratch), scratch))
    path = Path(source.path).expanduser()
    return _folder(path) if source.kind == "folder" else Listing(members(_existing_file(path), scratch))


def _existing_file(path: Path) -> Path:
    if path.is_dir():
        raise SourceError("not_an_archive", f"{path} is a folder; set source.kind to folder")
    if not path.is_file():
        raise SourceError("source_missing", f"no archive at {path}; check source.path in the recipe")
    return path


def _folder(root: Path) -> Listing:
    if root.is_file():
        raise SourceError("not_a_folder", f"{root} is a file; set source.kind to archive")
    if not root.is_dir():
        raise SourceError("source_missing", f"no folder at {root}; check source.path in the recipe")
    return Listing(_walk(root), sum(1 for _ in _walk(root)))


def _walk(root: Path) -> Iterator[Found]:
    """Depth first, by name; without recursion, for folders may be nested deeper than Python's stack."""
    waiting: list[tuple[Path | os.DirEntry[str], frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while waiting:
        item, above = waiting.pop()
        if isinstance(item, os.DirEntry) and not item.is_dir():
            yield _file(_relative(root, Path(item)), item)
            continue
        try:
            status = Path(item).stat()
            here = (status.st_dev, status.st_ino)
            if here in above:  # a link back to a folder above would never end
                continue
            with os.scandir(item) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError as error:
            yield Found(_relative(root, Path(item)), reason="unreadable", detail=f"folder: {error.strerror}")
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


def _drawn(photographs: Photographs, scratch: Path) -> Iterator[Found]:
    for index, (name, rgb) in enumerate(photographs()):
        path = scratch / f"drawn-{index:08d}.png"
        Image.fromarray(rgb).save(path, compress_level=1)
        yield Found(name, path, temporary=True)
