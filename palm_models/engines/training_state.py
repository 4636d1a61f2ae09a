"""What a training needs to go on exactly where it stopped: one safetensors file, replaced whole."""

import copy
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from palm_models.engines.checkpoint import CheckpointError, write_bytes
from palm_models.engines.diffusion.network import Denoiser

FREE = (
    "steps",
    "cooldown",
    "save_every",
    "sample_every",
    "log_every",
    "workers",
)  # may differ when a training goes on
MOMENTS = ("exp_avg", "exp_avg_sq")
log = logging.getLogger("palmforge")


class TornStateError(CheckpointError):
    """A training state that was cut off or damaged."""


class TrainingState:
    """Network, averaged network, optimizer and step. Random draws need no state: they are by counter."""

    def __init__(self, network: Denoiser, optimizer: torch.optim.AdamW) -> None:
        self.network, self.optimizer, self.step = network, optimizer, 0
        self.ema = copy.deepcopy(network).requires_grad_(False).eval()

    def to(self, device: torch.device) -> None:
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for value, moments in self.optimizer.state.items():
            # the fused optimizer walks raw memory: its moments must lie as the weights do
            moments.update({k: torch.empty_like(value).copy_(moments[k]) for k in MOMENTS})

    @torch.no_grad()
    def average(self, memory: float) -> None:
        """ema <- memory * ema + (1 - memory) * network."""
        torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1 - memory)


def write_state(path: Path, state: TrainingState, settings: Mapping[str, Any]) -> None:
    """Write the state of a training with the settings it belongs to; the one before it is kept beside it."""
    network = getattr(state.network, "module", state.network)
    tensors: dict[str, Tensor] = {}
    for name, value in network.named_parameters():
        tensors[f"network.{name}"] = value.detach()
        tensors |= {f"{m}.{name}": state.optimizer.state[value][m] for m in MOMENTS}
    tensors |= {f"ema.{name}": value for name, value in state.ema.named_parameters()}
    metadata = {"step": str(state.step), "settings": json.dumps(settings, sort_keys=True)}
    content = save({k: v.cpu().contiguous() for k, v in tensors.items()}, metadata)
    if path.exists():
        path.replace(_before(path))
    write_bytes(path, content)


def resume_state(path: Path, state: TrainingState, settings: Mapping[str, Any]) -> None:
    """Bring a fresh state to where `path` left off, or the one before it when `path` is torn.

    A training of which nothing readable is left begins anew. Raises CheckpointError when the state belongs
    to other settings.
    """
    for file in (path, _before(path)):
        if file.exists():
            try:
                return read_state(file, state, settings)
            except TornStateError as error:
                log.warning("%s; going on from what was saved before it", error)
    return None


def read_state(path: Path, state: TrainingState, settings: Mapping[str, Any]) -> None:
    """Bring a fresh state to where `path` left off.

    Raises TornStateError when the file is torn, CheckpointError when it belongs to other settings; the state
    is then as it was.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            saved, step = json.loads(metadata["settings"]), int(metadata["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise TornStateError(f"{path} is no training state: {error}") from error
    _same(saved, settings, path)
    for name, value in state.network.named_parameters():
        value.data.copy_(tensors[f"network.{name}"])
        moments = {m: tensors[f"{m}.{name}"] for m in MOMENTS}
        state.optimizer.state[value] = {"step": torch.tensor(float(step)), **moments}
    for name, value in state.ema.named_parameters():
        value.data.copy_(tensors[f"ema.{name}"])
    state.step = step


def _before(path: Path) -> Path:
    return path.with_suffix(f".before{path.suffix}")


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    plain = json.loads(json.dumps(dict(wanted)))
    odd = [k for k in plain if k not in FREE and found.get(k) != plain[k]]
    if odd:
        raise CheckpointError(f"{path} was trained with another {', '.join(odd)}; train into another folder")
