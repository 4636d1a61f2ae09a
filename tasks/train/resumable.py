"""A baseline's training from its first step, or from where it was cut off, to its last."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch

from manifests.files.layout import atomic_write
from manifests.recipe.baseline_sections import Ddpm, Wgan
from manifests.words import View
from palm_models.engines.training_state import Part, resume_state, write_state
from tasks.train.batches import Batches, Progress, begin, facts, record

Options = TypeVar("Options", Wgan, Ddpm)
STATE = "state.safetensors"


class Resumable(ABC, Generic[Options]):
    """A training between two steps: its networks, optimisers, averages."""

    name: ClassVar[str]  # of the engine
    options: Options
    step = 0  # steps done

    def __init__(self, options: Options, palms: Batches, device: torch.device) -> None:
        self.options, self.palms, self.device = options, palms, device
        torch.manual_seed(palms.seed)

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps in all."""

    @property
    @abstractmethod
    def save_every(self) -> int:
        """Steps from one checkpoint to the next."""

    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """Everything that a step changes."""

    @abstractmethod
    def advance(self) -> dict[str, float]:
        """One step on the batches of its counter; its losses by name, last the one that the report tells."""

    @abstractmethod
    def save(self, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """Write into `out` what draws; what a line of the log says of where it stands."""

    def resumed(self, out: Path) -> None:
        """Bring back from `out` what is no part."""

    def shown(self, out: Path) -> None:
        """Write a grid of samples into `out` where one is due."""


def train_baseline(
    kind: type[Resumable[Any]], aligned: Path, out: Path, *,
    options: Wgan | Ddpm, seed: int, view: View, hands: Sequence[str],
    device: str = "", limit: int = 0, resume: bool = True, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train to the last step of `options` (or `limit`) and leave a checkpoint folder of its engine in `out`.

    `out` gets model.safetensors and config.json (averaged weights), state.safetensors (for resuming),
    log.jsonl and grids of samples. Batches and noise are functions of seed and step, so a resumed training
    ends in the same weights. Returns facts for the report.
    """
    began = time.monotonic()
    palms, where, settings = begin(aligned, options, seed=seed, view=view, hands=hands, device=device)
    training = kind(options, palms, where)
    if resume:
        training.step = resume_state(out / STATE, training.parts(), settings)
        if training.step:
            training.resumed(out)
    first, last = training.step, limit or training.steps
    losses: dict[str, float] = {}
    if progress:
        progress(first, last)
    while training.step < last:
        losses = training.advance()
        if training.step % training.save_every == 0 or training.step == last:
            _save(training, losses, out, settings, time.monotonic() - began)
        training.shown(out)
        if progress:
            progress(training.step, last)
    if first == last:  # trained before, but its checkpoint was lost
        _save(training, losses, out, settings, time.monotonic() - began)
    each = (time.monotonic() - began) / max(1, last - first)
    return facts(out, palms, training.step, list(losses.values())[-1] if losses else 0.0, each)


def _save(
    training: Resumable[Any], losses: dict[str, float], out: Path, settings: dict[str, Any], seconds: float
) -> None:
    where = training.save(out, {**settings, "step": training.step})
    line = {"step": training.step, **where, "seconds": round(seconds, 1)}
    record(out, training.name, line | {name: round(loss, 5) for name, loss in losses.items()})
    write_state(out / STATE, training.parts(), training.step, settings, atomic_write)
