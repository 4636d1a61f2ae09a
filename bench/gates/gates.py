"""Calibrates the gates from measured score distributions, and measures what judging costs."""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from bench.photographs.faults import altered
from manifests.contract.images import decode
from manifests.recipe import Recipe, parse
from manifests.words import VIEWS, View
from palm_models.engines.base import Drawer, Drawing
from palm_models.hand.frame import palm_width
from palm_models.measure.encoder import Encoder, weights_digest
from palm_models.measure.quality import BOUNDS, measure
from palm_models.photo.hand_model import hand_model
from palm_models.photo.landmarks import HandFinder
from palm_models.photo.pyramid import Pyramid
from palm_models.photo.views import palm_of
from palm_models.shipped import SHIPPED
from tasks.draw.plan import planned_identity
from tasks.draw.prepare import make_engine
from tasks.engines.engine import FIRST_REFERENCE
from tasks.engines.registry import engine_of
from tasks.judge.candidate import REFERENCES, unit
from tasks.judge.gates.gallery import VARIANTS, variants
from tasks.judge.picture import embed
from tasks.judge.thresholds import CALIBRATION

SHARES = {"atlas": 1.0, "renderer": 0.3, "diffusion": 0.2}  # of the identities that each engine draws
KINDS = {
    "atlas": "atlas",
    "renderer": "renderer",
    "diffusion": "renderer",
}  # whose identities it draws
GATES = ("identity", "twins", "quality", "hand", "leakage")
FIRST = 40_000  # identities from here on: none took part in training the encoder
MISS = 0.003  # share of clean pictures that a gate may reject
FALSE_MATCH = 1e-4  # share of strange pictures that the identity gate lets through, where MISS allows it
HELD = 0.95  # share of held-out real palms that lie farther from all others than the leakage threshold
# How far beyond the clean ones measured a picture may lie, for hundreds do not show the last in a thousand:
# a share of a lower bound; of an upper one in its own unit.
ROOM = {"sharpness": 0.1, "contrast": 0.2, "exposure": 0.1, "clipped": 0.05, "noise": 3.0}
LIKENESS_ROOM = 0.03
LIKENESS_MISS = 0.005  # share of clean pictures below it: the worst few show next to nothing
TWIN_ROOM = 0.01  # beyond the most alike of the identities compared: thousands do not show the last pair
NEAR_COPY = 0.95  # two photographs as similar as this are taken for one
Floats = NDArray[np.float32]


def main() -> None:
    """Run one of the tasks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["calibrate", "speed"])
    parser.add_argument(
        "--aligned", type=Path, help="aligned.parquet of the photographs; else the old leakage stays"
    )
    parser.add_argument("--identities", type=int, default=200, help="of the atlas; see SHARES")
    parser.add_argument("--templates", type=int, default=10_000, help="compared as twins; see SHARES")
    parser.add_argument(
        "--gates", nargs="+", choices=GATES, default=GATES, help="the others stay as they are"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    calibrate(asked) if asked.task == "calibrate" else speed()


def calibrate(asked: argparse.Namespace) -> None:
    """Measure all distributions and write gates.json beside the encoder's weights."""
    encoder = Encoder.load(SHIPPED)
    stored = json.loads((SHIPPED / CALIBRATION).read_text()) if (SHIPPED / CALIBRATION).is_file() else {}
    shown = {view: list(clean(view, asked.identities)) for view in VIEWS}
    count = asked.templates if {"identity", "twins"} & set(asked.gates) else 0
    known = {
        kind: templates(kind, range(FIRST, FIRST + int(count * SHARES[kind])), SHIPPED)
        for kind in sorted(set(KINDS.values()))
    }
    parts: dict[str, Callable[[], Any]] = {
        "identity": lambda: {view: identity(encoder, shown[view], known, view) for view in VIEWS},
        "twins": lambda: twins(encoder, known),
        "quality": lambda: {view: quality(shown[view], view) for view in VIEWS},
        "hand": lambda: hand(shown["hand"]),
        "leakage": lambda: leakage(encoder, asked.aligned, shown) if asked.aligned else stored["leakage"],
    }
    written = stored | {
        "encoder": weights_digest(SHIPPED),
        "measured": datetime.now(UTC).date().isoformat(),
        "command": "python -m bench.gates.gates calibrate --aligned aligned.parquet",
        **{gate: parts[gate]() for gate in asked.gates},
    }
    (SHIPPED / CALIBRATION).write_text(json.dumps(written, indent=1) + "\n")
    print(json.dumps(written, indent=1))


def recipe(engine: str = "atlas", **dataset: Any) -> Recipe:
    """The recipe whose identities are measured."""
    return parse({"name": "gates", "engine": {"name": engine}, "dataset": dataset})


Shown = tuple[str, int, Drawing]  # engine, identity, picture


def clean(view: View, count: int) -> Iterator[Shown]:
    """Pictures of `count` identities of the atlas and some of others; 4 of each palm, 2 of a hand."""
    captures = 4 if view == "palm" else 2
    for name, part in SHARES.items():
        drawer = make_engine(recipe(name), SHIPPED)
        for index in range(FIRST, FIRST + int(count * part)):
            yield from ((name, index - FIRST, d) for d in draw(name, drawer, index, captures, view))


def draw(name: str, drawer: Drawer, index: int, captures: int, view: View) -> list[Drawing]:
    """The first captures of one identity of engine `name`: palms of 128 px, hands of 256."""
    plan, planned = recipe(name), planned_identity(recipe(name), index)
    kind, at = engine_of(plan), (plan.seed, planned.subject, planned.hand)
    shots = [kind.capture(*at, number, {}) for number in range(captures)]
    return drawer.draw(kind.identity(*at, {}), shots, view, 128 if view == "palm" else 256)


def template(encoder: Encoder, plan: Recipe, index: int, first: int = FIRST_REFERENCE) -> Floats:
    """What the captures of an identity are compared with."""
    planned, engine = planned_identity(plan, index), engine_of(plan)
    one = engine.identity(plan.seed, planned.subject, planned.hand, {})
    return unit(encoder.embed(engine.references(one, REFERENCES, first)).sum(axis=0))


def templates(kind: str, numbers: Sequence[int], weights: Path) -> Floats:
    """Templates (n, dim) of identities of the engine `kind`, made by two processes."""
    halves = np.array_split(np.asarray(numbers, np.int64), 2)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return np.concatenate(list(pool.map(_templates, [kind] * 2, [weights] * 2, halves)))


def _templates(kind: str, weights: Path, numbers: NDArray[np.int64]) -> Floats:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    encoder = Encoder.load(weights)
    made = [template(encoder, recipe(kind), int(number)) for number in numbers]
    return np.array(made, np.float32).reshape(len(made), encoder.config.dim)


def palms(shown: Sequence[Shown], view: View) -> list[NDArray[np.uint8]]:
    """The palms of the pictures."""
    return [palm_of(drawing.image, view, drawing.landmarks) for _, _, drawing in shown]


def identity(
    encoder: Encoder, shown: Sequence[Shown], templates: dict[str, Floats], view: View
) -> dict[str, Any]:
    """Least similarity of a picture to its identity: few strange ones reach it, few of its own do not."""
    vectors, engines = embed(encoder, palms(shown, view)), np.array([engine for engine, _, _ in shown])
    places = np.array([index for _, index, _ in shown])
    own, strange = np.empty(len(shown), np.float32), list[Floats]()
    for engine, kind in KINDS.items():
        here = np.flatnonzero(engines == engine)
        near = vectors[here] @ templates[kind].T
        own[here] = near[np.arange(len(here)), places[here]]
        near[np.arange(len(here)), places[here]] = np.nan
        strange.append(near[np.isfinite(near)])
    other = np.concatenate(strange)
    value = min(np.quantile(other, 1 - FALSE_MATCH), np.quantile(own, LIKENESS_MISS) - LIKENESS_ROOM)
    return {
        "threshold": round(float(value), 4),
        "genuine": quantiles(own),
        "impostor": quantiles(other),
        "missed": {engine: share(own[engines == engine] < value) for engine in KINDS},
        "let_through": share(other >= value),
    }


def twins(encoder: Encoder, templates: dict[str, Floats]) -> dict[str, Any]:
    """Similarity of templates from which they are one identity: half way, and above all others measured."""
    others, same, other, both = FIRST_REFERENCE + 1000, list[float](), list[Floats](), list[Floats]()
    for kind, held in templates.items():
        count = min(200, len(held))
        same += [float(template(encoder, recipe(kind), FIRST + i, others) @ held[i]) for i in range(count)]
        near = held @ held.T
        pairs = np.arange(0, len(held) - 1, 2)  # an even number of identities: both hands of each subject
        both.append(near[pairs, pairs + 1])
        other.append(near[np.triu_indices(len(held), 1)])
    apart = np.concatenate(other)
    half_way = (float(np.quantile(same, 0.01)) + float(apart.max())) / 2
    value = max(half_way, float(apart.max()) + TWIN_ROOM)  # none of those compared is taken for a twin
    return {
        "threshold": round(value, 4),
        "same_identity": quantiles(np.array(same)),
        "missed": share(np.array(same) < value),
        "other_identities": quantiles(apart),
        "two_hands_of_a_subject": quantiles(np.concatenate(both)),
        "pairs": len(apart),
    }


def quality(shown: Sequence[Shown], view: View) -> dict[str, dict[str, dict[str, float]]]:
    """Bounds of each measure: beyond what MISS of the clean pictures reach, and where half of them lie."""
    found = [measure(palm) for palm in palms(shown, view)]
    bounds: dict[str, dict[str, dict[str, float]]] = {}
    for name, side, _ in BOUNDS:
        values = np.array([getattr(q, name) for q in found])
        low, middle, high = np.quantile(values, [MISS / 2, 0.5, 1 - MISS / 2])
        worst = low * (1 - ROOM[name]) if side == "low" else high + ROOM[name]
        bounds.setdefault(name, {})[side] = {"worst": round(float(worst), 4), "good": round(float(middle), 4)}
    return bounds


def hand(shown: Sequence[Shown]) -> dict[str, Any]:
    """How far off landmarks are read again, in palm widths: twice what all but MISS of clean hands reach."""
    network = HandFinder(hand_model(), passes=1).readers[-1]
    error = []
    for _, _, drawing in shown:
        read = network.read(Pyramid(drawing.image), drawing.landmarks).landmarks
        error.append(np.linalg.norm(read - drawing.landmarks, axis=1).mean() / palm_width(drawing.landmarks))
    return {
        "threshold": round(2 * float(np.quantile(error, 1 - MISS)), 3),
        "clean": quantiles(np.array(error)),
    }


def leakage(encoder: Encoder, aligned: Path, shown: dict[View, list[Shown]]) -> dict[str, Any]:
    """Similarity from which a picture is a photograph's copy: HELD of real palms are farther from others."""
    table = pq.read_table(aligned, columns=["photo_id", "view", "image"]).to_pylist()
    rows = [(r["photo_id"], r["image"]) for r in table if r["view"] == "palm"]
    real = [decode(image["bytes"] if isinstance(image, dict) else image) for _, image in rows]
    gallery = np.concatenate([encoder.embed(np.stack(variants(p, encoder.config.size))) for p in real])
    photo = np.array([name for name, _ in rows])
    same = photo[:, None] == np.repeat(photo, VARIANTS)[None]
    near = np.where(same, -1, encoder.embed(np.stack(real)) @ gallery.T).max(axis=1)
    held = near[near < NEAR_COPY]  # the others are in the folder twice
    value = float(np.quantile(held, HELD))
    made = {v: (embed(encoder, palms(shown[v], v)) @ gallery.T).max(axis=1) for v in VIEWS}
    rng = np.random.default_rng(0)
    copies = [altered(p, rng) for p in real]
    found = (embed(encoder, copies) @ gallery.T).max(axis=1)
    return {
        "threshold": round(value, 4),
        "photographs": len(real),
        "near_copies_left_out": len(near) - len(held),
        "held_out": quantiles(held),
        "generated": {v: quantiles(s) for v, s in made.items()},
        "generated_rejected": {v: share(s >= value) for v, s in made.items()},
        "altered_copies": quantiles(found),
        "altered_copies_found": share(found >= value),
    }


def quantiles(values: NDArray[np.floating]) -> dict[str, float]:
    """Some quantiles, by per cent."""
    marks = (0, 0.1, 1, 50, 99, 99.9, 100)
    return {f"{m:g}": round(float(np.percentile(values, m)), 4) for m in marks}


def share(true: NDArray[np.bool_]) -> float:
    """Share of true ones."""
    return round(float(np.mean(true)), 6)


def speed() -> None:
    """Time of judging beside that of drawing with the diffusion engine, shard by shard in one process."""
    import tempfile

    from tasks.draw.plan import shards
    from tasks.draw.shard import draw_shard
    from tasks.judge.gates.hand import HAND_MODEL
    from tasks.judge.score import make_judge, score_shard
    from tasks.work.place import Place

    plan = parse(
        {"name": "speed", "engine": {"name": "diffusion"},
         "dataset": {"identities": 8, "captures": 8, "views": ["palm", "hand"], "shard_identities": 2}}
    )  # fmt: skip
    scoring = ("quality", "identity", "duplicates", "hand")  # all but leakage: no photographs are needed
    found = {HAND_MODEL.name: hand_model()}
    engine, judge = make_engine(plan, SHIPPED), make_judge(plan, SHIPPED, scoring, found)
    drawing = judging = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for shard in shards(plan):
            places = [Place(Path(folder) / f"{part}-{shard.name}") for part in ("drawn", "scored")]
            for place in places:
                place.path.mkdir()
            began = time.process_time()
            draw_shard(plan, engine, shard, places[0])
            drawn = time.process_time()
            score_shard(judge, shard, places[0].path / "shard.parquet", places[1])
            drawing, judging = drawing + drawn - began, judging + time.process_time() - drawn
            print(f"{shard.name}: drawing so far {drawing:.1f} s of CPU, judging {judging:.2f} s")
    print(f"judging costs {100 * judging / drawing:.1f} % of drawing, 128 pictures of 8 identities")


if __name__ == "__main__":
    main()
