"""Where the files of a dataset version lie, and how a file or a folder appears whole or not at all."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from manifests.files.advice import advice, named
from manifests.words import PalmforgeError

LATEST = "LATEST"
MANIFEST = "manifest.parquet"
IDENTITIES = "identities.parquet"
PAIRS = "pairs.parquet"  # verification pairs of validation and test
REJECTS = "rejects.parquet"  # what the gates kept out, with reasons and thumbnails
RECIPE = "recipe.toml"
CARD = "README.md"
CROISSANT = "croissant.json"
CONTACT_SHEET = "contact_sheet.png"
REPORT = "report.html"
MEASURES = "measures.json"
REPORTS = "reports"  # of the work folder: copies of reports that show photographs of people
SIGNATURE = "signature.c2pa"  # who signed the version, where somebody did
CHECKSUMS = "SHA256SUMS"  # of every other file of the version; `sha256sum -c SHA256SUMS` reads it
DATA = "data"
BUILDING = ".building-"  # prefix of the folder a version is built in, beside the published ones
DELETING = ".deleting-"  # prefix of what is being deleted: renamed first, so that no half of it is ever seen
VIEW = "view.json"  # makes a folder a view: names the version whose data files hold the images
LOCK = ".lock"  # held while one process publishes

NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # mounts that cannot flush this
SPLITS = ("train", "validation", "test")
SHARD_NAME = re.compile(r"^data/(train|validation|test)-(\d{5})-of-(\d{5})\.parquet$")


class PublishError(PalmforgeError):
    """A file or folder could not be written or published; the message names it and says what to do."""


def shard_name(split: str, index: int, count: int) -> str:
    """Path of a data shard in its version, as Hugging Face names them: data/train-00000-of-00004.parquet."""
    return f"{DATA}/{split}-{index:05d}-of-{count:05d}.parquet"


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with named(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_directory(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    _fsync_path(path)


def fsync_file(path: Path) -> None:
    """Make the bytes of a file survive a power cut."""
    _fsync_path(path)


def _fsync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with named(path):
            fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync(descriptor: int) -> None:
    """Flush to the disk, where the file system can: network and FUSE mounts answer that they cannot.

    Raises OSError when flushing fails, EIO above all: then the bytes may be lost.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FSYNC:
            raise


def fsync_tree(root: Path) -> None:
    """Make a folder with everything in it survive a power cut."""
    for folder, _, files in os.walk(root):
        for name in files:
            fsync_file(Path(folder) / name)
        fsync_directory(Path(folder))


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing `path` into a PublishError that names it and says what to do."""
    try:
        yield
    except OSError as error:
        above = (path, *path.parents)  # where nothing can be made, not even by an administrator: /proc
        if isinstance(error, FileNotFoundError) and Path(error.filename or "") not in above:
            raise  # something that should be read: no disk is full, and its name is in the message
        reason = error.strerror or str(error)
        raise PublishError(f"cannot write {error.filename or path}: {reason}. {advice(error)}") from error


def check_writable(folder: Path) -> None:
    """Raise PublishError when nothing can be written in `folder`; to be called before hours of work."""
    probe = folder / f".probe-{uuid.uuid4().hex[:8]}"
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"palmforge")
        except OSError as error:
            error.filename = str(folder)  # of the probe nobody knows
            raise
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path`: a reader sees the old bytes or all of the new ones, also after a power cut.

    Raises PublishError when the disk is full or the folder is not writable; `path` is then as it was.
    """
    with _appearing(path) as aside:
        aside.write_bytes(data)


def atomic_copy(source: Path, path: Path) -> None:
    """Copy the file `source` to `path`, which appears whole or stays as it was; raises as `atomic_write`."""
    with _appearing(path) as aside:
        shutil.copyfile(source, aside)


@contextlib.contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A name beside `path`; what the block writes there becomes `path` when it ends well."""
    short = path.name[:48]  # a name may have 255 bytes, and this one has more in it
    aside = path.with_name(f".{short}.{uuid.uuid4().hex[:8]}.tmp")
    with explain_write_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            fsync_file(aside)
            aside.replace(path)
            fsync_directory(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise


@contextlib.contextmanager
def atomic_directory(target: Path, building: Path) -> Iterator[Path]:
    """Yield the empty folder `building`; when the body ends well, fsync it and rename it to `target`.

    On any error `building` is removed and `target` does not exist. Both must be on one file system. What a
    killed process left in `building` is removed.
    Raises PublishError when the disk is full, the folder is not writable, `target` exists already or another
    process is making it.
    """
    with explain_write_errors(target), _alone_in(building, target):
        try:
            yield building
            fsync_tree(building)
            if target.exists():
                raise PublishError(f"{target} exists already: a published version is never changed")
            building.rename(target)
            fsync_directory(target.parent)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


@contextlib.contextmanager
def _alone_in(building: Path, target: Path) -> Iterator[None]:
    """Make the folder `building`, empty, and keep others out; the kernel lets go of it with the process."""
    from manifests.files.locks import hold_folder  # noqa: PLC0415  (Windows, which only reads, has none)

    building.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(building, os.O_RDONLY)
    try:
        try:
            hold_folder(descriptor)
        except BlockingIOError:
            raise PublishError(f"{target}: another process is making it: wait for it to end") from None
        for left in building.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield
    finally:
        os.close(descriptor)
