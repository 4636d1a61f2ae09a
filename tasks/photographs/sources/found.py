"""What a source hands over: one file at a time, or the reason why a file cannot be used."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from manifests.words import PalmforgeError

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".zst")


class SourceError(PalmforgeError):
    """A source that gives no photographs: `reason` is a snake_case code, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Found:
    """One file of a source, under the name it has there.

    path: the file to read, None when there is only a reason; temporary: to be removed after reading;
    reason, detail: why it is rejected unread (snake_case code, and a sentence), empty otherwise.
    """

    name: str
    path: Path | None = None
    temporary: bool = False
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Listing:
    """The files of a source in stable order; total: how many, 0 when only reading will tell."""

    files: Iterator[Found]
    total: int = 0


def is_hidden(name: str) -> bool:
    """True for names that file managers hide or leave behind: .DS_Store, ._photo.jpg, __MACOSX/..."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in parts)


def is_archive(name: str) -> bool:
    """True when the name is that of an archive or a compressed file."""
    return name.lower().endswith(ARCHIVES)
