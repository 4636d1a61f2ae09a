"""Keeps what was rejected: one row a picture with its reason, its score, the threshold and a thumbnail."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.contract.schema import IMAGE_COLUMN
from manifests.files.layout import atomic_write
from tasks.judge.candidate import Verdict
from tasks.judge.gates.registry import hides
from tasks.report.sheets import Block, Row, draw_sheet
from tasks.report.shown import small

THUMBNAIL = 64  # px, longest side
SHOWN = 8  # of each reason on the sheet
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("identity_id", pa.string()),
        ("capture", pa.int64()),
        ("view", pa.string()),
        ("gate", pa.string()),  # name of the gate, or attempts, surplus
        ("reason", pa.string()),
        ("score", pa.float64()),  # null where nothing was measured
        ("threshold", pa.float64()),
        (
            "because",
            pa.string(),
        ),  # the picture of the capture that failed; the photo, identity or picture met
        ("thumbnail", pa.binary()),  # WebP
    ]
)


def write_rejects(
    file: Path, verdicts: Iterable[Verdict], places: Mapping[int, list[tuple[Path, int]]]
) -> list[dict[str, Any]]:
    """Write the rejected pictures of all verdicts; `places` has their shard and row. Returns the rows."""
    rows = [row for verdict in verdicts for row in _rows(verdict, places[verdict.candidate.index])]
    images = _images({row["place"] for row in rows})
    for row in rows:
        row["thumbnail"] = small(images[row.pop("place")], THUMBNAIL)
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), stream, compression="zstd")
    atomic_write(file, stream.getvalue())
    return rows


def _rows(verdict: Verdict, places: list[tuple[Path, int]]) -> Iterable[dict[str, Any]]:
    for scored, fault, place in zip(verdict.candidate.rows, verdict.faults, places, strict=True):
        if fault:
            yield {
                **{name: scored[name] for name in ("sample_id", "identity_id", "capture", "view")},
                **{
                    name: getattr(fault, name) for name in ("gate", "reason", "score", "threshold", "because")
                },
                "place": place,
            }


def _images(places: set[tuple[Path, int]]) -> dict[tuple[Path, int], bytes]:
    """The encoded pictures at (shard, row), a shard in memory at a time."""
    found: dict[tuple[Path, int], bytes] = {}
    for file in sorted({file for file, _ in places}):
        rows = sorted(row for path, row in places if path == file)
        with pq.ParquetFile(file) as parquet:
            column = parquet.read([f"{IMAGE_COLUMN.name}.bytes"])[IMAGE_COLUMN.name]
        found |= {(file, row): column[row].as_py()["bytes"] for row in rows}
    return found


def publishable(file: Path) -> bytes:
    """The rejects as a version may hold them: what resembles a photograph of a person is not shown."""
    table = pq.read_table(file)
    secret = [name for name in pc.unique(table["gate"]).to_pylist() if hides(name)]
    hidden = pc.if_else(
        pc.is_in(table["gate"], pa.array(secret, pa.string())),
        pa.scalar(None, pa.binary()),
        table["thumbnail"],
    )
    table = table.set_column(table.column_names.index("thumbnail"), SCHEMA.field("thumbnail"), hidden)
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def sheet(file: Path) -> bytes:
    """Some rejects of each reason as one PNG picture; `file` is what `write_rejects` wrote."""
    rows = pq.read_table(file).to_pylist()
    reasons = list(dict.fromkeys((row["gate"], row["reason"]) for row in rows))
    lines = []
    for gate, reason in reasons:
        some = [row["thumbnail"] for row in rows if (row["gate"], row["reason"]) == (gate, reason)]
        lines.append(Row(f"{gate}\n{reason}\n{len(some)} images", some[:SHOWN]))
    return draw_sheet([Block("Rejected", lines)], cell=96)
