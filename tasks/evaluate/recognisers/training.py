"""Trains a network with ArcFace until identities that are kept out are told apart no better."""

import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn

from manifests.files.layout import atomic_write
from palm_models.measure.palmnet import Augmentation, augment
from palm_models.measure.scores import compare, curve, eer
from tasks.evaluate.recognisers.kind import Learned, RecogniserError, Say, Settings, Vectors

WEIGHTS, FACTS, HALF = "weights.safetensors", "training.json", "half.pt"
LEAST = 10  # identities; with fewer none is kept out, and nothing says when to stop


def fit(
    make: Callable[[Settings], nn.Module], grey: NDArray[np.uint8], labels: NDArray[np.int64], s: Settings,
    seed: int, folder: Path, say: Say, start: Path | None = None,
) -> Learned:  # fmt: skip
    """Train `make(s)` on palms (n, size, size) of identities 0 … m - 1, or read what `folder` keeps.

    start: the folder of another training, from whose weights it goes on at a lower learning rate.
    A training that was killed goes on at its last look, and ends with the same weights. Raises
    RecogniserError when there are fewer than two identities.
    """
    at = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # initial weights and dropout
        net = make(s).to(at).to(memory_format=torch.channels_last)
        if start:
            net.load_state_dict(load_file(start / WEIGHTS))
            s = replace(s, learning_rate=s.learning_rate * s.tuning)
        if not (folder / FACTS).is_file():
            _Training(net, grey, labels, s, seed, folder, say).run()
        net.load_state_dict(load_file(folder / WEIGHTS))
    net.eval()
    return Learned(Vectors(lambda palms: embed(net, palms)), json.loads((folder / FACTS).read_text()))


def embed(net: nn.Module, grey: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
    """Palms (n, size, size) -> unit vectors (n, dim), in evaluation mode."""
    net.eval()
    at = next(net.parameters()).device
    with torch.inference_mode():
        batches = torch.from_numpy(grey).split(batch)  # type: ignore[no-untyped-call]
        parts = [F.normalize(net(_floats(part).to(at))).cpu() for part in batches]
    return np.asarray(torch.cat(parts).numpy())


def precision(at: torch.device) -> torch.dtype:
    """What a training computes in: bfloat16 on a CPU that has it, at twice the speed; else float32."""
    able = torch.cpu.get_capabilities() if at.type == "cpu" else {}
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def _floats(grey: Tensor) -> Tensor:
    return (grey[:, None].float() / 255).contiguous(memory_format=torch.channels_last)


class _Training:
    """One training: a level learning rate until nothing is gained, then a descent to 0."""

    def __init__(
        self, net: nn.Module, grey: NDArray[np.uint8], labels: NDArray[np.int64], s: Settings, seed: int,
        folder: Path, say: Say,
    ) -> None:  # fmt: skip
        from pytorch_metric_learning.losses import (
            ArcFaceLoss,
        )  # seconds to import, and only training needs it

        known = len(np.unique(labels))
        if known < 2:
            raise RecogniserError("training needs at least two identities: give a set with more of them")
        order = np.random.default_rng(seed).permutation(known)
        kept_out = (
            order[: max(2, round(s.validation * known))] if known >= LEAST and s.validation else order[:0]
        )
        unseen = np.isin(labels, kept_out)
        self.unseen, self.unseen_of = grey[unseen], labels[unseen]
        self.grey = torch.from_numpy(grey[~unseen])
        self.index = torch.from_numpy(np.unique(labels[~unseen], return_inverse=True)[1])
        self.net, self.s, self.folder, self.say, self.seed = net, s, folder, say, seed
        self.at = next(net.parameters()).device
        self.dtype = precision(self.at)
        self.loss = ArcFaceLoss(known - len(kept_out), s.dim, margin=0.0, scale=s.scale)
        self.loss.to(self.at)
        groups: list[dict[str, Any]] = [{"params": net.parameters()}]
        groups.append({"params": self.loss.parameters(), "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, s.learning_rate, weight_decay=s.weight_decay)
        self.rng, self.order = torch.Generator().manual_seed(seed), torch.empty(0, dtype=torch.long)
        self.step, self.idle, self.best = 0, 0, 1.0
        self.trace: list[tuple[int, float, float | None]] = []

    def run(self) -> None:
        """Train, and write weights and what is told of them, this last."""
        s, converged = self.s, False
        self._go_on()
        while self.step < s.steps and not (converged := self._converged()):
            self._look(min(s.every, s.steps - self.step), self._level)
            self._keep()
        converged = converged or self._converged()
        level, down = self.step, max(1, round(s.descent * self.step))
        self._look(down, lambda k: s.learning_rate * (1 - (k - level) / down))
        state = {name: value.cpu().contiguous() for name, value in self.net.state_dict().items()}
        atomic_write(self.folder / WEIGHTS, save(state))
        facts = {"converged": converged, "steps": self.step, "trace": self.trace, "seed": self.seed}
        facts["precision"] = str(self.dtype).removeprefix("torch.")
        atomic_write(self.folder / FACTS, json.dumps(facts).encode())
        (self.folder / HALF).unlink(missing_ok=True)
        if not converged:
            self.say(f"NOT CONVERGED after {self.step} steps: give more with --steps, or more identities")

    def _converged(self) -> bool:
        return self.idle >= self.s.patience and self.step >= self.s.least

    def _level(self, step: int) -> float:
        return self.s.learning_rate * min(1.0, (step + 1) / self.s.warmup)

    def _look(self, steps: int, rate: Callable[[int], float]) -> None:
        """Train on, then look at the identities that are kept out."""
        self.net.train()
        losses = []
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = rate(self.step)
            losses.append(self._learn())
            self.step += 1
        error = self._validation_error()
        if error is not None:
            self.idle = 0 if error < self.best * (1 - self.s.gain) else self.idle + 1
            self.best = min(self.best, error)
        self.trace.append((self.step, float(np.mean(losses)), error))
        shown = "" if error is None else f", EER of identities kept out {100 * error:.2f} %"
        self.say(f"step {self.step}: loss {np.mean(losses):.3f}{shown}")

    def _learn(self) -> float:
        batch, s = self.s.batch, self.s
        if len(self.order) < batch:  # a new epoch begins before the old one's remainder is lost
            self.order = torch.cat([self.order, torch.randperm(len(self.grey), generator=self.rng)])
        take, self.order = self.order[:batch], self.order[batch:]
        x = _floats(self.grey[take])
        x = augment(x, self.rng, Augmentation()) if s.augment else x
        x = x.to(self.at, memory_format=torch.channels_last)
        self.loss.margin = s.margin * min(1.0, self.step / (5 * s.warmup))  # a full one can collapse at once
        with torch.autocast(self.at.type, self.dtype, enabled=self.dtype != torch.float32):
            vectors = self.net(x)
        loss: Tensor = self.loss(vectors.float(), self.index[take].to(self.at))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        return loss.item()

    def _validation_error(self) -> float | None:
        if not len(self.unseen):
            return None
        try:
            return eer(*curve(compare(embed(self.net, self.unseen), self.unseen_of))[:2])
        except ValueError:  # no identity of them has two pictures
            return None

    def _keep(self) -> None:
        """What a killed training needs to go on with the same numbers."""
        state = {
            "net": self.net.state_dict(), "loss": self.loss.state_dict(), "order": self.order,
            "optimizer": self.optimizer.state_dict(), "torch": torch.get_rng_state(),
            "rng": self.rng.get_state(),
            "told": [self.step, self.idle, self.best, self.trace],
        }  # fmt: skip
        data = io.BytesIO()  # on a full disk torch raises what says neither file nor reason
        torch.save(state, data)
        atomic_write(self.folder / HALF, data.getvalue())

    def _go_on(self) -> None:
        if not (self.folder / HALF).is_file():
            return
        try:
            state = torch.load(self.folder / HALF, weights_only=True, map_location="cpu")
        except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self.say(f"{self.folder / HALF} is damaged ({type(error).__name__}): begins anew")
            return
        self.net.load_state_dict(state["net"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch"])
        self.rng.set_state(state["rng"])
        self.order = state["order"]
        self.step, self.idle, self.best, self.trace = state["told"]
        self.trace = [tuple(look) for look in self.trace]  # type: ignore[misc]
        self.say(f"goes on at step {self.step}")
