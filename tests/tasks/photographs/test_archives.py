"""Archives: whole ones give their files; hostile and damaged ones give reasons and keep the rest."""

import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.photographs.sources.archive import Limits, members
from tasks.photographs.sources.found import SourceError
from tests.helpers.archive_files import KINDS, MIB, PHOTO, build, read, reasons, tar_of, zip_of


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
