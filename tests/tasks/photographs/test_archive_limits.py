"""Archives that would fill the disk or the memory stop early, and what came before is kept."""

import gzip
import json
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from tasks.photographs.sources.archive import Limits, members
from tasks.photographs.sources.found import SourceError
from tests.helpers.archive_files import KINDS, MIB, PHOTO, build, read, reasons, tar_of, zip_of


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_stops_early_by_its_ratio(kind: str, tmp_path: Path) -> None:
    """24 MiB of zeros in each of three members, and only 8 MiB may be unpacked for free."""
    bomb = bytes(24 * MIB)
    path = build(
        kind, tmp_path, {"good.jpg": PHOTO, "1.jpg": bomb, "2.jpg": bomb, "3.jpg": bomb, "last.jpg": PHOTO}
    )
    assert path.stat().st_size < MIB
    tracemalloc.start()
    found = read(path, tmp_path, Limits(free=8 * MIB))
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB, "streamed, and stopped"
    tracemalloc.stop()
    assert not found["good.jpg"].reason
    assert found["1.jpg"].reason == "archive_too_large"
    if kind == "zip":  # its directory says where the rest is
        assert reasons(found)["3.jpg"] == "archive_too_large" and not found["last.jpg"].reason
    else:
        assert list(reasons(found).values())[-1] == "archive_too_large"
    assert sum(f.path.stat().st_size for f in found.values() if f.path) < MIB


def test_a_real_tar_gz_of_100_gb_stops_at_once(tmp_path: Path) -> None:
    """A gzip file may be many in a row: 64 MiB of zeros, 1,600 times, behind a header for 100 GiB."""
    good, bomb = tarfile.TarInfo("good.jpg"), tarfile.TarInfo("bomb.jpg")
    good.size, bomb.size = 512, 1600 * 64 * MIB
    zeros = gzip.compress(bytes(64 * MIB), 1)
    path = tmp_path / "photos.tar.gz"
    with path.open("wb") as file:
        head = good.tobuf() + PHOTO[:512] + bomb.tobuf(tarfile.GNU_FORMAT)
        file.write(gzip.compress(head))
        for _ in range(1600):
            file.write(zeros)
    began = time.perf_counter()
    found = reasons(read(path, tmp_path))
    assert time.perf_counter() - began < 5
    path.unlink()
    assert found == {"good.jpg": "", "bomb.jpg": "member_too_large", "photos.tar.gz": "archive_too_large"}


def test_a_real_zip_of_100_gb_costs_only_its_bombs(tmp_path: Path) -> None:
    """One that says so, and one whose directory claims a small member."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    chunk = deflate.compress(bytes(64 * MIB)) + deflate.flush(zlib.Z_FULL_FLUSH)
    for claimed, reason in ((1600 * 64 * MIB, "member_too_large"), (1000, "member_damaged")):
        path = zip_of(tmp_path / "photos.zip", {"good.jpg": PHOTO})
        with zipfile.ZipFile(path, "a") as archive:
            info = zipfile.ZipInfo("bomb.jpg")
            info.compress_type, info.header_offset = zipfile.ZIP_DEFLATED, archive.start_dir
            info.file_size, info.compress_size, info.CRC = claimed, 1600 * len(chunk), 1
            archive.fp.seek(archive.start_dir)
            archive.fp.write(info.FileHeader(zip64=True))
            for _ in range(1600):
                archive.fp.write(chunk)
            archive.start_dir = archive.fp.tell()
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
            archive._didModify = True  # type: ignore[attr-defined]
        assert path.stat().st_size > 100_000_000
        began = time.perf_counter()
        assert reasons(read(path, tmp_path)) == {"good.jpg": "", "bomb.jpg": reason}
        assert time.perf_counter() - began < 5
        path.unlink()
        shutil.rmtree(tmp_path / "scratch")


def test_a_huge_tar_member_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    with path.open("wb") as file:
        info = tarfile.TarInfo("huge.jpg")
        info.size = 20 * MIB
        file.write(info.tobuf())
        file.seek(20 * MIB, os.SEEK_CUR)
        info = tarfile.TarInfo("good.jpg")
        info.size = len(PHOTO)
        file.write(info.tobuf() + PHOTO.ljust(-(-len(PHOTO) // 512) * 512, b"\0") + bytes(1024))
    found = read(path, tmp_path, Limits(member_bytes=10 * MIB))
    assert reasons(found) == {"huge.jpg": "member_too_large", "good.jpg": ""}


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz"])
def test_an_endless_tar_header_is_not_read_into_memory(kind: str, tmp_path: Path) -> None:
    """A PAX header of 100 MiB, which tarfile would read at once."""
    path = tmp_path / f"photos.{kind}"
    plain = tmp_path / "plain"
    with plain.open("wb") as file:
        good = tarfile.TarInfo("good.jpg")
        good.size = 512
        file.write(good.tobuf() + PHOTO[:512])
        info = tarfile.TarInfo("././@PaxHeader")
        info.type, info.size = tarfile.XHDTYPE, 100 * MIB
        file.write(info.tobuf())
        file.truncate(file.tell() + 100 * MIB)
    opener = gzip.open if kind == "tar.gz" else lzma.open
    options = {"compresslevel": 1} if kind == "tar.gz" else {"preset": 0}
    with plain.open("rb") as source, opener(path, "wb", **options) as out:
        shutil.copyfileobj(source, out, MIB)
    tracemalloc.start()
    found = reasons(read(path, tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    tracemalloc.stop()
    assert found == {"good.jpg": "", path.name: "archive_too_large"}


def test_an_archive_that_begins_with_an_endless_header_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 20 * MIB
    path = tmp_path / "photos.tar"
    with path.open("wb") as file:
        file.write(info.tobuf())
        file.truncate(21 * MIB)
    with pytest.raises(SourceError, match="endless header"):
        read(path, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_members(kind: str, tmp_path: Path) -> None:
    path = build(kind, tmp_path, {f"{i}.jpg": PHOTO for i in range(8)})
    found = reasons(read(path, tmp_path, Limits(members=5)))
    assert [name for name, reason in found.items() if not reason] == [f"{i}.jpg" for i in range(5)]
    assert found[path.name] == "too_many_members"


def test_an_overlong_zip_directory_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "photos.zip", {f"{i}{'x' * 200}.jpg": b"" for i in range(200)})
    with pytest.raises(SourceError, match="directory") as caught:
        read(path, tmp_path, Limits(members=20))
    assert caught.value.reason == "too_many_members"


def test_a_zip64_directory_is_measured_too(tmp_path: Path) -> None:
    """The plain end record says that the directory is empty; zipfile believes the zip64 record before it."""
    path = zip_of(tmp_path / "photos.zip", {f"{i}{'x' * 200}.jpg": b"" for i in range(200)})
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    count, size, start = struct.unpack_from("<HII", data, end + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    path.write_bytes(data[:end] + record + locator + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0))
    assert len(zipfile.ZipFile(path).namelist()) == 200
    with pytest.raises(SourceError, match="directory for more than"):
        read(path, tmp_path, Limits(members=20))


def test_many_members_take_flat_memory(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "photos.tar", {f"folder/{i:05d}.jpg": b"x" for i in range(1500)})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    began = time.perf_counter()
    tracemalloc.start()
    for item in members(path, scratch):
        assert item.path is not None
        item.path.unlink()
    assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    tracemalloc.stop()
    assert time.perf_counter() - began < 30


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
def test_a_chain_of_headers_stops_and_what_came_before_is_kept(kind: bytes, tmp_path: Path) -> None:
    """tarfile goes one call deeper for each header that only speaks of the next."""
    good, about = tarfile.TarInfo("good.jpg"), tarfile.TarInfo("././@LongLink")
    about.type, body = kind, b"name.jpg\0" if kind == b"L" else b"12 a=bbbbbb\n"
    good.size, about.size = 512, len(body)
    path = tmp_path / "photos.tar"
    chain = (about.tobuf() + body.ljust(512, b"\0")) * 3000
    path.write_bytes(good.tobuf() + PHOTO[:512] + chain + good.tobuf() + PHOTO[:512] + bytes(1024))
    found = read(path, tmp_path)
    assert reasons(found) == {"good.jpg": "", "photos.tar": "archive_damaged"}
    assert "chain of headers" in found["photos.tar"].detail
    path.write_bytes(chain)
    with pytest.raises(SourceError, match="chain of headers; download it again"):
        read(path, tmp_path)


def in_two_gib(path: Path, tmp_path: Path) -> dict[str, str]:
    """Reasons given by a process that may take 2 GiB of memory."""
    code = (
        "import json, resource, sys; from pathlib import Path; "
        "from tasks.photographs.sources.archive import members; "
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); "
        "print(json.dumps({f.name: f.reason for f in members(Path(sys.argv[1]), Path(sys.argv[2]))}))"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_zip_member_that_asks_for_4_gib_of_memory_is_one_reject(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "photos.zip", {"greedy.jpg": PHOTO, "good.jpg": PHOTO}, zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    options = data.index(b"greedy.jpg") + len(b"greedy.jpg")  # version 2, size 2, lc-lp-pb 1, dictionary 4
    data[options + 5 : options + 9] = struct.pack("<I", 2**32 - 16)
    path.write_bytes(data)
    assert in_two_gib(path, tmp_path) == {"greedy.jpg": "member_damaged", "good.jpg": ""}


def test_a_tar_xz_that_asks_for_4_gib_of_memory_is_refused(tmp_path: Path) -> None:
    path = build("tar.xz", tmp_path, {"good.jpg": PHOTO})
    data = bytearray(path.read_bytes())
    end = 12 + (data[12] + 1) * 4  # of the block's header (xz file format 3.1)
    data[data.index(b"\x21\x01", 12) + 2] = 40  # LZMA2 with a dictionary of 4 GiB (5.3.1)
    data[end - 4 : end] = struct.pack("<I", zlib.crc32(data[12 : end - 4]))
    path.write_bytes(data)
    with pytest.raises(AssertionError, match="takes more memory than there is; download it again"):
        in_two_gib(path, tmp_path)
