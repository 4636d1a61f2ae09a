"""Deletes the oldest versions of a dataset, never the newest ones nor the one that LATEST names."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from manifests.files.layout import CHECKSUMS, DELETING, explain_write_errors, fsync_directory
from manifests.files.remote import RemotePath, files_below
from manifests.publish.mirror import newest
from manifests.publish.publish import latest, number_of, publishing, versions

MARK = "/.deleting"  # file in a remote version that is being deleted
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
        numbers = {name: number_of(home / name) for name in versions(home) if name != named}
        surplus = _surplus(numbers, keep)
        for name in surplus:
            aside = home / f"{DELETING}{name}"
            (home / name).rename(aside)
            fsync_directory(home)
            shutil.rmtree(aside)
    return surplus


def retain_remote(home: RemotePath, keep: int) -> list[str]:
    """The same on a remote store, while nobody publishes into `home`.

    A mark is put first and deleted last: a deletion that was cut off is ended by the next one. Only whole
    versions and what bears the mark are touched. Raises RemoteError when the store cannot be reached.
    """
    if not keep:
        return []
    below, named = files_below(home), newest(home)
    marked = [name.removesuffix(MARK) for name in below if name.endswith(MARK)]
    whole = [n.removesuffix(f"/{CHECKSUMS}") for n in below if PurePosixPath(n).match(f"*/{CHECKSUMS}")]
    numbers = {name: number_of(home / name) for name in whole if name != named and name not in marked}
    surplus = _surplus(numbers, keep)
    for name in [*marked, *surplus]:
        (home / f"{name}{MARK}").write_bytes(b"")
        files = [n for n in below if n.startswith(f"{name}/") and not n.endswith(MARK)]
        for file in sorted(files, key=lambda n: not n.endswith(CHECKSUMS)):
            (home / file).unlink()
        (home / f"{name}{MARK}").unlink()
    return surplus


def _surplus(numbers: Mapping[str, int], keep: int) -> list[str]:
    """Of versions beside the newest, those too many, oldest first."""
    oldest_first = sorted(numbers, key=lambda name: (numbers[name], name))
    return oldest_first[: -(max(keep, FEWEST) - 1)]
