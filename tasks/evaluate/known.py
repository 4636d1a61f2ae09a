"""Palms of known people: the pictures of a test set, aligned, or regions of interest as they are."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.files.layout import explain_write_errors
from palm_models.measure.encoder import to_grey
from palm_models.photo.picture import PictureError
from tasks.evaluate.labelled import Labelled
from tasks.evaluate.regions import are_regions, read_region, sides
from tasks.evaluate.sets.folder import PATTERN, FolderSet
from tasks.evaluate.sets.kind import Shot, TestSet
from tasks.evaluate.sets.registry import TESTSETS, Named, parse_set
from tasks.photographs.sources.found import SourceError
from tasks.work.place import Work
from tasks.work.stage import Stage, once
from tasks.workers.workers import Workers

Progress = Callable[[int, int], None]
Reject = tuple[str, str, str]  # picture, reason, detail


@dataclass(frozen=True)
class Reading:
    """How pictures of known people are read; `roi` and `turn` None: as the set and its pictures say."""

    size: int  # px, side of the grey palms
    work: Path  # aligned palms are kept here
    roi: bool | None = None  # True: they are regions of interest already, nothing is aligned
    turn: int | None = None  # degrees clockwise, 0, 90, 180 or 270, that bring the fingers up
    pattern: str = PATTERN  # who a picture of a flat folder shows
    workers: int = 0


def of_known(text: str, reading: Reading, progress: Progress) -> Labelled:
    """The palms of a test set: NAME:DIR, NAME@DEVICE:DIR, a folder `id/picture`, a flat folder, or a CSV.

    Equal files are left out and counted, similar ones never; so are hands with one picture, because nothing
    can be compared with them. Where a set of one's own is aligned, both hands under one id count as two
    identities. Raises SourceError when nothing can be read, named or compared.
    """
    named = parse_set(text)
    kind = FolderSet(reading.pattern) if named.set == "folder" else TESTSETS.get(named.set)
    listed = kind.listed(named.path)
    shots = _of_device(listed.shots, named)
    own, twice = _once_each(shots)
    roi = are_regions([shot.path for shot in own]) if reading.roi is None else reading.roi
    read = _regions if roi else _aligned
    found, rejects = read(own, kind, reading, progress)
    rejects = [*twice, *rejects]
    times = Counter(found.labels.tolist())
    keep = np.array([times[label] > 1 for label in found.labels.tolist()], bool)
    note = "; ".join(filter(None, (listed.note, _accounting(len(shots), found, rejects), found.note)))
    if not keep.all():
        note += f"; {int((~keep).sum())} hands with one picture left out"
    if len(set(found.labels[keep].tolist())) < 2:
        what = "read" if roi else "aligned"
        raise SourceError(
            "nothing_to_compare",
            f"{named.path}: fewer than two hands have two pictures that were {what}: {note}",
        )
    name = named.path.name if named.set == "folder" else named.set + (named.device and f"@{named.device}")
    return replace(found.part(keep), name=name, note=note, rejects=rejects)


def _of_device(shots: list[Shot], named: Named) -> list[Shot]:
    known = sorted({shot.device for shot in shots} - {""})
    chosen = [s for s in shots if not named.device or s.device.lower() == named.device.lower()]
    if not chosen:
        raise SourceError(
            "no_such_device",
            f"{named.path}: nothing of {named.device!r}; there is {', '.join(known) or 'one device'}",
        )
    return chosen


def _once_each(shots: list[Shot]) -> tuple[list[Shot], list[Reject]]:
    """Of equal files the first; files that cannot be read are left to the reader."""
    first: dict[str, Shot] = {}
    own, rejects = [], []
    for shot in shots:
        try:
            digest = hashlib.sha256(shot.path.read_bytes()).hexdigest()
        except OSError:
            digest = str(shot.path)
        if (seen := first.setdefault(digest, shot)) is shot:
            own.append(shot)
        else:
            under = "" if seen.label == shot.label else f", there of {seen.label}"
            rejects.append((str(shot.path), "duplicate_file", f"the same bytes as {seen.path}{under}"))
    return own, rejects


def _accounting(pictures: int, found: Labelled, rejects: list[Reject]) -> str:
    reasons = Counter(reason for _, reason, _ in rejects)
    why = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()))
    return f"{pictures} pictures = {len(found.labels)} palms + {len(rejects)} rejected" + (
        why and f" ({why})"
    )


def _regions(
    shots: list[Shot], kind: TestSet, r: Reading, progress: Progress
) -> tuple[Labelled, list[Reject]]:
    turn = kind.turn if r.turn is None else r.turn
    grey, kept, rejects, shapes = [], [], [], Counter[str]()
    for done, shot in enumerate(shots, 1):
        try:
            picture = read_region(shot.path, r.size, turn)
        except PictureError as error:
            rejects.append((str(shot.path), error.reason, str(error)))
        else:
            grey.append(picture.grey)
            kept.append(shot)
            shapes[picture.shape] += 1
        progress(done, len(shots))
    found = ", ".join(f"{n} of {shape}" if len(shapes) > 1 else shape for shape, n in shapes.most_common(4))
    note = f"regions of interest, {found}" + (f", turned by {turn}°" if turn else "")
    return _labelled(kind.name, grey, kept, [s.label for s in kept], r.size, note), rejects


def _aligned(
    shots: list[Shot], kind: TestSet, r: Reading, progress: Progress
) -> tuple[Labelled, list[Reject]]:
    from tasks.photographs.align import REJECTS, TABLE, align_photos

    rows = [
        {"photo_id": f"{k:06d}", "path": str(shot.path.resolve()), "original_name": shot.path.name,
         "width": side[0], "height": side[1], "status": "ok"}
        for k, shot in enumerate(shots) for side in [sides(shot.path)]
    ]  # fmt: skip
    side = max(128, r.size)
    given = {"pictures": [_as_found(shot.path) for shot in shots], "size": side}
    place = Stage("known", None, code=("tasks.photographs.align",), given=given).place(Work(r.work))

    def run() -> Mapping[str, Any]:
        photos = place.path / "photos.parquet"
        with explain_write_errors(photos):
            pq.write_table(pa.Table.from_pylist(rows), photos)
        workers = Workers(count=r.workers)
        aligned = align_photos(
            photos, place.path, views=("palm",), size=side, max_hands=1, workers=workers, progress=progress
        )
        return aligned.facts()

    folder = once(place, run, TABLE, REJECTS).path
    table = pq.read_table(folder / TABLE, columns=["photo_id", "hand", "image"])
    kept = [shots[int(k)] for k in table["photo_id"].to_pylist()]
    grey = [to_grey(decode(cell["bytes"])[None], r.size)[0] for cell in table["image"].to_pylist()]
    seen = zip(
        kept, table["hand"].to_pylist(), strict=True
    )  # of a set of one's own the aligner tells hands apart
    labels = [f"{shot.subject} {hand}" if kind.name == "folder" else shot.label for shot, hand in seen]
    lost = pq.read_table(folder / REJECTS).to_pylist()
    rejects = [(str(shots[int(row["photo_id"])].path), row["reason"], row["detail"]) for row in lost]
    return _labelled(kind.name, grey, kept, labels, r.size, "photographs, aligned"), rejects


def _as_found(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _labelled(
    name: str, grey: list[NDArray[np.uint8]], shots: list[Shot], labels: list[str], size: int, note: str
) -> Labelled:
    pictures = np.stack(grey) if grey else np.empty((0, size, size), np.uint8)
    words = (np.array(w, np.str_) for w in (labels, [s.session for s in shots], [s.device for s in shots]))
    of, sessions, devices = words
    return Labelled(name, pictures, of, note, sessions, devices)
