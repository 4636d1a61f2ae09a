"""Pictures of known people in any set of one's own: a folder an identity, a flat folder, or a CSV."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from manifests.files.lists import ListError, is_list, read_list
from tasks.evaluate.sets.kind import Listed, Shot, TestSet, pictures_below
from tasks.photographs.sources.found import SourceError

PATTERN = r"^([A-Za-z]+_?\d+)_"  # who a picture of a flat folder shows: person_1_… shows person_1
FIELDS = ("session", "device")  # further columns of a CSV that are heeded


class FolderSet(TestSet):
    """`id/picture`, a flat folder whose names `pattern` reads, or a CSV with the columns path and id."""

    name = "folder"
    summary = "a set of your own: id/picture, or a CSV with path and id"
    form = "a folder an identity, or a CSV with the columns path and id (session, device)"

    def __init__(self, pattern: str = PATTERN) -> None:
        self.pattern = pattern

    def shot(self, path: Path, name: str) -> Shot | None:
        """By its folder below the set's own, or the pattern."""
        return Shot(path, person(name.partition("/")[2], self.pattern))

    def listed(self, folder: Path) -> Listed:
        """The pictures of a folder or of a CSV. Raises SourceError."""
        if is_list(folder):
            return Listed(_rows(folder))
        found = pictures_below(folder)
        if not found:
            raise SourceError("source_empty", f"{folder} holds no pictures; looked for {self.form}")
        return Listed([Shot(p, person(p.relative_to(folder).as_posix(), self.pattern)) for p in found])


def person(name: str, pattern: str) -> str:
    """Who a photograph shows: its folder, or in a flat folder what `pattern` finds in its name."""
    folder = PurePosixPath(name).parent.as_posix()
    if folder != ".":
        return folder
    found = re.search(pattern, name)
    if not found:
        raise SourceError(
            "who_is_it",
            f"{name}: neither in a folder of its identity nor matched by {pattern!r}; "
            "sort the pictures into folders (id/picture), give a CSV with path and id, or a --id-pattern",
        )
    return found.group(1)


def _rows(path: Path) -> list[Shot]:
    try:
        rows: Sequence[dict[str, str]] = read_list(path, ["path", "id"])
        if not rows:
            raise ListError(f"{path}: names no picture")
    except OSError as error:
        raise SourceError("source_missing", f"{path}: {error.strerror}") from None
    except ListError as error:
        message = f"{error}; it needs a header with the columns path and id, and a row a picture"
        raise SourceError("not_a_list", message) from None
    missing = [row["path"] for row in rows if not (path.parent / row["path"]).is_file()]
    if missing:
        names = ", ".join(missing[:3])
        raise SourceError("source_missing", f"{path} names files that are not there: {names}")
    return [
        Shot((path.parent / row["path"]).resolve(), row["id"], **{f: row.get(f, "") for f in FIELDS})
        for row in rows
    ]


FOLDER = FolderSet()
