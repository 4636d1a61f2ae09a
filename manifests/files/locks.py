"""Locks on files that go with their process, also on file systems with one kind of them, or none."""

import errno
import fcntl
import logging
import os
from typing import IO, Any

log = logging.getLogger("palmforge")
UNKNOWN = {
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.ENOLCK,
}  # says who has no such lock


def hold(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file until it is closed; False, and a line in the log, where there are no locks.

    Mounts without flock (Lustre without `-o flock`, some FUSE) are asked for a POSIX lock, which holds
    between processes. Raises BlockingIOError when another process holds it.
    """
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(file, how)
            return True
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):  # lockf's words for a lock that is held
                raise BlockingIOError(error.errno, os.strerror(error.errno)) from None
            if error.errno not in UNKNOWN:
                raise
    log.warning("%s: this file system has no locks; do not start a second run on it", file.name)
    return False


def hold_folder(descriptor: int) -> None:
    """Lock an open folder until it is closed, where folders have locks.

    Raises BlockingIOError when another process holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # no folder of this mount can be locked: nobody is kept out
        log.debug("folders have no locks here")
