"""Weights of the diffusion engine: a checkpoint folder read and written, with each view's detail scale."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import (
    CONFIG,
    FORMAT,
    Write,
    open_checkpoint,
    read_tensors,
    write_checkpoint,
)
from palm_models.engines.diffusion.network import Denoiser, NetworkSpec


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and what it was trained with."""

    network: Denoiser
    scales: dict[str, tuple[float, float, float]]  # detail scale of each view
    digest: str  # sha256 of config and weights: the identity of the checkpoint
    training: dict[str, Any] = field(default_factory=dict)  # how it was trained, for the model card

    def scale(self, view: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.asarray(self.scales[view], np.float32)


def save_checkpoint(
    folder: Path,
    network: Denoiser,
    scales: Mapping[str, tuple[float, float, float]],
    training: Mapping[str, Any],
    write: Write,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a checkpoint; the config carries the sha256 of the weights it belongs to and is replaced last."""
    config = {
        "network": asdict(network.spec),
        "scales": {view: list(scale) for view, scale in scales.items()},
        "training": dict(training),
    }
    write_checkpoint(folder, network, config, dtype, write)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Rebuild the network of a checkpoint folder, on the CPU, in evaluation mode.

    Raises CheckpointError for a file that is missing, torn, too large, or does not fit its config.
    """
    raw, digest = open_checkpoint(folder, "diffusion")
    config = _config(raw, folder / CONFIG)
    network = Denoiser(config["network"])
    network.load_state_dict(read_tensors(folder, network), strict=True)
    return Checkpoint(network.eval().requires_grad_(False), config["scales"], digest, config["training"])


def _config(config: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        network = dict(config["network"])
        network["mults"] = tuple(int(m) for m in network["mults"])
        scales = {view: (float(a), float(b), float(c)) for view, (a, b, c) in config["scales"].items()}
        if not all(0 < s < 10 for scale in scales.values() for s in scale):
            raise ValueError(f"scales {scales}")
        spec = NetworkSpec(**network)
        return {**config, "network": spec, "scales": scales, "training": dict(config["training"])}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a config of format {FORMAT}: {error}; train again or copy it again"
        ) from error
