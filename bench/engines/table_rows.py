"""What the table measures of one engine: cost, realism, genuine and impostor scores, utility."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from bench.palms import creases
from bench.palms.realism import PEOPLE, STUDIO
from bench.palms.utility import MARGIN, cut, eer, examine, scores
from bench.photographs import realsets
from bench.photographs.holdout import held_out, real_palms
from manifests.recipe.baseline_sections import Ddpm, Wgan
from manifests.words import HANDS
from palm_models.engines.base import Drawer
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.measure import realism
from palm_models.measure.diversity import vendi
from palm_models.measure.encoder import Encoder, EncoderConfig, to_grey
from palm_models.measure.palmnet import Augmentation, Training, train
from palm_models.measure.scores import compare, d_prime
from palm_models.shipped import SHIPPED
from tasks.train.ddpm_tps import DdpmTraining
from tasks.train.resumable import train_baseline
from tasks.train.wgan_gp import WganTraining

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]
ROWS = ("wgan-gp", "ddpm-tps", "diffusion", "renderer", "bezier", "polynomial")
SIZE = 128  # px of every picture that is measured
VIEW: dict[str, Any] = {"view": "palm", "hands": HANDS, "seed": 0}


@dataclass(frozen=True)
class Sizes:
    """How much is drawn and trained; the baselines' own sizes, and steps of their training."""

    identities: int
    captures: int
    realism: int  # pictures beside the held-out ones
    palms: int  # real palms of the recogniser's test
    steps: int  # of the recogniser
    width: int  # of the recogniser
    wgan: Wgan
    wgan_steps: int
    ddpm: Ddpm


SIZES = {
    "cpu": Sizes(
        150, 6, 60, 150, 700, 16,
        Wgan(size=64, width=16, generator_rate=4e-4, critic_rate=4e-4, save_epochs=20), 800,
        Ddpm(size=32, dim=16, mults=(1, 2, 4), batch=8, accumulate=1, learning_rate=1e-3, steps=500,
             sampling_steps=50, save_every=100, sample_every=0),
    ),
    "gpu": Sizes(400, 10, 256, 300, 500, 16, Wgan(), 0, Ddpm(sampling_steps=250)),
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """Where the photographs and the trained baselines lie."""

    photographs: Path
    aligned: Path
    real: Path  # aligned at 768 px with view hand
    work: Path
    device: str


def training_table(given: Given) -> Path:
    """The aligned photographs without those that are held out for measuring."""
    path = given.work / "aligned.parquet"
    if not path.exists():
        given.work.mkdir(parents=True, exist_ok=True)
        table = pq.read_table(given.aligned)
        held = pc.is_in(table["photo_id"], pa.array(held_out(given.photographs)))
        pq.write_table(table.filter(pc.invert(held)), path)
    return path


def learn(name: str, sizes: Sizes, given: Given) -> dict[str, Any]:
    """Train a baseline where that is not done yet."""
    out, table = given.work / name, training_table(given)
    if name == "wgan-gp":
        return train_baseline(
            WganTraining, table, out, options=sizes.wgan, limit=sizes.wgan_steps, device=given.device, **VIEW
        )
    return train_baseline(DdpmTraining, table, out, options=sizes.ddpm, device=given.device, **VIEW)


def engine(name: str, sizes: Sizes, given: Given) -> Drawer:
    """The engine of a row."""
    if name == "renderer":
        from palm_models.engines.renderer import RendererEngine

        return RendererEngine()
    if name == "diffusion":
        from palm_models.engines.diffusion.engine import DiffusionEngine

        return DiffusionEngine(SHIPPED, device=given.device)
    learn(name, sizes, given)
    if name == "wgan-gp":
        from palm_models.engines.baselines.wgan_engine import WganEngine

        return WganEngine.load(given.work / name, device=given.device)
    from palm_models.engines.baselines.ddpm_engine import DdpmEngine

    return DdpmEngine.load(given.work / name, sizes.ddpm.sampling_steps, device=given.device)


def pictures_of(name: str, sizes: Sizes, given: Given) -> tuple[Pictures, Labels, Pictures, dict[str, float]]:
    """Captures (n, SIZE, SIZE, 3), their labels, pictures for realism, and what drawing cost."""
    if name in creases.KINDS:
        began = time.process_time()
        grey, labels = creases.build(name, sizes.identities, sizes.captures)
        cost = _cost(began, len(grey))
        colour = np.repeat(grey[..., None], 3, axis=3)
        return colour, labels, colour[:: sizes.captures][: sizes.realism], cost
    made, captures = engine(name, sizes, given), []
    series = [
        [make_capture(3, k // 2, HANDS[k % 2], c) for c in range(sizes.captures)]
        for k in range(sizes.identities)
    ]
    made.draw(make_identity(4, 0, "left"), [make_capture(4, 0, "left", 0)], "palm", SIZE)  # warms up
    began = time.process_time()
    for k, shots in enumerate(series):
        drawings = made.draw(make_identity(3, k // 2, HANDS[k % 2]), shots, "palm", SIZE)
        captures += [d.image for d in drawings]
    cost = _cost(began, len(captures))
    labels = np.repeat(np.arange(sizes.identities), sizes.captures)
    return np.stack(captures), labels, _studio(made, sizes.realism), cost


def _studio(engine: Drawer, count: int) -> Pictures:
    """Palms (count, 128, 128, 3) of as many identities, as a studio takes them."""
    pictures = []
    for k in range(count):
        shot = make_capture(11, k, HANDS[k % 2], 0, STUDIO)
        one = make_identity(11, k, HANDS[k % 2], PEOPLE)
        pictures.append(engine.draw(one, [shot], "palm", 128)[0].image)
    return np.stack(pictures)


def _cost(began: float, count: int) -> dict[str, float]:
    seconds = (time.process_time() - began) / count
    status = Path("/proc/self/status").read_text()  # ru_maxrss still holds what the parent had when it forked
    memory = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return {"seconds": seconds, "per_second": 1 / seconds, "memory": memory}


def found_again(vectors: NDArray[np.float32], labels: Labels) -> float:
    """Share of pictures whose most similar other picture is of the same identity, 0 to 1."""
    cosine = vectors @ vectors.T - 2 * np.eye(len(vectors), dtype=np.float32)
    return float((labels[cosine.argmax(axis=1)] == labels).mean())


def measure(name: str, sizes: Sizes, given: Given) -> dict[str, Any]:
    """One row of the table, JSON-able; run it in a process of its own, whose memory is measured."""
    torch.set_num_threads(1)
    made, labels, natural, row = pictures_of(name, sizes, given)
    encoder = Encoder.load(SHIPPED)
    real, _ = real_palms(given.aligned, held_out(given.photographs))
    apart, within = realism.swd_ratio(real, natural, 4)
    row["swd"] = float(apart.mean() / within.mean())
    row["kernel"] = realism.kernel_ratio(encoder.embed(real), encoder.embed(natural), 4)
    vectors = encoder.embed(made)
    pairs = compare(vectors, labels)
    row |= {"genuine": float(pairs.genuine.mean()), "impostor": float(pairs.impostor.mean())}
    row |= {"d_prime": d_prime(pairs), "eer": eer(*scores(vectors, labels))}
    row["rank_one"] = found_again(vectors, labels)
    row["vendi"] = vendi(vectors[:: sizes.captures])
    row["identities"] = sizes.identities
    tests = realsets.build(cut(given.real)[0][: sizes.palms], MARGIN, captures=3)
    for how, augment in (("with", Augmentation()), ("without", None)):
        plan = Training(steps=sizes.steps, augment=augment)
        learned = train(to_grey(made, SIZE), labels, plan, EncoderConfig(width=sizes.width))
        row[f"eer_{how}"], row[f"tar_{how}"] = examine(learned, tests)["mean"]
    return {"name": name, **row}
