"""Ingest: every file of a source becomes a row of photos.parquet, a photo or a reject with its reason."""

import errno
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files.layout import explain_write_errors, fsync_directory, fsync_file
from tasks.photographs.duplicates import Duplicates
from tasks.photographs.examine import Examined, crashed, examine
from tasks.photographs.sources.found import Found, SourceError
from tasks.photographs.sources.source import SourceSpec, find
from tasks.workers.parallel import available_cores, in_order

TABLE = "photos.parquet"
BLOBS = "blobs"
ROWS = 1000  # rows held in memory and written as one row group

SCHEMA = pa.schema(
    [
        ("photo_id", pa.string()),  # sha256 of the file as found; empty when it was not read
        ("path", pa.string()),  # absolute path of the immutable copy; empty when it is no photo
        ("original_name", pa.string()),  # in the source, with its folders
        ("width", pa.int32()),  # pixels of the copy, upright
        ("height", pa.int32()),
        ("bytes", pa.int64()),  # of the file as found
        ("format", pa.string()),
        ("orientation", pa.int8()),  # EXIF value that was applied, 1-8
        ("source_kind", pa.string()),
        ("source_dataset", pa.string()),
        ("source_license", pa.string()),
        ("source_credit", pa.string()),
        ("status", pa.string()),  # ok, rejected
        ("reason", pa.string()),  # snake_case code; empty when ok
        ("detail", pa.string()),
        ("duplicate_of", pa.string()),  # photo_id of the first one, null when it is none
        ("pixels_sha256", pa.string()),
        ("phash", pa.string()),  # perceptual hash, 256 bits as hex
    ]
)


@dataclass(frozen=True)
class IngestReport:
    """What came of a source: found = ok + the sum of `rejected` (reason -> number)."""

    table: Path
    found: int
    ok: int
    rejected: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0

    def facts(self) -> dict[str, Any]:
        """The sums as JSON: files, photos, rejected (reason -> number), bytes."""
        return {"files": self.found, "photos": self.ok, "rejected": self.rejected, "bytes": self.bytes}

    def __str__(self) -> str:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.rejected.items()))
        rejected = sum(self.rejected.values())
        return f"{self.found} files = {self.ok} photos + {rejected} rejected" + (reasons and f" ({reasons})")


def ingest_source(
    source: SourceSpec,
    out: Path,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Write `out`/photos.parquet and the copies under `out`/blobs; the table appears last and whole.

    workers: processes, 0 = one for each core; progress: called with (files done, files in all, or one more
    than done while that is not known).

    Rows come in the order of the source, whatever the workers. A second run does nothing twice that the first
    one copied. Raises SourceError when the source gives no photo, PublishError when `out` cannot be written.
    """
    began = time.perf_counter()
    scratch = out / ".unpacked"
    try:
        with explain_write_errors(out):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            with _explain_read_errors(source):
                listing = find(source, scratch)
            rows = _rows(source, _readable(listing.files, source), out / BLOBS, workers or available_cores())
            counts, size = _write(_announced(rows, listing.total, progress), out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    found, ok = counts.total(), counts.pop("", 0)
    report = IngestReport(out / TABLE, found, ok, dict(counts), size, time.perf_counter() - began)
    if not ok:
        raise SourceError("no_photos", f"{source.title}: {report}; the details are in {report.table}")
    return report


def _readable(files: Iterator[Found], source: SourceSpec) -> Iterator[Found]:
    with _explain_read_errors(source):
        yield from files


@contextmanager
def _explain_read_errors(source: SourceSpec) -> Iterator[None]:
    """Turn an OSError while reading a source into a SourceError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise  # while unpacking: said of the folder that is written to
        what = f"{error.filename or source.path}: {error.strerror or error}"
        raise SourceError("source_unreadable", f"{what}; check the disk and its permissions") from None


def _announced(
    rows: Iterator[dict[str, Any]], total: int, progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    done = 0
    if progress:
        progress(0, total or 1)
    for done, row in enumerate(rows, 1):
        yield row
        if progress:
            progress(done, total or done + 1)
    if progress and not total:
        progress(done, done)


def _write(rows: Iterator[dict[str, Any]], out: Path) -> tuple[Counter[str], int]:
    """Write the table, last and whole; give the number of rows for each reason and the bytes of all files."""
    counts: Counter[str] = Counter()
    size = 0
    temporary = out / f".{TABLE}.tmp"
    with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS)):
            writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
            counts.update(row["reason"] for row in batch)
            size += sum(row["bytes"] for row in batch)
    fsync_file(temporary)
    temporary.replace(out / TABLE)
    fsync_directory(out)
    return counts, size


def _rows(source: SourceSpec, files: Iterator[Found], blobs: Path, workers: int) -> Iterator[dict[str, Any]]:
    duplicates, pending = Duplicates(), deque[Found]()
    work = partial(examine, blobs=blobs)
    for photo in in_order(work, _noted(files, pending), workers, crashed):
        _remove_unpacked(pending.popleft())
        same = duplicates.check(photo) if not photo.reason else None
        reason, detail, first = same or (photo.reason, photo.detail, None)
        yield _row(source, photo, reason, detail, first)


def _noted(files: Iterator[Found], pending: deque[Found]) -> Iterator[Found]:
    for found in files:
        pending.append(found)
        yield found


def _remove_unpacked(found: Found) -> None:
    """Only once its row is here: when a process dies, the others' files are examined again, too."""
    if found.temporary and found.path:
        found.path.unlink(missing_ok=True)


def _row(
    source: SourceSpec, photo: Examined, reason: str, detail: str, duplicate_of: str | None
) -> dict[str, Any]:
    return {
        "photo_id": photo.photo_id,
        "path": photo.copy,
        "original_name": photo.name,
        "width": photo.width,
        "height": photo.height,
        "bytes": photo.bytes,
        "format": photo.format,
        "orientation": photo.orientation,
        "source_kind": source.kind,
        "source_dataset": source.title,
        "source_license": source.licence,
        "source_credit": source.credit,
        "status": "rejected" if reason else "ok",
        "reason": reason,
        "detail": detail,
        "duplicate_of": duplicate_of,
        "pixels_sha256": photo.pixels,
        "phash": photo.phash,
    }
