"""Align: the hands in the photos become aligned palms with landmarks; other photos, rejects with a reason."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.files.layout import explain_write_errors, fsync_directory, fsync_file
from manifests.words import View
from palm_models.hand.frame import photo_matrix, transform
from palm_models.photo.hand_model import hand_model
from palm_models.photo.landmarks import FoundHand, HandFinder
from palm_models.photo.picture import Picture, PictureError, decode
from palm_models.photo.pyramid import Pyramid
from tasks.workers.runner import Workers, run

TABLE, REJECTS = "aligned.parquet", "align_rejects.parquet"
ROWS = 128  # photos held in memory and written as one row group, fewer where that takes more than
GROUP_BYTES = 2**26
LEAST_INSIDE = 0.7  # share of view `palm` that must lie in the photo
LOOK = 64  # side in pixels of the view in which it is seen whether there is skin
DARK, FLAT = (
    24,
    6,
)  # grey levels: the brightest of a black palm, and between darkest and brightest of a flat one
GRID = np.stack(np.meshgrid(*[np.arange(16.0)] * 2), axis=-1).reshape(-1, 2)
PNG = [cv2.IMWRITE_PNG_COMPRESSION, 0, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG]

SCHEMA = pa.schema(
    [
        ("photo_id", pa.string()),
        ("original_name", pa.string()),  # in the source, with its folders
        ("hand_index", pa.int8()),  # 0 is the largest hand in the photo
        ("hand", pa.string()),  # left, right: the true hand
        ("handedness_score", pa.float32()),  # that it is this hand, its palm seen; 0-1
        ("view", pa.string()),  # palm, hand
        ("size", pa.int16()),  # side of the picture in pixels
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),  # PNG
        ("landmarks", pa.list_(pa.float32())),  # 21 × (x, y) in pixels of this picture
        ("source_landmarks", pa.list_(pa.float32())),  # the same in pixels of the upright photo
        ("quality", pa.float32()),  # presence of a hand times the share of the view inside the photo, 0-1
    ]
)
WORDS = ["photo_id", "original_name", "hand", "view"]  # columns whose values repeat
REJECT_SCHEMA = pa.schema([(name, pa.string()) for name in ("photo_id", "original_name", "reason", "detail")])


@dataclass(frozen=True)
class Settings:
    """How hands are found and cut; the fields are those of a recipe's section align."""

    views: tuple[View, ...] = ("palm", "hand")
    size: int = 256
    confidence: float = 0.5
    max_hands: int = 2
    attempts: int = 8
    passes: int = 2
    decode_side: int = 1024


@dataclass(frozen=True)
class AlignReport:
    """What came of the photos: photos = aligned + the sum of `rejected` (reason -> number)."""

    table: Path
    photos: int
    aligned: int
    palms: int  # hands, each in every view
    rejected: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def facts(self) -> dict[str, Any]:
        """The sums as JSON."""
        sums = {
            "photos": self.photos,
            "aligned": self.aligned,
            "palms": self.palms,
            "rejected": self.rejected,
        }
        return {**sums, "accounting": str(self)}

    def __str__(self) -> str:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self.rejected.items()))
        rejected = sum(self.rejected.values())
        sums = f"{self.photos} photos = {self.aligned} aligned ({self.palms} palms) + {rejected} rejected"
        return sums + (reasons and f" ({reasons})")


@dataclass(frozen=True)
class _Outcome:
    """One photo's rows of the table, or its row of the rejects."""

    rows: list[dict[str, Any]]
    reject: dict[str, str] | None = None


def align_photos(
    photos: Path,
    out: Path,
    *,
    views: Sequence[View] = ("palm", "hand"),
    size: int = 256,
    confidence: float = 0.5,
    max_hands: int = 2,
    attempts: int = 8,
    passes: int = 2,
    decode_side: int = 1024,
    model: str | Path = "",
    workers: Workers | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AlignReport:
    """Align the photos of the table `photos` whose status is ok into `out`/aligned.parquet.

    What is not aligned gets a row in `out`/align_rejects.parquet: no_hand, back_of_hand, unclear_hand,
    cut_off, nearly_black, nearly_white, flat, worker_died, or the decoder's reason. size: side of views in
    pixels; decode_side: larger photos are decoded to about this many pixels; passes: readings of each hand,
    see HandFinder; model: a task file, "" for the cached one; progress: called with (done, all).

    Rows come in the order of the photos, whatever the workers; both tables appear last and whole. Raises
    HandModelError without a usable model, PublishError when `out` cannot be written, RunnerError when the
    workers cannot be reached.
    """
    began = time.perf_counter()
    settings = Settings(tuple(views), size, confidence, max_hands, attempts, passes, decode_side)
    columns = ["photo_id", "path", "original_name", "width", "height", "status"]
    listed = [row for row in pq.read_table(photos, columns=columns).to_pylist() if row["status"] == "ok"]
    setup = partial(make_finder, hand_model(model).absolute(), settings)
    job = partial(align_photo, settings=settings)
    outcomes = run(job, listed, setup=setup, workers=workers or Workers(), lost=_died)
    rows = max(1, min(ROWS, GROUP_BYTES // (len(views) * size * size * 3)))
    counts = _write(_announced(outcomes, len(listed), progress), out, rows)
    rejected = {name[1:]: number for name, number in counts.items() if name.startswith("!")}
    seconds = time.perf_counter() - began
    report = AlignReport(out / TABLE, len(listed), counts["aligned"], counts["palms"], rejected, seconds)
    return report


def align_photo(finder: HandFinder, photo: dict[str, Any], settings: Settings) -> _Outcome:
    """Align one row of photos.parquet; whatever is wrong with it becomes its reason."""
    try:
        picture = decode(Path(photo["path"]), _decoded_side(photo, settings.decode_side))
    except PictureError as error:
        return _rejected(photo, error.reason, str(error))
    pyramid = Pyramid(picture.rgb)
    hands = finder.find_in(pyramid)
    if not hands:
        return _rejected(photo, "no_hand", f"{settings.attempts} attempts found no hand")
    palms = [hand for hand in hands if hand.shows_palm]
    if not palms:
        return _rejected(photo, "back_of_hand", f"{len(hands)} seen from the back")
    steady = [hand for hand in palms if hand.is_steady]
    if not steady:
        drift = min(hand.drift for hand in palms)
        return _rejected(
            photo, "unclear_hand", f"two readings of it differ by {drift:.0%} of the palm's width"
        )
    inside = [_inside(hand, picture.rgb) for hand in steady]
    whole = [(hand, share) for hand, share in zip(steady, inside, strict=True) if share >= LEAST_INSIDE]
    if not whole:
        return _rejected(photo, "cut_off", f"{max(inside):.0%} of the palm lies in the photo")
    seen = [(hand, share) for hand, share in whole if not _unseen(pyramid, hand)]
    rows = [
        row
        for index, (hand, share) in enumerate(seen)
        for row in _rows(photo, picture, pyramid, hand, index, share, settings)
    ]
    return _Outcome(rows) if seen else _rejected(photo, *_unseen(pyramid, whole[0][0]))


def _decoded_side(photo: dict[str, Any], wanted: int) -> int:
    """The photo's longer side halved until it is 0.75-1.5 × `wanted`: JPEG decodes at halves for nothing."""
    longer = max(int(photo["width"]), int(photo["height"]))
    halvings = max(0, math.floor(math.log2(longer / wanted / 0.75)))
    return math.ceil(longer / 2.0**halvings)


def make_finder(model: Path, settings: Settings) -> HandFinder:
    """A worker's hand finder: making one takes longer than using it."""
    return HandFinder(
        model,
        confidence=settings.confidence,
        max_hands=settings.max_hands,
        attempts=settings.attempts,
        passes=settings.passes,
    )


def _rows(
    photo: dict[str, Any],
    picture: Picture,
    pyramid: Pyramid,
    hand: FoundHand,
    index: int,
    share: float,
    settings: Settings,
) -> Iterator[dict[str, Any]]:
    source = (hand.landmarks + 0.5) / picture.scale - 0.5
    for view in settings.views:
        matrix = photo_matrix(hand.landmarks, view, settings.size)
        # a finger drawn out beyond the photo's edge would look like a longer one
        image = pyramid.warp(matrix, settings.size, pyramid.edge_colour())
        yield {
            "photo_id": photo["photo_id"],
            "original_name": photo["original_name"],
            "hand_index": index,
            "hand": hand.hand,
            "handedness_score": hand.palm,
            "view": view,
            "size": settings.size,
            "image": {"bytes": _png(image), "path": f"{photo['photo_id'][:16]}_{index}_{view}.png"},
            "landmarks": transform(hand.landmarks, matrix).ravel().tolist(),
            "source_landmarks": source.ravel().tolist(),
            "quality": hand.presence * share,
        }


def _unseen(pyramid: Pyramid, hand: FoundHand) -> tuple[str, str] | tuple[()]:
    """Reason and detail when view `palm` shows no skin: nearly black, nearly white, or flat; else nothing."""
    rgb = pyramid.warp(photo_matrix(hand.landmarks, "palm", LOOK), LOOK, pyramid.edge_colour())
    low, high = np.percentile(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (1, 99))
    levels = f"grey levels {low:.0f} to {high:.0f} of 255"
    if high < DARK:
        return "nearly_black", f"{levels}; was a 10- or 12-bit picture saved in 16 bits?"
    if low > 255 - DARK:
        return "nearly_white", f"{levels}; it is overexposed"
    return ("flat", f"{levels}; nothing of a palm is seen") if high - low < FLAT else ()


def _inside(hand: FoundHand, rgb: NDArray[np.uint8]) -> float:
    """Share of view `palm` that lies inside the photo, from a grid of 16 × 16 points."""
    back = cv2.invertAffineTransform(photo_matrix(hand.landmarks, "palm", 16))
    points = transform(GRID, np.asarray(back, np.float64))
    return float(((points >= 0) & (points < [rgb.shape[1], rgb.shape[0]])).all(axis=1).mean())


def _png(rgb: NDArray[np.uint8]) -> bytes:
    """As PNG, filtered but not deflated: the table's zstd makes it as small in half the time."""
    return bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), PNG)[1])


def _rejected(photo: dict[str, Any], reason: str, detail: str) -> _Outcome:
    names = {"photo_id": photo["photo_id"], "original_name": photo["original_name"]}
    return _Outcome([], {**names, "reason": reason, "detail": detail})


def _died(photo: dict[str, Any]) -> _Outcome:
    return _rejected(photo, "worker_died", "its process was killed; is there enough memory?")


def _announced(
    outcomes: Iterator[_Outcome], total: int, progress: Callable[[int, int], None] | None
) -> Iterator[_Outcome]:
    if progress:
        progress(0, total)
    for done, outcome in enumerate(outcomes, 1):
        yield outcome
        if progress:
            progress(done, total)


def _write(outcomes: Iterator[_Outcome], out: Path, rows_at_once: int) -> Counter[str]:
    """Write both tables, last and whole; count aligned photos, palms and "!" + reason."""
    counts: Counter[str] = Counter()
    paths = [out / f".{name}.tmp" for name in (TABLE, REJECTS)]
    with explain_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        with (
            pq.ParquetWriter(
                paths[0], SCHEMA, compression="zstd", use_dictionary=WORDS, write_statistics=WORDS
            ) as table,
            pq.ParquetWriter(paths[1], REJECT_SCHEMA, compression="zstd") as rejects,
        ):
            while batch := list(islice(outcomes, rows_at_once)):
                rows = [row for outcome in batch for row in outcome.rows]
                lost = [outcome.reject for outcome in batch if outcome.reject]
                table.write_table(pa.Table.from_pylist(rows, SCHEMA))
                rejects.write_table(pa.Table.from_pylist(lost, REJECT_SCHEMA))
                counts["aligned"] += len(batch) - len(lost)
                counts["palms"] += len({(row["photo_id"], row["hand_index"]) for row in rows})
                counts.update(f"!{reject['reason']}" for reject in lost)
        for temporary, name in zip(paths, (TABLE, REJECTS), strict=True):
            fsync_file(temporary)
            temporary.replace(out / name)
        fsync_directory(out)
    return counts
