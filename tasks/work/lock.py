"""One run at a time for one dataset: a lock that dies with its process, so none can be stale."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.files.layout import explain_write_errors
from manifests.files.locks import hold
from manifests.words import PalmforgeError


class LockedError(PalmforgeError):
    """Another run holds the lock; the message says which process and what to do."""


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold `path` for the length of the block. Raises LockedError when another process holds it,
    PublishError when it cannot be written.

    The kernel drops the lock with its process, so a kill -9 leaves nothing to clean up.
    """
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+b", buffering=0)  # nothing is left to be written when it is closed
    with handle:
        try:
            hold(handle)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().decode("ascii", "replace").strip() or "unknown"
            raise LockedError(
                f"process {holder} is building this dataset ({path}): wait for it to end or stop it"
            ) from None
        with explain_write_errors(path):
            handle.truncate(0)
            handle.write(b"%d" % os.getpid())
        yield
