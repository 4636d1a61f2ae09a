"""Read an archive as hostile until proven otherwise: a member at a time, under our own names and limits."""

import bz2
import errno
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from manifests.files.remote import is_remote
from tasks.photographs.sources.folder import FilesSource
from tasks.photographs.sources.found import Found, Listing, SourceError, is_archive, is_hidden
from tasks.photographs.sources.kind import SourceSpec
from tasks.photographs.sources.remote import remote_archive

MIB = 2**20
COMPRESSED = {b"\x1f\x8b", b"BZ", b"\xfd7"}  # first bytes of gzip, bzip2 and xz
BLOCKS = 64 * 1024  # bytes tarfile reads at a time
HEADER_ROOM = 16 * MIB  # what tar headers between two members may take; a PAX header is read into memory
ARCHIVE_MAGIC = (b"PK\3\4", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    tarfile.TarError,
    struct.error,
    RecursionError,  # tarfile goes one call deeper for each header that only speaks of the next one
    MemoryError,  # xz and LZMA name the memory that unpacking takes, up to 4 GiB
)


@dataclass(frozen=True)
class Limits:
    """What an archive may take, in bytes and counts; nothing is read beyond it.

    ratio: unpacked bytes for each byte of the archive, once more than `free` bytes are unpacked. Photographs
    hardly compress, so a hundred is generous and a bomb is far above it.
    """

    members: int = 200_000
    member_bytes: int = 512 * MIB
    total_bytes: int = 2**36
    ratio: int = 100
    free: int = 256 * MIB

    def budget(self, packed: int) -> int:
        """Bytes that an archive of `packed` bytes may unpack to."""
        return min(self.total_bytes, max(self.free, self.ratio * packed))


class _TooMuch(Exception):
    """The archive has unpacked more than its budget."""


def members(path: Path, scratch: Path, limits: Limits | None = None) -> Iterator[Found]:
    """Members of a zip, tar, tar.gz, tar.bz2 or tar.xz: files unpacked to `scratch`, all others as rejects.

    Members keep their own names only as text. Folders and hidden files are skipped. A reject for the archive
    itself ends the run when its limits are reached or its rest is damaged; what came before is kept.
    Raises SourceError when `path` is no archive, or its directory is damaged.
    """
    limits = limits or Limits()
    with path.open("rb") as file:
        head = file.read(262)
    if head[:2] in COMPRESSED or head[257:] == b"ustar":
        return _tar(path, _unpacked(path, head[:2]), scratch, limits)
    if zipfile.is_zipfile(path):
        return _zip(path, scratch, limits)
    message = f"{path} is no zip, tar, tar.gz, tar.bz2 or tar.xz, or is cut short; download it again"
    raise SourceError("not_an_archive", message)


def _unpacked(path: Path, magic: bytes) -> IO[bytes]:
    if magic == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if magic == b"BZ":
        return bz2.open(path, "rb")
    return lzma.open(path, "rb") if magic == b"\xfd7" else path.open("rb")


# zip: the directory comes first, so every member is judged by its entry before a byte of it is read


def _zip(path: Path, scratch: Path, limits: Limits) -> Iterator[Found]:
    if _zip_directory_size(path) > limits.members * 512:
        message = f"{path}: a directory for more than {limits.members:,} members; split the archive"
        raise SourceError("too_many_members", message)
    try:
        archive = zipfile.ZipFile(path)
    except (*DAMAGED, ValueError, NotImplementedError) as error:
        raise SourceError("archive_damaged", f"{path}: {_said(error)}; download it again") from None
    left = limits.budget(path.stat().st_size)
    with archive:
        for index, info in enumerate(archive.infolist()):
            if index >= limits.members:
                yield _stopped(path, "too_many_members", f"more than {limits.members:,} members")
                return
            name = _clean(info.filename)
            if info.is_dir() or is_hidden(name):
                continue
            if reject := _zip_reject(name, info, limits, left):
                yield reject
                continue
            left -= info.file_size
            yield _unpack(name, scratch / f"member-{index:08d}", archive, info)


def _zip_directory_size(path: Path) -> int:
    """Bytes of the central directory as the end records give them, before it is loaded.

    APPNOTE 4.3.16; 4.3.14 and 4.3.15 when zip64 records of 56 and 20 bytes come right before it.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_635))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    size = struct.unpack_from("<I", tail, at + 12)[0] if at >= 0 and len(tail) >= at + 22 else 0
    if at >= 76 and tail[at - 76 : at - 72] == b"PK\6\6":
        size = max(size, struct.unpack_from("<Q", tail, at - 76 + 40)[0])
    return int(size)


def _zip_reject(name: str, info: zipfile.ZipInfo, limits: Limits, left: int) -> Found | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if _unsafe(info.orig_filename) or _unsafe(name):
        return Found(name, reason="unsafe_path", detail="a name that leads out of the archive's own folder")
    if kind == stat.S_IFLNK:
        return Found(name, reason="link", detail="links are not followed; add the file itself")
    if kind not in (0, stat.S_IFREG):
        return Found(name, reason="special_file", detail="a device, pipe or socket")
    if info.flag_bits & 0x1:
        return Found(name, reason="encrypted", detail="unpack it with its password and name the folder")
    return _size_reject(name, info.file_size, limits, left)


def _unpack(name: str, target: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Found:
    try:
        member = archive.open(info)  # gives no byte more than its directory entry says
        return _store(name, member, target, info.file_size)
    except NotImplementedError as error:
        return Found(name, reason="unsupported_compression", detail=f"{error}; pack it again with deflate")
    except (*DAMAGED, RuntimeError, ValueError, OSError) as error:
        _unless_the_disk_is_to_blame(error)
        return Found(name, reason="member_damaged", detail=f"{_said(error)}; download the archive again")


# tar: a stream of headers and bodies, counted while it is unpacked


class _Counted:
    """A stream that raises _TooMuch once it has given more than its budget, or than is allowed next."""

    def __init__(self, stream: IO[bytes], budget: int) -> None:
        self.stream, self.left, self.room = stream, budget, HEADER_ROOM

    def allow(self, size: int) -> None:
        """The next `size` bytes and some headers may be read."""
        self.room = size + HEADER_ROOM

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; all of them at once is never allowed."""
        data = self.stream.read(min(size, MIB) if size >= 0 else MIB)
        self.left -= len(data)
        self.room -= len(data)
        if self.left < 0 or self.room < 0:
            raise _TooMuch
        return data


def _tar(path: Path, stream: IO[bytes], scratch: Path, limits: Limits) -> Iterator[Found]:
    with stream:
        counted = _Counted(stream, limits.budget(path.stat().st_size))
        try:
            archive = tarfile.TarFile.open(fileobj=cast("IO[bytes]", counted), mode="r|", bufsize=BLOCKS)
        except (_TooMuch, *DAMAGED, ValueError, OSError) as error:
            what = _said(error) or "an endless header"
            raise SourceError("not_an_archive", f"{path}: {what}; download it again") from None
        try:
            with archive:
                yield from _tar_members(path, archive, counted, scratch, limits)
        except _TooMuch:
            detail = f"more than {limits.budget(path.stat().st_size):,} bytes unpacked, or an endless header"
            yield _stopped(path, "archive_too_large", detail)
        except (*DAMAGED, ValueError, OSError) as error:
            _unless_the_disk_is_to_blame(error)
            yield _stopped(path, "archive_damaged", f"{_said(error)}; download it again")


def _tar_members(
    path: Path, archive: tarfile.TarFile, counted: _Counted, scratch: Path, limits: Limits
) -> Iterator[Found]:
    for index, info in enumerate(iter(archive.next, None)):
        if index >= limits.members:
            yield _stopped(path, "too_many_members", f"more than {limits.members:,} members")
            return
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile would keep every header
        name = _clean(info.name)
        reject = _tar_reject(name, info, limits, counted.left)
        if reject and info.size > counted.left:
            yield reject
            raise _TooMuch  # rather than unpack what is left of the budget to get past it
        counted.allow(max(info.size, 0))
        if info.isdir() or is_hidden(name):
            continue
        body = None if reject else archive.extractfile(info)
        yield reject or _store(name, cast("IO[bytes]", body), scratch / f"member-{index:08d}", info.size)
    counted.allow(0)
    rest = b"".join(iter(lambda: cast("IO[bytes]", archive.fileobj).read(BLOCKS), b""))
    if not rest or rest.strip(b"\0"):  # not the end mark: tarfile stops at a damaged header too
        yield _stopped(path, "archive_damaged", "a broken header or no end mark; download it again")


def _tar_reject(name: str, info: tarfile.TarInfo, limits: Limits, left: int) -> Found | None:
    if _unsafe(info.name):
        return Found(name, reason="unsafe_path", detail="a name that leads out of the archive's own folder")
    if info.issym() or info.islnk():
        return Found(name, reason="link", detail="links are not followed; add the file itself")
    if not info.isreg() or info.issparse():
        return Found(name, reason="special_file", detail="a device, pipe or sparse file")
    return _size_reject(name, info.size, limits, left)


# both


def _size_reject(name: str, size: int, limits: Limits, left: int) -> Found | None:
    if is_archive(name):
        return Found(
            name, reason="nested_archive", detail="archives inside archives are not opened; unpack it"
        )
    if size > limits.member_bytes:
        return Found(
            name, reason="member_too_large", detail=f"{size:,} bytes; {limits.member_bytes:,} at most"
        )
    if size > left:
        detail = (
            f"{size:,} bytes, and only {max(left, 0):,} more may be unpacked; the archive looks like a bomb"
        )
        return Found(name, reason="archive_too_large", detail=detail)
    return None


def _store(name: str, member: IO[bytes], target: Path, size: int) -> Found:
    try:
        with member, target.open("wb") as out:
            shutil.copyfileobj(member, out, MIB)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    written = target.stat().st_size
    with target.open("rb") as file:
        head = file.read(8)
    reason, detail = "", ""
    if written != size:
        reason, detail = (
            "member_damaged",
            f"{written:,} bytes instead of {size:,}; download the archive again",
        )
    elif head.startswith(ARCHIVE_MAGIC):
        reason, detail = "nested_archive", "archives inside archives are not opened; unpack it"
    if reason:
        target.unlink()
        return Found(name, reason=reason, detail=detail)
    return Found(name, target, temporary=True)


def _unless_the_disk_is_to_blame(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # EINVAL: a seek to nonsense
        raise error


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "unpacking it takes more memory than there is"
    return "an endless chain of headers" if isinstance(error, RecursionError) else str(error)


def _stopped(path: Path, reason: str, detail: str) -> Found:
    return Found(path.name, reason=reason, detail=f"reading stopped here: {detail}")


def _unsafe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:", name) is not None


def _clean(name: str) -> str:
    """The name as text that any table can hold."""
    return name.encode("utf-8", "surrogateescape" if _escaped(name) else "backslashreplace").decode(
        "utf-8", "backslashreplace"
    )


def _escaped(name: str) -> bool:
    return any("\udc80" <= sign <= "\udcff" for sign in name)


class ArchiveSource(FilesSource):
    """A zip or tar, local or at an address."""

    name = "archive"
    summary = "a zip or tar, local or an address"

    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """The members; a remote archive is copied into `scratch` first."""
        if is_remote(source.path):
            return Listing(members(remote_archive(source.path, scratch), scratch))
        self.look(source)
        return Listing(members(Path(source.path).expanduser(), scratch))

    def look(self, source: SourceSpec) -> None:
        """A file must be there."""
        path = Path(source.path).expanduser()
        if is_remote(source.path) or path.is_file():
            return
        if path.is_dir():
            raise SourceError("not_an_archive", f"{path} is a folder; set source.kind to folder")
        raise SourceError("source_missing", f"no archive at {path}; check source.path in the recipe")


ARCHIVE = ArchiveSource()
