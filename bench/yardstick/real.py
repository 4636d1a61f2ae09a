"""Labelled photographs aligned by us, once a size: the palms that judge, and never teach, what ships."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palm_models.photo.hand_model import hand_model
from palm_models.photo.picture import decode
from tasks.photographs.align import Settings, align_photo, make_finder
from tasks.work.closure import HERE

Pictures = NDArray[np.uint8]
SETS = ("11k", "coep")
# One hand under two numbers, as anyone sees who lays the pictures side by side (all their lines agree).
SAME = {"coep_158": "coep_156", "coep_144": "coep_100"}


@dataclass(frozen=True)
class Palms:
    """Aligned palms (n, size, size, 3) of hands known by name."""

    name: str
    x: Pictures
    y: NDArray[np.str_]
    note: str  # how many photographs became palms, and why others did not

    @property
    def identities(self) -> int:
        """Hands."""
        return len(set(self.y.tolist()))


def real_sets(folder: Path, cache: Path, size: int) -> list[Palms]:
    """Every set of real-dev, aligned at `size` px; anew where the cache has none of this aligner's."""
    return [_cached(folder / name, cache, size) for name in SETS]


def _cached(folder: Path, cache: Path, size: int) -> Palms:
    aligner = HERE.digest("tasks.photographs.align")[:8]  # another one cuts other palms
    kept = cache / f"real_dev_{folder.name}_{size}_{aligner}.npz"
    if not kept.is_file():
        palms = aligned(folder, size)
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_name(f".{kept.name}")
        with unfinished.open("wb") as file:
            np.savez(file, x=palms.x, y=palms.y, note=np.array(palms.note))
        unfinished.replace(kept)  # written last, so its existence means that all were aligned
    stored = np.load(kept)
    y = np.array([SAME.get(hand, hand) for hand in stored["y"].tolist()])
    return Palms(f"real-dev/{folder.name}", stored["x"], y, str(stored["note"]))


def aligned(folder: Path, size: int) -> Palms:
    """One palm a photograph of folders `id/picture`; hands left with one palm are left out."""
    settings = Settings(views=("palm",), size=size, max_hands=1)
    finder = make_finder(hand_model("").absolute(), settings)
    reasons: Counter[str] = Counter()
    pictures, hands = [], []
    for photo in listed(folder):
        outcome = align_photo(finder, photo, settings)
        reasons[outcome.reject["reason"] if outcome.reject else "aligned"] += 1
        for row in outcome.rows:
            pictures.append(decode(row["image"]["bytes"]).rgb)
            hands.append(Path(photo["original_name"]).parent.name)
    times = Counter(hands)
    keep = [k for k, hand in enumerate(hands) if times[hand] > 1]
    note = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
    note += f"; {len(hands) - len(keep)} left out as the only one of their hand"
    return Palms(folder.name, np.stack([pictures[k] for k in keep]), np.array([hands[k] for k in keep]), note)


def listed(folder: Path) -> Iterator[dict[str, Any]]:
    """Photographs as the aligner reads them from photos.parquet."""
    found = [p for p in sorted(folder.glob("*/*")) if p.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    if not found:
        raise SystemExit(f"{folder} holds no pictures in folders id/picture: give real-dev with --real")
    for path in found:
        full = decode(path)
        name = path.relative_to(folder).as_posix()
        size = {"width": full.full_width, "height": full.full_height}
        yield {"photo_id": name, "path": path, "original_name": name, **size}
