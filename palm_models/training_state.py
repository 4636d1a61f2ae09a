"""What a training needs to go on exactly where it stopped: one safetensors file, replaced whole."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from palm_models.checkpoint import CheckpointError, write_bytes
from palm_models.network import Denoiser

FREE = (
    "steps",
    "cooldown",
    "save_every",
    "sample_every",
    "log_every",
    "workers",
)  # may differ when a training goes on
MOMENTS = ("exp_avg", "exp_avg_sq")


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
    """Write the state of a training with the settings it belongs to."""
    network = getattr(state.network, "module", state.network)
    tensors: dict[str, Tensor] = {}
    for name, value in network.named_parameters():
        tensors[f"network.{name}"] = value.detach()
        tensors |= {f"{m}.{name}": state.optimizer.state[value][m] for m in MOMENTS}
    tensors |= {f"ema.{name}": value for name, value in state.ema.named_parameters()}
    metadata = {"step": str(state.step), "settings": json.dumps(settings, sort_keys=True)}
    write_bytes(path, save({k: v.cpu().contiguous() for k, v in tensors.items()}, metadata))


def read_state(path: Path, state: TrainingState, settings: Mapping[str, Any]) -> None:
    """Bring a fresh state to where `path` left off.

    Raises CheckpointError when the file is torn or belongs to other settings.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _same(json.loads(metadata["settings"]), settings, path)
            step = int(metadata["step"])
            for name, value in state.network.named_parameters():
                value.data.copy_(file.get_tensor(f"network.{name}"))
                moments = {m: file.get_tensor(f"{m}.{name}") for m in MOMENTS}
                state.optimizer.state[value] = {"step": torch.tensor(float(step)), **moments}
            for name, value in state.ema.named_parameters():
                value.copy_(file.get_tensor(f"ema.{name}"))
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{path} is no training state: {error}; delete it or train into another folder"
        ) from error
    state.step = step


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    plain = json.loads(json.dumps(dict(wanted)))
    odd = [k for k in plain if k not in FREE and found.get(k) != plain[k]]
    if odd:
        raise CheckpointError(f"{path} was trained with another {', '.join(odd)}; train into another folder")
