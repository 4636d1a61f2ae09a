"""Tries in a folder what builds rely on there: writing, locks, renaming, fsync."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


def trouble(folder: Path) -> tuple[str, list[str]]:
    """Why nothing can be built in `folder`, "" when it can; and what this place does without.

    A folder that does not exist is tried where it would be made; nothing is left behind.
    """
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    lacks: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".palmforge-", dir=place) as scratch:
            file = Path(scratch) / "one"
            with file.open("wb") as handle:
                handle.write(b"palmforge")
                handle.flush()
                os.fsync(handle.fileno())
                _try(lacks, "locks", lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB))
            file.rename(file.with_name("two"))
            descriptor = os.open(scratch, os.O_RDONLY)
            try:
                _try(lacks, "fsync of folders", lambda: os.fsync(descriptor))
            finally:
                os.close(descriptor)
    except OSError as error:
        return f"{error.filename or place}: {error.strerror}", lacks
    return "", lacks


def _try(lacks: list[str], what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        lacks.append(what)
