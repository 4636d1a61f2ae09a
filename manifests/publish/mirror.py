"""Publishes a version on a remote store: every file put and read back, LATEST last, resumable by the file."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from manifests.files.home import home_card
from manifests.files.layout import CARD, CHECKSUMS, LATEST, file_sha256
from manifests.files.remote import RemoteError, RemotePath, files_below
from manifests.publish.publish import is_newer

AT_ONCE = 4  # files that are put at the same time
ATTEMPTS = 3  # of a file that comes back with other bytes than were put
log = logging.getLogger("palmforge")


def mirror(version: Path, home: RemotePath, *, republish: bool = False) -> RemotePath:
    """Copy the published `version` to `home`/<its name> and let `home`/LATEST name it; returns its address.

    Each file is read back and compared with SHA256SUMS, which is put after all the others: where it is, the
    version is whole. A copy that was cut off goes on with the files that are missing or torn; what is foreign
    under the version's name is deleted. LATEST is swapped last, so its readers never see a part of a version.

    LATEST goes back to an older version only with `republish`.

    One process at a time may publish into `home`; the lock is the local dataset's. Raises RemoteError when
    the store cannot be reached, or holds another version of the same name: a version is never changed.
    """
    target = home / version.name
    if not _is_published(version, target):
        sums = checksums_of(version)
        there = files_below(target)
        for foreign in sorted(set(there) - set(sums)):
            (target / foreign).unlink()

        def put(name: str) -> None:
            if name not in there or (target / name).sha256() != sums[name]:
                _put(version / name, target / name, sums[name])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(put, sums))
        _put(version / CHECKSUMS, target / CHECKSUMS, file_sha256(version / CHECKSUMS))
        log.info("put %d files of %s", len(sums) + 1, target)
    named = newest(home)
    if named != version.name and (republish or not is_newer(home, named, version.name)):
        (home / CARD).write_bytes(home_card(home.name, version).encode())
        (home / LATEST).write_bytes(f"{version.name}\n".encode())
    return target


def newest(home: RemotePath) -> str:
    """The version that LATEST names; empty when there is none yet."""
    try:
        return (home / LATEST).read_text().strip()
    except FileNotFoundError:
        return ""


def _is_published(version: Path, target: RemotePath) -> bool:
    try:
        sums = (target / CHECKSUMS).read_bytes()
    except FileNotFoundError:
        return False
    if sums != (version / CHECKSUMS).read_bytes():
        raise RemoteError(
            f"{target} exists with other content, and a published version is never changed: "
            "set another dataset.version or another `out`"
        )
    return True


def checksums_of(version: Path) -> dict[str, str]:
    """File of the version -> its sha256, as SHA256SUMS says; that file itself is not in it."""
    lines = (version / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _put(file: Path, target: RemotePath, sha256: str) -> None:
    for _ in range(ATTEMPTS):
        target.upload(file)
        if target.sha256() == sha256:
            return
    raise RemoteError(f"{target}: what is read back is not what was put; check the store and run again")
