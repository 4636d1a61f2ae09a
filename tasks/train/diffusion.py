"""Train the diffusion engine on aligned photographs, resumable at any step."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from manifests.files.layout import atomic_write
from palm_models.engines.averages import average_of, follow
from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.diffusion.condition import Condition
from palm_models.engines.diffusion.network import Denoiser, NetworkSpec, pack, without_lines
from palm_models.engines.diffusion.pairs import Photo, detail_scale, make_pair, read_photos
from palm_models.engines.diffusion.process import draw_times, loss
from palm_models.engines.diffusion.sheet import sample_sheet
from palm_models.engines.diffusion.weights import save_checkpoint
from palm_models.engines.training_state import Part, resume_state, write_state

log = logging.getLogger("palmforge")
Progress = Callable[[int, int], None]  # (steps done, steps in all)


# May differ when a training goes on.
FREE = frozenset({"steps", "cooldown", "save_every", "sample_every", "log_every", "workers"})


@dataclass(frozen=True)
class TrainSettings:
    """Everything that determines a training besides the photographs."""

    seed: int = 0
    steps: int = 8000
    batch: int = 8  # pictures a step and device
    devices: int = 1  # parts of a step's batch; as many processes share them, or fewer
    learning_rate: float = 6e-4
    warmup: int = 100  # steps of rising learning rate
    cooldown: float = 0.3  # share of the steps, at the end, over which the learning rate falls to zero
    ema: float = 0.999  # memory of the averaged weights
    condition_dropout: float = (
        0.1  # share of pictures whose lines are withheld, and again whose fine ones are
    )
    palm_share: float = 0.7  # share of pictures of view palm where the table has both views
    dim: int = 64
    mults: tuple[int, ...] = (1, 2, 3)
    size: int = 128
    exclude: tuple[str, ...] = ()  # photo ids kept out of training, for measuring
    save_every: int = 250
    sample_every: int = 500  # 0: no sample sheets
    log_every: int = 50
    workers: int = 0  # threads that prepare batches ahead; 0 prepares them in between

    def determining(self) -> dict[str, Any]:
        """What a training must share with another to go on from its state."""
        return {name: value for name, value in asdict(self).items() if name not in FREE}


@dataclass(frozen=True)
class TrainReport:
    """What came out of a training."""

    steps: int
    photos: int
    loss: float
    seconds: float
    checkpoint: Path

    def facts(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {**asdict(self), "loss": round(self.loss, 5), "checkpoint": str(self.checkpoint)}


class _Training:
    """A training between two steps: network, averaged network, optimizer, steps done."""

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        network = Denoiser(NetworkSpec(settings.size, settings.dim, settings.mults))
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = average_of(self.network)
        weights = self.network.parameters()
        self.optimizer = torch.optim.AdamW(weights, settings.learning_rate, betas=(0.9, 0.99), fused=True)
        self.step = 0

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes."""
        network = getattr(self.network, "module", self.network)  # accelerate may have wrapped it
        return {"network": network, "ema": self.ema, "optimizer": self.optimizer}


@dataclass(frozen=True)
class _Batch:
    clean: Tensor
    packed: Tensor
    noise: Tensor
    time: Tensor


def train(
    aligned: Path,
    out: Path,
    *,
    settings: TrainSettings,
    resume: bool = True,
    progress: Progress | None = None,
) -> TrainReport:
    """Train on a table of aligned photographs until `settings.steps` and leave a checkpoint folder in `out`.

    `out` gets model.safetensors and config.json (averaged weights, for the engine), state.safetensors (for
    resuming), log.jsonl and sample-<step>.png. Batches are a function of seed and step, so a resumed training
    ends in the same weights as one that was never stopped. progress: called with (steps done, all).

    Under `accelerate launch` the processes share the `settings.devices` parts of each batch, so that their
    number changes the weights by rounding only. Raises TrainingError when the parts cannot be shared evenly,
    or there is no photograph.
    """
    from accelerate import Accelerator

    began = time.monotonic()
    photos = [p for p in read_photos(aligned) if p.photo_id not in set(settings.exclude)]
    scales = {view: detail_scale(photos, view, settings.size) for view in ("palm", "hand")}
    accelerator = Accelerator()
    torch.manual_seed(settings.seed)
    state = _Training(settings, accelerator.device)
    if resume:
        state.step = resume_state(out / "state.safetensors", state.parts(), settings.determining())
    state.network, state.optimizer = accelerator.prepare(state.network, state.optimizer)
    source = _Source(photos, scales, settings, _parts(settings.devices, accelerator))
    mean, first = 0.0, state.step
    if progress:
        progress(first, settings.steps)
    for batch in source.batches(first):
        value = float(accelerator.reduce(_step(state, batch, settings, accelerator), reduction="mean"))
        mean = value if not mean else 0.98 * mean + 0.02 * value
        if accelerator.is_main_process:
            _record(state, mean, out, source, settings, time.monotonic() - began)
        if progress:
            progress(state.step, settings.steps)
    if first == settings.steps and accelerator.is_main_process:
        _save(state, out, source, settings)  # trained before, but its checkpoint was lost
    return TrainReport(state.step, len(photos), mean, time.monotonic() - began, out)


def _parts(devices: int, accelerator: Any) -> range:
    """The parts of each batch that this process trains on."""
    processes = int(accelerator.num_processes)
    if devices % processes:
        raise TrainingError(
            f"train.devices = {devices} cannot be shared by {processes} processes evenly: "
            f"set train.devices to a multiple of {processes}"
        )
    share = devices // processes
    return range(accelerator.process_index * share, (accelerator.process_index + 1) * share)


class _Source:
    """Batches by counter: that of a step depends on seed, step and part, not on what came before."""

    def __init__(
        self,
        photos: list[Photo],
        scales: dict[str, NDArray[np.float32]],
        settings: TrainSettings,
        parts: range,
    ) -> None:
        self.scales, self.settings, self.parts = scales, settings, parts
        self.by_view = {view: [p for p in photos if p.view == view] for view in ("palm", "hand")}

    def batches(self, first: int) -> Iterator[_Batch]:
        steps = range(first, self.settings.steps)
        if not self.settings.workers:
            yield from map(self.batch, steps)
            return
        ahead = 2 * self.settings.workers
        with ThreadPoolExecutor(self.settings.workers) as pool:
            waiting = [pool.submit(self.batch, s) for s in steps[:ahead]]
            for s in steps:
                yield waiting.pop(0).result()
                if s + ahead < self.settings.steps:
                    waiting.append(pool.submit(self.batch, s + ahead))

    def batch(self, step: int) -> _Batch:
        made = [self._part(step, part) for part in self.parts]
        joined = [torch.cat(tensors) for tensors in zip(*map(_tensors, made), strict=True)]
        return made[0] if len(made) == 1 else _Batch(*joined)

    def _part(self, step: int, part: int) -> _Batch:
        chosen = self.settings
        rng = np.random.default_rng(np.random.SeedSequence(chosen.seed, spawn_key=(step, part)))
        pairs = [self._pair(rng) for _ in range(chosen.batch)]
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        clean = torch.from_numpy(np.stack([detail for detail, _ in pairs]))
        drop, fine = torch.rand((2, chosen.batch), generator=generator)
        packed = without_lines(
            pack([structure for _, structure in pairs]),
            drop < chosen.condition_dropout,
            fine < chosen.condition_dropout,
        )
        noise = torch.randn(clean.shape, generator=generator)
        return _Batch(clean, packed, noise, draw_times(chosen.batch, generator))

    def _pair(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], Condition]:
        palm, hand = self.by_view["palm"], self.by_view["hand"]
        of = palm if not hand or (palm and rng.random() < self.settings.palm_share) else hand
        photo = of[int(rng.integers(len(of)))]
        return make_pair(photo, self.settings.size, self.scales[photo.view], rng)


def _tensors(batch: _Batch) -> tuple[Tensor, ...]:
    return batch.clean, batch.packed, batch.noise, batch.time


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Warm-up, plateau, linear fall to zero over the last `cooldown` share of the steps."""
    fall = max(1.0, settings.cooldown * settings.steps)
    return settings.learning_rate * min(
        1.0, (step + 1) / max(1, settings.warmup), (settings.steps - step) / fall
    )


def _step(state: _Training, batch: _Batch, settings: TrainSettings, accelerator: Any) -> Tensor:
    device = accelerator.device
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, settings)
    clean, packed = batch.clean.to(device), batch.packed.to(device, memory_format=torch.channels_last)
    value = loss(state.network, clean, packed, batch.noise.to(device), batch.time.to(device))
    state.optimizer.zero_grad()
    accelerator.backward(value)
    accelerator.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimizer.step()
    state.step += 1
    follow(state.ema, getattr(state.network, "module", state.network), settings.ema, state.step)
    return value.detach()


def _record(
    state: _Training, mean: float, out: Path, source: _Source, settings: TrainSettings, seconds: float
) -> None:
    last = state.step == settings.steps
    if state.step % settings.log_every == 0 or last:
        line = {"step": state.step, "loss": round(mean, 5), "seconds": round(seconds, 1)}
        out.mkdir(parents=True, exist_ok=True)
        with (out / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        log.info("train step %(step)s loss %(loss)s after %(seconds)s s", line)
    if state.step % settings.save_every == 0 or last:
        _save(state, out, source, settings)
        write_state(
            out / "state.safetensors", state.parts(), state.step, settings.determining(), atomic_write
        )
    if settings.sample_every and (state.step % settings.sample_every == 0 or last):
        shown = [*source.by_view["palm"][:6], *source.by_view["hand"][:2]]
        atomic_write(
            out / f"sample-{state.step:06d}.png", sample_sheet(state.ema, shown, source.scales, settings.size)
        )


def _save(state: _Training, out: Path, source: _Source, settings: TrainSettings) -> None:
    training = {**asdict(settings), "exclude": len(settings.exclude), "step": state.step}
    scales = {view: (float(s[0]), float(s[1]), float(s[2])) for view, s in source.scales.items()}
    save_checkpoint(out, state.ema, scales, training, atomic_write)
