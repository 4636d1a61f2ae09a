"""What a person is told when the machine fails: which file, why, and what to do next."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from manifests.words import PalmforgeError

ADVICE = {
    errno.ENOSPC: "Free some space or choose another folder",
    errno.EDQUOT: "Your quota is used up: free some space or choose another folder",
    errno.EACCES: "Make it readable and writable for this user or choose another folder",
    errno.EPERM: "Make it readable and writable for this user or choose another folder",
    errno.EROFS: "The disk is mounted read-only: choose another folder",
    errno.EIO: "The disk or the mount fails: look into the system's log or choose another folder",
    errno.ENOENT: "It is not there, or no longer: put it back or name another",
    errno.ENOTDIR: "A file stands where a folder is needed: move it away or choose another folder",
    errno.EEXIST: "A file stands where a folder is needed: move it away or choose another folder",
    errno.EISDIR: "A folder stands where a file is needed: move it away or choose another folder",
    errno.ELOOP: "A link leads in a circle: remove it or choose another folder",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one",
    errno.EFBIG: "The file system or a limit allows no file so large: raise it or choose another folder",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n)",
    errno.ENFILE: "Too many files are open on this machine: end what holds them",
    errno.EAGAIN: "Too many processes or threads: raise the limit (ulimit -u) or use fewer workers",
    errno.ENOMEM: "There is not enough memory: use fewer workers, or raise the limit (ulimit -v)",
    errno.ESTALE: "The mount has changed under us: mount it again",
}
OTHER_ADVICE = "Check the file and its disk, or choose another folder"
AGAIN = "then run the same command again."
READERS = (
    "pyarrow",
    "tomllib",
    "json",
)  # whose errors speak of bytes, not of our code; none is imported here


def advice(error: OSError) -> str:
    """What to do about an error of the system, as the end of a sentence that names it."""
    return f"{ADVICE.get(error.errno or 0, OTHER_ADVICE)}, {AGAIN}"


def in_words(error: BaseException | None) -> str | None:
    """What a person is told of an error and what to do next; None where it is the code's fault.

    A pipe that nobody reads any more is no error: None too.
    """
    if isinstance(error, PalmforgeError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: use fewer workers, or raise the limit (ulimit -v), {AGAIN}"
    if not isinstance(error, OSError) or error.errno == errno.EPIPE:
        return None
    named = f"{_shown(error.filename)}: " if error.filename is not None else ""
    return f"{named}{error.strerror or error}. {advice(error)}"


@contextmanager
def named(path: Path | Any) -> Iterator[None]:
    """An error of the system within speaks of `path` where it names no file, as of reading and closing."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


class DamagedError(PalmforgeError):
    """A file that cannot be read as what it should be; the message names it and says what to do."""


@contextmanager
def reading(path: Path | Any) -> Iterator[None]:
    """What readers raise of a damaged or failing file within becomes a DamagedError that names `path`.

    Not to be laid around writing, which fails alike.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        damaged = type(error).__module__.partition(".")[0] in READERS or isinstance(error, UnicodeError)
        if not damaged and (not isinstance(error, OSError) or error.filename is not None):
            raise
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        mend = "`palmforge verify` names all that is damaged: copy it anew"
        raise DamagedError(f"{path}: cannot be read: {told.strip().rstrip('.')}; {mend}") from error


def _shown(name: object) -> str:
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
