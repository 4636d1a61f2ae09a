"""The real palms kept out of training for measuring: whole runs of consecutive photographs."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.words import View

RUN = 10  # consecutive numbers kept together: neighbours are often two hands of one person
Pictures = NDArray[np.uint8]


def held_out(folder: Path, count: int = 60) -> list[str]:
    """Photo ids (sha256) of at least `count` photographs IMG_<number>.jpg, chosen by hash of their run."""
    runs: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("*.jpg")):
        number = int("".join(c for c in path.stem if c.isdigit()))
        runs.setdefault(number // RUN, []).append(path)
    order = sorted(runs, key=lambda run: hashlib.sha256(f"palmforge-holdout-{run}".encode()).hexdigest())
    chosen: list[Path] = []
    for run in order:
        if len(chosen) >= count:
            break
        chosen += runs[run]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in chosen]


def real_palms(
    aligned: Path, held: list[str], view: View = "palm", size: int = 128
) -> tuple[Pictures, Pictures]:
    """Held-out and other aligned photographs of a view, each (n, size, size, 3) RGB."""
    rows = pq.read_table(aligned, columns=["photo_id", "view", "image"]).to_pylist()
    sets: tuple[list[Pictures], list[Pictures]] = ([], [])
    for row in rows:
        if row["view"] == view:
            raw = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
            picture = np.asarray(cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR_RGB))
            small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
            sets[row["photo_id"] not in held].append(np.asarray(small, np.uint8))
    return np.stack(sets[0]), np.stack(sets[1])
