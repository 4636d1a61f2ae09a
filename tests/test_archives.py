"""Archives: whole ones give their files; hostile and damaged ones give reasons and keep the rest."""

import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.archives import Limits, members
from tasks.found import Found, SourceError

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 20
MIB = 2**20


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path: Path, tmp_path: Path, limits: Limits | None = None) -> dict[str, Found]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    found = list(members(path, scratch, limits))
    inside = {item.path.resolve().parent for item in found if item.path}
    assert inside <= {scratch.resolve()}, "nothing is written elsewhere"
    assert {p.name for p in scratch.iterdir()} == {f.path.name for f in found if f.path}, "no leftovers"
    return {item.name: item for item in found}


def reasons(found: dict[str, Found]) -> dict[str, str]:
    return {name: item.reason for name, item in found.items()}


def build(kind: str, tmp_path: Path, files: dict[str, bytes]) -> Path:
    if kind == "zip":
        return zip_of(tmp_path / "photos.zip", files, zipfile.ZIP_DEFLATED)
    return tar_of(tmp_path / f"photos.{kind}", files, {"tar": "w"}.get(kind, f"w:{kind.split('.')[-1]}"))


KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


@pytest.mark.parametrize("kind", KINDS)
def test_members_come_whole_and_in_order(kind: str, tmp_path: Path) -> None:
    files = {"b/two.jpg": PHOTO, "a/one.jpg": PHOTO[::-1], ".hidden.jpg": b"x", "__MACOSX/a/._one.jpg": b"x"}
    found = read(build(kind, tmp_path, files), tmp_path)
    assert list(found) == ["b/two.jpg", "a/one.jpg"]
    for name, item in found.items():
        assert item.path is not None and item.temporary and item.path.read_bytes() == files[name]


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_lead_out_are_rejected(kind: str, tmp_path: Path) -> None:
    bad = ["../up.jpg", "a/../../up.jpg", "/etc/palm.jpg", "..\\up.jpg", "C:\\up.jpg", "c:up.jpg"]
    found = read(build(kind, tmp_path, {**dict.fromkeys(bad, PHOTO), "good.jpg": PHOTO}), tmp_path)
    assert [item.reason for item in found.values()] == ["unsafe_path"] * len(bad) + [""]
    assert not (tmp_path / "up.jpg").exists()


def test_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    types = {
        "soft": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
        "pipe": tarfile.FIFOTYPE,
        "disk": tarfile.BLKTYPE,
    }
    with tarfile.open(path, "w") as archive:
        for name, kind in types.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("good.jpg")
        info.size = len(PHOTO)
        archive.addfile(info, io.BytesIO(PHOTO))
    found = reasons(read(path, tmp_path))
    expected = {
        "soft": "link",
        "hard": "link",
        "pipe": "special_file",
        "disk": "special_file",
        "good.jpg": "",
    }
    assert found == expected


def test_links_and_devices_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in {"link.jpg": stat.S_IFLNK, "pipe": stat.S_IFIFO, "good.jpg": stat.S_IFREG}.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (mode | 0o644) << 16
            archive.writestr(info, b"/etc/passwd" if mode == stat.S_IFLNK else PHOTO)
    assert reasons(read(path, tmp_path)) == {"link.jpg": "link", "pipe": "special_file", "good.jpg": ""}


def test_encrypted_members_are_rejected_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "photos.zip", {"secret.jpg": PHOTO, "good.jpg": PHOTO})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\3\4") + 6] |= 1  # general purpose flag, bit 0 (APPNOTE 4.4.4), local and central
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert reasons(read(path, tmp_path)) == {"secret.jpg": "encrypted", "good.jpg": ""}


@pytest.mark.parametrize("kind", KINDS)
def test_nested_archives_are_not_opened(kind: str, tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip", {"x.jpg": PHOTO}).read_bytes()
    found = read(
        build(kind, tmp_path, {"inner.zip": inner, "disguised.jpg": inner, "good.jpg": PHOTO}), tmp_path
    )
    assert reasons(found) == {
        "inner.zip": "nested_archive",
        "disguised.jpg": "nested_archive",
        "good.jpg": "",
    }


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
            archive._didModify = True
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


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_keeps_what_came_before(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(2_400_000)
    path = build(kind, tmp_path, {f"{i}.jpg": noise[i * 600_000 : (i + 1) * 600_000] for i in range(4)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    if kind == "zip":  # its directory was at the end
        with pytest.raises(SourceError) as caught:
            read(path, tmp_path)
        assert caught.value.reason == "not_an_archive"
        return
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = list(members(path, scratch))
    assert found[-1].reason == "archive_damaged" and found[-1].name == path.name
    kept = [item for item in found if item.path]
    assert kept == found[:-1]
    assert len(kept) >= 1


def test_a_broken_tar_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "photos.tar", {f"{i}.jpg": PHOTO for i in range(3)})
    data = bytearray(path.read_bytes())
    second = data.index(b"1.jpg")
    data[second + 148 : second + 156] = b"7777777\0"  # its checksum
    path.write_bytes(data)
    assert reasons(read(path, tmp_path)) == {"0.jpg": "", "photos.tar": "archive_damaged"}


def test_a_damaged_zip_member_costs_only_itself(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(5000)
    path = zip_of(tmp_path / "photos.zip", {"bad.jpg": noise, "good.jpg": PHOTO}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[500:520] = bytes(20)
    path.write_bytes(data)
    assert reasons(read(path, tmp_path)) == {"bad.jpg": "member_damaged", "good.jpg": ""}


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "photos.zip", {"bad.jpg": PHOTO, "good.jpg": PHOTO})
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(magic) + at] = 97
    path.write_bytes(data)
    assert reasons(read(path, tmp_path)) == {"bad.jpg": "unsupported_compression", "good.jpg": ""}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hurt=st.lists(
        st.tuples(st.integers(0, 2**32), st.binary(max_size=4), st.integers(0, 99)), min_size=1, max_size=5
    )
)
def test_damage_anywhere_gives_files_reasons_or_a_refusal(
    kind: str, tmp_path: Path, hurt: list[tuple[int, bytes, int]]
) -> None:
    """Bytes changed, put in and taken out: whole members and rejects, or SourceError; no leftovers."""
    data = bytearray(
        build(kind, tmp_path, {"a/1.jpg": PHOTO, "b.jpg": PHOTO[::-1], "é.png": b"x" * 40}).read_bytes()
    )
    for place, new, removed in hurt:
        at = place % (len(data) + 1)
        data[at : at + removed] = new
    path = tmp_path / "hurt"
    path.write_bytes(data)
    scratch = tmp_path / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        found = list(members(path, scratch, Limits(member_bytes=MIB, free=4 * MIB)))
    except SourceError:
        found = []
    assert all(bool(item.path) != bool(item.reason) for item in found)
    assert {item.path for item in found if item.path} == set(scratch.iterdir())


@pytest.mark.parametrize("data", [b"", b"no archive", PHOTO, b"\x1f\x8b\x08\0" + b"x" * 50, b"BZh9nothing"])
def test_not_an_archive(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="download it again") as caught:
        read(path, tmp_path)
    assert caught.value.reason == "not_an_archive"


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip", {"x.jpg": b"x"}).read_bytes()
    found = read(tar_of(tmp_path / "photos.tar", {"good.jpg": PHOTO, "inner.zip": inner}), tmp_path)
    assert reasons(found) == {"good.jpg": "", "inner.zip": "nested_archive"}


def test_names_in_any_encoding_become_text(tmp_path: Path) -> None:
    found = read(tar_of(tmp_path / "photos.tar", {"h\udce4nd.jpg": PHOTO, "手.jpg": PHOTO}), tmp_path)
    assert [name.encode("utf-8") and item.reason for name, item in found.items()] == ["", ""]


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
