"""Proxy of the utility bench: a recogniser trained on a set of palms, tested on real ones shot again."""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from bench.palms import creases
from bench.photographs import realsets
from manifests.contract.images import decode
from manifests.read.open import open_dataset
from manifests.words import Hand
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.frame import photo_matrix
from palm_models.hand.identity import make_identity
from palm_models.measure.encoder import Encoder, EncoderConfig, to_grey
from palm_models.measure.palmnet import Augmentation, Training, train

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]
SIZE, MARGIN, RAW = 128, 1.5, 320  # px; what is cut around view `palm` for the test sets, and its px


def training_set(
    name: str, identities: int, captures: int, seed: int, controls: Mapping[str, Any] | None
) -> tuple[Pictures, Labels]:
    """`engine:renderer`, `bezier`, `polynomial`, an .npz with x and y, or the folder of a dataset."""
    if name == "engine:renderer":
        return rendered(identities, captures, seed, controls)
    if name in creases.KINDS:
        return creases.build(name, identities, captures)
    if name.endswith(".npz"):
        stored = np.load(name)
        return to_grey(stored["x"], SIZE), stored["y"]
    pictures, labels = published(Path(name))
    return to_grey(pictures, SIZE), labels


def published(path: Path) -> tuple[Pictures, Labels]:
    """View palm of a published dataset as RGB (n, s, s, 3), with its labels."""
    dataset = open_dataset(path)
    rows = dataset.rows(["sample_id", "shard", "row", "view", "label"])
    rows = rows.filter(pc.equal(rows["view"], "palm"))
    return np.stack([decode(image) for image in dataset.images(rows)]), rows["label"].to_numpy()


def rendered(
    identities: int, captures: int, seed: int, controls: Mapping[str, Any] | None
) -> tuple[Pictures, Labels]:
    """Palms of the renderer engine: both hands of identities/2 subjects, captures under `controls`."""
    engine, pictures = RendererEngine(), []
    for k in range(identities):
        hand: Hand = "right" if k % 2 else "left"
        shots = [make_capture(seed, k // 2, hand, c, controls) for c in range(captures)]
        drawings = engine.draw(make_identity(seed, k // 2, hand), shots, "palm", SIZE)
        pictures += [d.image for d in drawings]
    return to_grey(np.stack(pictures), SIZE), np.repeat(np.arange(identities), captures)


def cut(table: Path) -> tuple[Pictures, pd.DataFrame]:
    """Palms with MARGIN around view `palm`, cut out of view `hand` of an aligned.parquet (best at 768 px)."""
    rows = pd.read_parquet(table)
    rows = rows[rows["view"] == "hand"].reset_index(drop=True)
    if rows.empty:
        raise SystemExit(f"{table} holds no view `hand`: align with views palm and hand, size 768")
    out = []
    for image, landmarks in zip(rows["image"], rows["landmarks"], strict=True):
        picture = decode(image["bytes"])
        matrix = photo_matrix(np.asarray(landmarks, np.float64).reshape(21, 2), "palm", RAW) / MARGIN
        matrix[:, 2] += (RAW - 1) / 2 * (1 - 1 / MARGIN)
        zoom = float(np.linalg.norm(matrix[0, :2]))
        soft = cv2.GaussianBlur(picture, (0, 0), max(0.01, 0.45 / zoom - 0.45))
        out.append(cv2.warpAffine(soft, matrix, (RAW, RAW), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(out), rows


def scores(vectors: NDArray[np.float32], labels: Labels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines of all genuine and of all impostor pairs."""
    a, b = np.triu_indices(len(labels), 1)
    cosine, same = (vectors @ vectors.T)[a, b], labels[a] == labels[b]
    return cosine[same], cosine[~same]


def eer(genuine: NDArray[np.float32], impostor: NDArray[np.float32]) -> float:
    """Equal error rate, %."""
    thresholds, impostor = np.sort(genuine), np.sort(impostor)
    accepted = 1 - np.searchsorted(impostor, thresholds, "left") / len(impostor)
    refused = np.arange(len(thresholds)) / len(thresholds)
    k = int(np.argmin(np.abs(accepted - refused)))
    return float(50 * (accepted[k] + refused[k]))


def tar(genuine: NDArray[np.float32], impostor: NDArray[np.float32], far: float) -> float:
    """Share of genuine pairs accepted, %, at the threshold that accepts `far` of the impostors."""
    allowed = max(1, int(far * len(impostor)))
    return float(100 * (genuine > np.partition(impostor, -allowed)[-allowed]).mean())


def augmentation(parts: str) -> Augmentation | None:
    """`all`, `none`, or the parts of Augmentation that are left, like `shift,turn`."""
    if parts == "none":
        return None
    whole = asdict(Augmentation())
    kept = whole if parts == "all" else {name: whole[name] for name in parts.split(",")}
    return Augmentation(**{name: kept.get(name, 0.0) for name in whole})


def examine(encoder: Encoder, tests: dict[str, tuple[Pictures, Labels]]) -> dict[str, tuple[float, float]]:
    """EER and TAR@FAR=1e-3 (`phone`, of few pairs: 1e-2) of each test set, and their mean without `phone`."""
    out = {}
    for name, (pictures, labels) in tests.items():
        pairs = scores(encoder.embed(pictures), labels)
        out[name] = (eer(*pairs), tar(*pairs, 1e-2 if name == "phone" else 1e-3))
    four = np.array([v for k, v in out.items() if k != "phone"])
    return {"mean": (float(four[:, 0].mean()), float(four[:, 1].mean())), **out}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", help=training_set.__doc__)
    parser.add_argument("--real", type=Path, required=True, help="aligned.parquet of photographs, view hand")
    parser.add_argument("--phone", type=Path, help="the same of ../shared/data/phone-palms")
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument(
        "--capture", type=json.loads, help="JSON: controls of the captures of engine:renderer"
    )
    parser.add_argument("--augment", nargs="+", default=["all", "none"], help=augmentation.__doc__)
    parser.add_argument("--seed", type=int, default=3, help="of the palms of engine:renderer")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each set")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--width", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tests = realsets.build(cut(args.real)[0], MARGIN)
    if args.phone:
        palms, rows = cut(args.phone)
        edge = round(RAW / MARGIN)
        middle = slice((RAW - edge) // 2, (RAW + edge) // 2)
        people = rows["original_name"].str.extract(r"^(person_\d+)")[0]
        tests["phone"] = (to_grey(np.ascontiguousarray(palms[:, middle, middle]), SIZE), people.to_numpy())
    for name, (pictures, labels) in tests.items():
        genuine, impostor = scores(np.zeros((len(pictures), 1), np.float32), labels)
        print(f"{name}: {len(pictures)} pictures, {len(genuine)} genuine and {len(impostor)} impostor pairs")
    for name in args.sets:
        pictures, labels = training_set(name, args.identities, args.captures, args.seed, args.capture)
        for parts in args.augment:
            for seed in range(args.seeds):
                start = time.perf_counter()
                plan = Training(steps=args.steps, augment=augmentation(parts), seed=seed)
                result = examine(train(pictures, labels, plan, EncoderConfig(width=args.width)), tests)
                cells = "  ".join(f"{k} {e:.2f}/{t:.1f}" for k, (e, t) in result.items())
                print(f"{name} augment {parts} seed {seed} {time.perf_counter() - start:.0f} s  {cells}")
                print(json.dumps({"set": name, "augment": parts, "seed": seed, **result}), flush=True)


if __name__ == "__main__":
    main()
