"""Alignment on photographs: does it repeat when the photo is moved, and how fast is it beside a bare loop.

python bench/photographs/align.py repeat PHOTOS [--photos 40 --variants 4]
python bench/photographs/align.py drawn . [--photos 40 --size 384]
python bench/photographs/align.py speed PHOTOS [--photos 100 --size 128 --side 3072]   (--side: theirs)
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from manifests.words import HANDS
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.frame import palm_width, transform
from palm_models.hand.identity import make_identity
from palm_models.photo.hand_model import DETECTOR, LANDMARKS, hand_model, members, task_file
from palm_models.photo.landmarks import HandFinder
from palm_models.photo.picture import decode
from tasks.photographs.align import Settings, align_photo, align_photos, make_finder
from tasks.workers.parallel import available_cores

TOLERANCE = 0.02  # mean over landmarks, in palm widths


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["repeat", "drawn", "speed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--side", type=int, default=0)
    args = parser.parse_args()
    if args.what == "drawn":
        return drawn(args.photos, args.size)
    paths = sorted(p for p in args.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = paths[:: max(1, len(paths) // args.photos)][: args.photos]
    if args.what == "repeat":
        repeat(chosen, args.variants)
    else:
        speed(chosen, args.size, args.side)


def repeat(paths, variants):
    """Landmarks of moved photos, brought back, against those of the photo itself."""
    cv2.setNumThreads(1)
    finders = {f"passes {n}": HandFinder(hand_model(), passes=n) for n in (1, 2, 3)}
    found: dict[str, list[Any]] = {name: [] for name in ("bare landmarker", *finders)}
    rng = np.random.default_rng(0)
    for path in paths:
        rgb = decode(path, 1024).rgb
        moved = [(rgb, np.eye(3)[:2])] + [move(rgb, rng) for _ in range(variants)]
        for name, results in found.items():
            read = bare_landmarks if name.startswith("bare") else finders[name].find
            results += compare([(matrix, read(picture)) for picture, matrix in moved])
    print(
        f"{len(paths)} photographs, {variants} variants each; deviation in palm widths, mean over landmarks"
    )
    for name, results in found.items():
        d = np.array([apart for apart, _ in results if np.isfinite(apart)])
        lost, hands = len(results) - len(d), np.mean([ok for apart, ok in results if np.isfinite(apart)])
        print(
            f"{name:16} mean {d.mean():.4f}  median {np.median(d):.4f}  95 % {np.quantile(d, 0.95):.4f}  "
            f"max {d.max():.4f}  within {TOLERANCE:.0%}: {np.mean(d <= TOLERANCE):.1%}  "
            f"right hand named: {hands:.1%}  not found: {lost}"
        )


def drawn(count, size):
    """Landmarks found on whole hands that the renderer draws, against the true ones."""
    finder, engine, apart, named = HandFinder(hand_model()), RendererEngine(), [], 0
    for subject in range(count):
        hand = HANDS[subject % 2]
        identity, capture = make_identity(21, subject, hand), make_capture(21, subject, hand, 0)
        (drawing,) = engine.draw(identity, [capture], "hand", size)
        for found in finder.find(drawing.image)[:1]:
            named += found.hand == hand and found.shows_palm
            apart.append((found.landmarks - drawing.landmarks) / palm_width(drawing.landmarks))
    lengths = np.linalg.norm(apart, axis=2)
    print(f"{count} drawn hands at {size} px: {len(apart)} found, {named} named rightly")
    close = (lengths.mean(axis=1) < 0.03).mean()
    print(f"deviation in palm widths: mean {lengths.mean():.4f}, within 3 %: {close:.0%}")
    print("mean of each landmark:", " ".join(f"{x:.3f}" for x in lengths.mean(axis=0)))


def compare(results):
    """(deviation, hand as expected) of each variant against the first result."""
    (_, first), rest = results[0], results[1:]
    if not first:
        return [(np.nan, False)] * len(rest)
    rows = []
    for matrix, hands in rest:
        inverse = cv2.invertAffineTransform(matrix)
        back = [(transform(hand.landmarks, inverse), hand.hand) for hand in hands]
        mirrored = np.linalg.det(matrix[:, :2]) < 0
        apart = [np.linalg.norm(points - first[0].landmarks, axis=1).mean() for points, _ in back]
        best = int(np.argmin(apart)) if apart else -1
        rows.append(
            (apart[best] / palm_width(first[0].landmarks), (back[best][1] != first[0].hand) == mirrored)
            if apart
            else (np.nan, False)
        )
    return rows


def move(rgb, rng):
    """The photo turned by 0-360°, scaled by 0.5-1.5, shifted by up to 5 %, mirrored or not, and how."""
    height, width = rgb.shape[:2]
    angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([rng.choice([-1, 1]), 1])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil(high - low).astype(int)
    shift = -low + rng.uniform(-0.05, 0.05, 2) * size
    matrix = np.hstack([linear, shift[:, None]])
    soft = cv2.GaussianBlur(rgb, (0, 0), 0.5 / scale) if scale < 0.8 else rgb  # no aliasing when smaller
    moved = cv2.warpAffine(
        soft, matrix, size.tolist(), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved, matrix


_bare: list[Any] = []


def bare_landmarker():
    """MediaPipe's Hand Landmarker as it comes, but for the reports to its maker."""
    if not _bare:
        os.environ["https_proxy"] = "http://127.0.0.1:9"  # nothing listens there; no other switch is heeded
        from mediapipe.tasks.python import BaseOptions, vision

        networks = members(hand_model())
        bundle = task_file({name: networks[name] for name in (DETECTOR, LANDMARKS)})
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=bundle), num_hands=2
        )
        _bare.append(vision.HandLandmarker.create_from_options(options))
    return _bare[0]


def bare_landmarks(rgb):
    """What one plain attempt finds, as our hands."""
    import mediapipe as mp

    from palm_models.photo.landmarks import FoundHand

    result = bare_landmarker().detect(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(rgb)))
    size = rgb.shape[1::-1]
    return [
        FoundHand(
            np.array([(p.x, p.y) for p in hand], np.float32) * size, side[0].category_name.lower(), 1, 1
        )
        for hand, side in zip(result.hand_landmarks, result.handedness, strict=True)
    ]


def bare_step(path, size):
    """What a user of MediaPipe writes: decode the file, detect."""
    return len(bare_landmarks(np.asarray(Image.open(path).convert("RGB")))) > 0


def align_step(path, size, passes, model):
    """One photo of the align task, both views encoded."""
    settings = Settings(size=size, passes=passes)
    return not align_photo(finder(model, settings), row(path), settings).reject


finder = lru_cache(maxsize=1)(make_finder)


def row(path):
    """The photo as ingest lists it."""
    width, height = Image.open(path).size
    names = {"photo_id": path.stem, "path": str(path), "original_name": path.name}
    return {**names, "width": width, "height": height, "status": "ok"}


def loop(step, paths):
    """Seconds, wall and CPU, of `step` over the files in this process, and in how many it found a palm."""
    cv2.setNumThreads(1)
    step(paths[0])  # the start is not counted
    wall, cpu = time.perf_counter(), time.process_time()
    found = sum(step(path) for path in paths)
    return time.perf_counter() - wall, time.process_time() - cpu, found


def speed(paths, size, side):
    """Photos a second of one step on all cores, a process each, in turns; and of the whole align task."""
    cores, count = available_cores(), len(paths)
    with tempfile.TemporaryDirectory(prefix="bench-align-") as name:
        folder = Path(name)
        if side:
            paths = [enlarged(path, side, folder) for path in paths]
        model = hand_model()
        steps = {"bare loop": partial(bare_step, size=size)}
        steps |= {
            f"align, passes {n}": partial(align_step, size=size, passes=n, model=model) for n in (1, 2, 3)
        }
        print(f"{count} photographs on {cores} cores, one process each; views palm and hand at {size} px")
        with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
            runs: dict[str, list[Any]] = {title: [] for title in steps}
            for title in [*steps, *steps]:
                jobs = [pool.submit(loop, steps[title], paths) for _ in range(cores)]
                runs[title] += [job.result() for job in jobs]
        bare = None
        for title, results in runs.items():
            rate = cores * count / np.mean([wall for wall, _, _ in results])
            spent = min(cpu for _, cpu, _ in results) / count
            bare = bare or (rate, spent)
            print(
                f"{title:16} {rate:6.1f} photos/s = {rate / bare[0]:.2f} x bare; {1000 * spent:.1f} ms CPU "
                f"a photo = {bare[1] / spent:.2f} x bare; palm found in {results[0][2]}"
            )
        whole_task(paths, folder, size)


def whole_task(paths, folder, size):
    """Photos a second of `align_photos` with its tables, from the first result to the last."""
    table, marks = folder / "photos.parquet", [time.perf_counter()]
    pq.write_table(pa.Table.from_pylist([row(path) for path in paths]), table)
    report = align_photos(table, folder, size=size, progress=lambda *_: marks.append(time.perf_counter()))
    rate = (len(paths) - 1) / (marks[-1] - marks[1])
    print(f"align_photos     {rate:6.1f} photos/s after a start of {marks[1] - marks[0]:.1f} s: {report}")


def enlarged(path, side, folder):
    """The photo as the camera would have written it."""
    picture = Image.open(path).convert("RGB")
    scale = side / max(picture.size)
    target = folder / path.name
    picture.resize([round(s * scale) for s in picture.size], Image.Resampling.BICUBIC).save(
        target, quality=90
    )
    return target


if __name__ == "__main__":
    main()
