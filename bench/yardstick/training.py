"""Trains a recogniser until identities it does not see are told apart no better, within a hard budget."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pytorch_metric_learning.losses import ArcFaceLoss
from torch import Tensor, nn

from bench.yardstick.rates import measures, table
from bench.yardstick.sets import Taught
from palm_models.measure.palmnet import Augmentation, augment

Augment = Callable[[Tensor, torch.Generator], Tensor]
Watch = Callable[[int, "Recogniser"], None]


@dataclass(frozen=True)
class Plan:
    """One training: a level learning rate until nothing is gained, then a descent to 0 (Hägele 2024)."""

    warmup: int = 60  # steps
    most: int = 1200  # steps at the level rate, at most
    least: int = 300
    every: int = 150  # steps between looks at the validation identities
    patience: int = 2  # looks without gain, then the descent begins
    gain: float = 0.03  # share of the validation error that counts as one
    descent: float = 0.4  # steps of the descent, as a share of those before it
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    margin: float = 0.3  # radians, additive angular margin
    scale: float = 24.0
    validation: float = 0.1  # share of the identities kept to look at
    seed: int = 0


@dataclass
class Trained:
    """The network, and how its training went."""

    recogniser: "Recogniser"
    converged: bool  # False when the budget ended first
    steps: int
    seconds: float
    cpu_seconds: float
    trace: list[tuple[int, float, float]] = field(default_factory=list)  # step, loss, validation EER


class Recogniser:
    """A network with its way from uint8 palms to unit vectors."""

    def __init__(self, net: nn.Module, dtype: torch.dtype, device: str = "cpu") -> None:
        self.net, self.dtype, self.device = net.to(device), dtype, device

    def vectors(self, grey: Tensor) -> Tensor:
        """(n, 1, s, s) in [0, 1] -> unit vectors (n, d)."""
        with torch.autocast(self.device, self.dtype, enabled=self.dtype != torch.float32):
            return F.normalize(self.net(grey.contiguous(memory_format=torch.channels_last)).float())

    def embed(self, grey: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
        """Palms (n, s, s) -> unit vectors (n, d), in evaluation mode."""
        self.net.eval()
        with torch.inference_mode():
            batches = torch.from_numpy(grey).split(batch)
            parts = [self.vectors(_floats(part.to(self.device))) for part in batches]
        return np.asarray(torch.cat(parts).cpu().numpy())


def _floats(grey: Tensor) -> Tensor:
    return grey[:, None].float() / 255


def strong(grey: Tensor, rng: torch.Generator) -> Tensor:
    """The recogniser's own augmentation: that of the palm encoder."""
    return augment(grey, rng, Augmentation())


def fit(
    taught: Taught, make: Callable[[], nn.Module], dim: int, plan: Plan, own: Augment | None,
    dtype: torch.dtype = torch.bfloat16, watch: Watch | None = None, device: str = "cpu",
) -> Trained:  # fmt: skip
    """Train `make()` on most identities of the set, watched on the others; `own` augments a batch."""
    began, cpu = time.perf_counter(), time.process_time()
    known = int(taught.y.max()) + 1
    order = np.random.default_rng(plan.seed).permutation(known)
    held = max(2, round(plan.validation * known))
    seen, unseen = taught.part(np.sort(order[held:])), taught.part(np.sort(order[:held]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        net = make().to(memory_format=torch.channels_last)
        arcface = ArcFaceLoss(known - held, dim, margin=0.0, scale=plan.scale).to(device)
        job = _Job(Recogniser(net, dtype, device), arcface, seen, plan, own)
        converged, best, idle, trace, step = False, np.inf, 0, [], 0
        while step < plan.most and not converged:
            loss = job.run(plan.every, lambda k: plan.learning_rate * min(1.0, (k + 1) / plan.warmup))
            step += plan.every
            error = validation_error(job.recogniser, unseen)
            trace.append((step, loss, error))
            idle = 0 if error < best * (1 - plan.gain) else idle + 1
            best = min(best, error)
            converged = idle >= plan.patience and step >= plan.least
            if watch:
                watch(step, job.recogniser)
        down = max(1, round(plan.descent * step))
        loss = job.run(down, lambda k: plan.learning_rate * (1 - (k - step) / down))
        trace.append((step + down, loss, validation_error(job.recogniser, unseen)))
        if watch:
            watch(step + down, job.recogniser)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return Trained(job.recogniser, converged, step + down, seconds, cpu_seconds, trace)


def validation_error(recogniser: Recogniser, unseen: Taught) -> float:
    """EER over all pairs of the identities that are only looked at."""
    vectors = recogniser.embed(unseen.x)
    found = table(vectors @ vectors.T, unseen.y)
    return float(measures(found, np.ones((1, found.hands)))["eer"][0])


class _Job:
    """Network, optimizer and the order of the pictures."""

    def __init__(
        self, recogniser: Recogniser, arcface: ArcFaceLoss, seen: Taught, plan: Plan, own: Augment | None
    ) -> None:
        self.recogniser, self.arcface, self.plan, self.own = recogniser, arcface, plan, own
        groups: list[dict[str, Any]] = [{"params": recogniser.net.parameters()}]
        groups.append({"params": arcface.parameters(), "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(
            groups, plan.learning_rate, weight_decay=plan.weight_decay, fused=recogniser.device != "cpu"
        )
        where = recogniser.device
        self.grey, self.index = torch.from_numpy(seen.x).to(where), torch.from_numpy(seen.y).to(where)
        self.rng = torch.Generator(where).manual_seed(plan.seed)
        self.order = torch.empty(0, dtype=torch.long, device=where)
        self.step = 0

    def run(self, steps: int, rate: Callable[[int], float]) -> float:
        """Train on; returns the mean loss."""
        self.recogniser.net.train()
        losses = []
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = rate(self.step)
            losses.append(self._learn())
            self.step += 1
        return float(np.mean(losses))

    def _learn(self) -> float:
        batch = self.plan.batch
        if len(self.order) < batch:  # a new epoch begins before the old one's remainder is lost
            self.order = torch.cat(
                [self.order, torch.randperm(len(self.grey), generator=self.rng, device=self.grey.device)]
            )
        take, self.order = self.order[:batch], self.order[batch:]
        x = _floats(self.grey[take])
        x = self.own(x, self.rng) if self.own else x
        full = min(1.0, self.step / (5 * self.plan.warmup))  # a full margin from the start can collapse
        self.arcface.margin = self.plan.margin * full
        loss: Tensor = self.arcface(self.recogniser.vectors(x), self.index[take])
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.recogniser.net.parameters(), 5.0)
        self.optimizer.step()
        return loss.item()
