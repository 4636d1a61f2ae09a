"""Draws the contact sheet of an alignment: palms that were found, photographs that were rejected."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.parquet as pq

from palm_models.photo.picture import PictureError, decode
from tasks.report.sheets import Block, Row, draw_sheet
from tasks.report.shown import images_at

COLUMNS, ROWS, EXAMPLES = 8, 4, 8  # pictures of a row; at most: rows of a view, rejects shown for a reason
SIDE = 160  # px to which rejected photographs are decoded


def contact_sheet(aligned: Path, rejects: Path, photos: Path) -> bytes:
    """The sheet as a PNG file: palms spread over the table `aligned`, and some of `rejects` by reason.

    It shows photographs of people: it is for whoever aligned them, and published nowhere.
    """
    blocks = [*_found(aligned), *_rejected(rejects, photos)]
    return draw_sheet(blocks or [Block("No photographs", [])])


def _found(aligned: Path) -> Iterator[Block]:
    views = pq.read_table(aligned, columns=["view"])["view"].to_pylist()
    for view in dict.fromkeys(views):
        places = [i for i, each in enumerate(views) if each == view]
        shown = places[:: -(-len(places) // (COLUMNS * ROWS))]
        pictures = images_at(aligned, shown)
        lines = [pictures[i : i + COLUMNS] for i in range(0, len(pictures), COLUMNS)]
        some = f"{len(shown)} of " if len(shown) < len(places) else ""
        yield Block(f"View {view}: {some}{len(places)} aligned", [Row("", line) for line in lines])


def _rejected(rejects: Path, photos: Path) -> Iterator[Block]:
    rows = pq.read_table(rejects, columns=["photo_id", "reason"]).to_pylist()
    if not rows:
        return
    listed = pq.read_table(photos, columns=["photo_id", "path"]).to_pylist()
    paths = {row["photo_id"]: Path(row["path"]) for row in listed if row["path"]}
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(row["reason"], []).append(row["photo_id"])
    lines = [
        Row(f"{reason.replace('_', ' ')}\n{len(ids)} photographs", list(_thumbnails(ids, paths)))
        for reason, ids in sorted(reasons.items(), key=lambda found: -len(found[1]))
    ]
    yield Block(f"Rejected: {len(rows)} photographs", lines)


def _thumbnails(ids: list[str], paths: dict[str, Path]) -> Iterator[bytes]:
    """Of as many as are shown; a photograph that cannot be decoded has none."""
    for photo in ids[:EXAMPLES]:
        try:
            rgb = decode(paths[photo], SIDE).rgb
        except (KeyError, OSError, PictureError):
            continue
        yield bytes(cv2.imencode(".png", rgb[..., ::-1])[1])
