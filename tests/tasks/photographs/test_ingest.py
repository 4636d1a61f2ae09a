"""Ingest: nothing vanishes, nothing is named twice, no metadata stays, and a bad file costs nothing else."""

import hashlib
import io
import os
import struct
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from manifests.files.layout import PublishError
from tasks.photographs.examine import crashed
from tasks.photographs.ingest import SCHEMA, IngestReport, ingest_source
from tasks.photographs.sources.found import Found, SourceError
from tasks.photographs.sources.source import SourceSpec


def scene(seed: int, width: int = 64, height: int = 48) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1))


def encoded(image: Image.Image, fmt: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def metadata(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "SECRET CAMERA"
    exif.get_ifd(0x8825)[29] = "SECRET DATE"
    return exif


def good(seed: int) -> bytes:
    return encoded(scene(seed), "JPEG", quality=92, exif=metadata(), comment=b"SECRET COMMENT")


def huge_png() -> bytes:
    """A PNG whose header announces 20,000 x 20,000 pixels."""
    data = bytearray(encoded(scene(0), "PNG"))
    data[16:24] = struct.pack(">II", 20_000, 20_000)
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


BAD = {
    "truncated.jpg": (good(90)[:400], {"truncated", "corrupt"}),
    "truncated.png": (encoded(scene(91), "PNG")[:2000], {"truncated", "corrupt"}),
    "empty.jpg": (b"", {"empty"}),
    "text.jpg": (b"I am a text file.\n", {"not_a_picture"}),
    "page.png": (b"<html></html>", {"not_a_picture"}),
    "huge.png": (huge_png(), {"too_large"}),
    "film.heic": (b"\0\0\0\x18ftypheic" + bytes(50), {"unsupported_format"}),
    "nested.zip": (b"PK\3\4" + bytes(50), {"nested_archive"}),
}
UNUSUAL = {
    "grey.png": encoded(scene(1).convert("L"), "PNG"),
    "cmyk.jpg": encoded(scene(2).convert("CMYK"), "JPEG"),
    "sixteen.png": encoded(Image.fromarray(np.asarray(scene(3).convert("L")).astype(np.uint16) * 257), "PNG"),
    "animated.gif": encoded(scene(4), "GIF", save_all=True, append_images=[scene(5)]),
    "alpha.webp": encoded(scene(6).convert("RGBA"), "WEBP"),
    "palette.png": encoded(scene(7).quantize(32), "PNG"),
    "turned.jpg": encoded(scene(8), "JPEG", quality=95, exif=metadata(6)),
    "progressive.jpg": encoded(scene(9), "JPEG", progressive=True, exif=metadata()),
}


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def table(report: IngestReport) -> list[dict[str, Any]]:
    read = pq.read_table(report.table)
    assert read.schema.equals(SCHEMA)
    rows: list[dict[str, Any]] = read.to_pylist()
    assert len(rows) == report.found == report.ok + sum(report.rejected.values())
    for row in rows:
        check(row)
    assert Counter(r["reason"] for r in rows if r["reason"]) == report.rejected
    return rows


def check(row: dict[str, Any]) -> None:
    """What holds for every row, whatever came in."""
    assert (row["status"] == "ok") == (row["reason"] == "") and (row["status"] in ("ok", "rejected"))
    assert (row["duplicate_of"] is not None) == row["reason"].startswith("duplicate")
    assert row["reason"] == "" or row["detail"]
    if not row["path"]:
        assert row["status"] == "rejected"
        return
    copy = Path(row["path"])
    assert copy.is_absolute() and hashlib.sha256(copy.read_bytes()).hexdigest() == copy.stem
    assert copy.parent.name == copy.stem[:2]
    with Image.open(copy) as image:
        assert image.size == (row["width"], row["height"])
        assert not image.getexif() and "comment" not in image.info
    assert b"SECRET" not in copy.read_bytes()


def test_every_file_is_a_row(tmp_path: Path) -> None:
    files = {f"sub/{i}.jpg": good(20 + i) for i in range(4)} | UNUSUAL | {n: d for n, (d, _) in BAD.items()}
    root = fill(tmp_path / "in", files)
    seen: list[tuple[int, int]] = []
    source = SourceSpec("folder", str(root), licence="CC-BY-4.0", credit="somebody")
    report = ingest_source(
        source, tmp_path / "out", workers=1, progress=lambda done, total: seen.append((done, total))
    )
    rows = {row["original_name"]: row for row in table(report)}
    assert list(rows) == sorted(files, key=lambda n: n.split("/")) and report.ok == 4 + len(UNUSUAL)
    for name, (data, reasons) in BAD.items():
        assert rows[name]["reason"] in reasons, name
        assert rows[name]["reason"] == "nested_archive" or rows[name]["bytes"] == len(data)
    for name, data in files.items():
        if rows[name]["photo_id"]:
            assert rows[name]["photo_id"] == hashlib.sha256(data).hexdigest()
    row = rows["sub/1.jpg"]
    assert (row["source_kind"], row["source_dataset"]) == ("folder", "in")
    assert (row["source_license"], row["source_credit"]) == ("CC-BY-4.0", "somebody")
    assert seen == [(i, len(files)) for i in range(len(files) + 1)]
    assert report.facts()["photos"] == report.ok and str(report.ok) in str(report)


def test_copies_are_upright_and_keep_the_pixels(tmp_path: Path) -> None:
    root = fill(
        tmp_path / "in",
        {"plain.jpg": good(1), "turned.jpg": UNUSUAL["turned.jpg"], "x.bmp": encoded(scene(3), "BMP")},
    )
    rows = {
        r["original_name"]: r
        for r in table(ingest_source(SourceSpec("folder", str(root)), tmp_path / "out", workers=1))
    }
    plain = np.asarray(Image.open(rows["plain.jpg"]["path"]))
    np.testing.assert_array_equal(plain, np.asarray(Image.open(root / "plain.jpg")), "bit for bit")
    turned = np.asarray(Image.open(rows["turned.jpg"]["path"])).astype(int)
    truth = np.asarray(Image.open(root / "turned.jpg").transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert turned.shape == truth.shape == (64, 48, 3) and np.abs(turned - truth).mean() < 3
    assert (rows["turned.jpg"]["orientation"], rows["turned.jpg"]["width"]) == (6, 48)
    assert rows["x.bmp"]["path"].endswith(".png")
    np.testing.assert_array_equal(np.asarray(Image.open(rows["x.bmp"]["path"])), np.asarray(scene(3)))


def test_duplicates_name_the_first_of_them(tmp_path: Path) -> None:
    big = scene(1, 256, 192)
    files = {
        "a.png": encoded(big, "PNG"), "b.png": encoded(big, "PNG"), "c.tif": encoded(big, "TIFF"),
        "d.jpg": encoded(big.resize((200, 150)), "JPEG", quality=85), "e.jpg": good(2),
    }  # fmt: skip
    report = ingest_source(
        SourceSpec("folder", str(fill(tmp_path / "in", files))), tmp_path / "out", workers=1
    )
    rows = table(report)
    assert [r["reason"] for r in rows] == ["", "duplicate_file", "duplicate_pixels", "duplicate_picture", ""]
    assert {r["duplicate_of"] for r in rows[1:4]} == {rows[0]["photo_id"]}
    ok = [r["photo_id"] for r in rows if r["status"] == "ok"]
    assert len(ok) == len(set(ok)) == report.ok == 2


def test_workers_change_nothing_and_a_rerun_copies_nothing_again(tmp_path: Path) -> None:
    files = {f"{i:02d}.jpg": good(i // 2) for i in range(12)} | {n: d for n, (d, _) in BAD.items()}
    source = SourceSpec("folder", str(fill(tmp_path / "in", files)))
    one = ingest_source(source, tmp_path / "out", workers=1)
    first = one.table.read_bytes()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out/blobs").rglob("*.*")}
    two = ingest_source(source, tmp_path / "out", workers=2)
    assert two.table.read_bytes() == first and two.found == one.found == 20
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out/blobs").rglob("*.*")} == before
    assert not [p.name for p in (tmp_path / "out").iterdir() if p.name.startswith(".")], "no leftovers"


def test_an_archive_is_ingested_with_its_rejects(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {
            "FEMALE/1.jpg": good(1),
            "../2.jpg": good(2),
            "in.zip": b"PK",
            "t.jpg": b"t",
        }.items():
            archive.writestr(name, data)
    done: list[tuple[int, int]] = []
    report = ingest_source(
        SourceSpec("archive", str(path)), tmp_path / "out", workers=1, progress=lambda *p: done.append(p)
    )
    rows = table(report)
    assert [r["reason"] for r in rows] == ["", "unsafe_path", "nested_archive", "not_a_picture"]
    assert (
        rows[0]["source_dataset"] == "photos.zip"
        and rows[0]["photo_id"] == hashlib.sha256(good(1)).hexdigest()
    )
    assert done[-1] == (4, 4)
    assert not (tmp_path / "out/.unpacked").exists()


def test_a_file_that_kills_its_process_is_a_reject() -> None:
    row = crashed(Found("bad.jpg", Path("bad.jpg")))
    assert (row.name, row.reason, row.photo_id) == ("bad.jpg", "decoder_crashed", "")


def test_a_file_unpacked_stays_until_its_row_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a process dies, what the others had examined but not yet handed over is examined again."""

    def twice(function, items, *_):
        yield from (function(item) and function(item) for item in items)

    monkeypatch.setattr("tasks.photographs.ingest.in_order", twice)
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(3):
            archive.writestr(f"{i}.jpg", good(i))
    unpacked = tmp_path / "out" / ".unpacked"
    left = []
    report = ingest_source(
        SourceSpec("archive", str(path)),
        tmp_path / "out",
        progress=lambda *_: left.append(len(list(unpacked.iterdir()))),
    )
    assert (report.ok, report.rejected) == (3, {})
    assert max(left) <= 1


def test_the_renderer_is_ingested(tmp_path: Path) -> None:
    def draw() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        yield from ((f"{i}.png", np.asarray(scene(i))) for i in range(3))

    report = ingest_source(
        SourceSpec("renderer", licence="Apache-2.0", drawn=draw), tmp_path / "out", workers=1
    )
    rows = table(report)
    assert [r["original_name"] for r in rows] == ["0.png", "1.png", "2.png"] and report.ok == 3
    np.testing.assert_array_equal(np.asarray(Image.open(rows[2]["path"])), np.asarray(scene(2)))


def test_a_source_without_a_photo_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    root = fill(tmp_path / "in", {"a.jpg": b"", "b.txt": b"words"})
    with pytest.raises(SourceError, match=r"2 files = 0 photos \+ 2 rejected \(1 empty, 1 not_a_picture\)"):
        ingest_source(SourceSpec("folder", str(root)), tmp_path / "out", workers=1)
    assert pq.read_table(tmp_path / "out/photos.parquet").num_rows == 2
    with pytest.raises(SourceError, match="no folder at"):
        ingest_source(SourceSpec("folder", str(tmp_path / "none")), tmp_path / "out2", workers=1)


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    root = fill(tmp_path / "in", {"a.jpg": good(1)})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PublishError, match="file"):
        ingest_source(SourceSpec("folder", str(root)), tmp_path / "file" / "out", workers=1)


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    """The table's temporary file is a link to the device that is always full."""
    root = fill(tmp_path / "in", {"a.jpg": good(1)})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.photos.parquet.tmp").symlink_to("/dev/full")
    with pytest.raises(PublishError, match=r"No space left on device.*Free some space"):
        ingest_source(SourceSpec("folder", str(root)), tmp_path / "out", workers=1)
    assert not (tmp_path / "out/photos.parquet").exists()


def test_memory_is_flat(tmp_path: Path) -> None:
    def draw(count: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for index in range(count):
            yield f"{index}.png", np.random.default_rng(index).integers(0, 255, (96, 96, 3), np.uint8)

    peaks = []
    for count in (40, 160):
        tracemalloc.start()
        source = SourceSpec("renderer", drawn=partial(draw, count))
        ingest_source(source, tmp_path / str(count), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 120 * 8_000, "some kilobytes a row, never the pictures (27 kB each)"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.sampled_from([*BAD, *UNUSUAL, *(f"good{i}.jpg" for i in range(6))]), min_size=1, max_size=14
    )
)
def test_photos_are_ok_plus_rejected_for_any_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root, out = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    known = {n: d for n, (d, _) in BAD.items()} | UNUSUAL | {f"good{i}.jpg": good(30 + i) for i in range(6)}
    fill(root, {f"{index:02d}/{name}": known[name] for index, name in enumerate(names)})
    distinct_photos = {name for name in names if name not in BAD}
    if not distinct_photos:
        with pytest.raises(SourceError, match="0 photos"):
            ingest_source(SourceSpec("folder", str(root)), out, workers=1)
        return
    report = ingest_source(SourceSpec("folder", str(root)), out, workers=1)
    rows = table(report)
    assert report.found == len(names) and report.ok == len(distinct_photos)
    assert (
        Counter(r["reason"] for r in rows)["duplicate_file"]
        == len([n for n in names if n not in BAD]) - report.ok
    )


def test_a_sample_depth_that_was_found_out_is_in_the_photo_s_row(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 4096, (64, 64), np.uint16)
    Image.fromarray(values).save(folder / "twelve.png")
    report = ingest_source(SourceSpec("folder", str(folder)), tmp_path / "out", workers=1)
    (row,) = pq.read_table(report.table).to_pylist()
    assert row["status"] == "ok" and row["detail"].startswith("12 bits in 16: no sample is above 409")
    with Image.open(row["path"]) as copy:
        assert np.abs(np.asarray(copy.convert("L")).astype(int) - values / 4095 * 255).max() <= 1
