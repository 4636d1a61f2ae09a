"""Layout: where creases lie on average, on real aligned palms and on drawn ones."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.words import Hand
from palm_models.engines.diffusion.extractor import crease_map
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity

SIZE, RIM, SMOOTH = 128, 8, 2.0  # px; the first rows show the finger valleys; sd of the comparison's blur
HANDS: tuple[Hand, Hand] = ("left", "right")
Map = NDArray[np.float32]


def real_map(aligned: Path) -> Map:
    """Mean crease map (SIZE, SIZE) of view `palm` in aligned.parquet, left hands mirrored onto right ones."""
    total, count = np.zeros((SIZE, SIZE), np.float32), 0
    with pq.ParquetFile(aligned) as file:
        for batch in file.iter_batches(64, columns=["view", "hand", "image"]):
            for row in batch.to_pylist():
                if row["view"] != "palm":
                    continue
                data = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
                picture = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB))
                small = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
                total, count = (
                    total + _as_right(crease_map(np.asarray(small, np.uint8)), row["hand"]),
                    count + 1,
                )
    return (total / count).astype(np.float32)


def drawn_map(subjects: int, seed: int) -> Map:
    """The same of the renderer's palms: both hands of each subject, two captures each."""
    engine, total = RendererEngine(), np.zeros((SIZE, SIZE), np.float32)
    for subject in range(subjects):
        for hand in HANDS:
            captures = [make_capture(seed, subject, hand, c) for c in range(2)]
            for drawing in engine.draw(make_identity(seed, subject, hand), captures, "palm", SIZE):
                total += _as_right(crease_map(drawing.image), hand)
    return (total / (4 * subjects)).astype(np.float32)


def _as_right(crease: Map, hand: str) -> Map:
    return crease[:, ::-1] if hand == "left" else crease


def correlation(a: Map, b: Map) -> float:
    """Correlation of two mean maps, slightly blurred, without the rim at the fingers."""
    one, two = (cv2.GaussianBlur(np.ascontiguousarray(m[RIM:]), (0, 0), SMOOTH).ravel() for m in (a, b))
    return float(np.corrcoef(one, two)[0, 1])


def main() -> None:
    """Print the correlation; with --sheet, write both maps side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of photographs")
    parser.add_argument("--subjects", type=int, default=100)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--sheet", type=Path, help="PNG: real and drawn (a mean over people, nobody's palm)")
    asked = parser.parse_args()
    real, drawn = real_map(asked.aligned), drawn_map(asked.subjects, asked.seed)
    print(f"correlation of the mean crease maps {correlation(real, drawn):.3f}")
    if asked.sheet:
        both = np.clip(np.hstack([real, drawn]) / 0.4 * 255, 0, 255).astype(np.uint8)
        cv2.imwrite(str(asked.sheet), cv2.resize(both, None, fx=3, fy=3))


if __name__ == "__main__":
    main()
