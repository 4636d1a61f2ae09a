"""Deletes the oldest versions of a dataset, never the newest ones nor the one that LATEST names."""

import shutil
from pathlib import Path

from manifests.layout import DELETING, explain_write_errors, fsync_directory
from manifests.publish import latest, number_of, publishing, versions

FEWEST = 2  # a reader that has just read LATEST may be opening the version before the newest


def retain(home: Path, keep: int) -> list[str]:
    """Delete all but the `keep` newest versions in `home` (at least 2; 0 keeps all) and return their names.

    The newest are told by the number that each version carries, not by a clock. A version is renamed aside,
    then deleted, so that no reader sees half of one. Folders that are no complete version are left alone.

    Raises PublishError when another process publishes or something cannot be deleted.
    """
    if not keep:
        return []
    with publishing(home), explain_write_errors(home):
        named = latest(home)
        oldest_first = sorted(versions(home), key=lambda name: (number_of(home / name), name))
        surplus = [name for name in oldest_first if name != named][: -(max(keep, FEWEST) - 1)]
        for name in surplus:
            aside = home / f"{DELETING}{name}"
            (home / name).rename(aside)
            fsync_directory(home)
            shutil.rmtree(aside)
    return surplus
