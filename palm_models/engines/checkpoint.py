"""Checkpoints: weights as safetensors beside a JSON of everything needed to rebuild the model."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from manifests.words import PalmforgeError
from palm_models.engines.base import CheckpointError

Write = Callable[[Path, bytes], None]  # a file appears whole or stays as it was, whatever happens


def write_plainly(path: Path, content: bytes) -> None:
    """Write a file, its folder too: for who needs no such promise, as nobody reads the folder yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


FORMAT = 1
WEIGHTS, CONFIG = "model.safetensors", "config.json"
LARGEST = 2 << 30  # bytes of a weights file that is still opened
LARGEST_CONFIG = 1 << 20


class TrainingError(PalmforgeError):
    """There is nothing to learn from, or no way to share the learning; the message says what to do."""


def write_checkpoint(
    folder: Path, network: nn.Module, config: Mapping[str, Any], dtype: torch.dtype | None, write: Write
) -> None:
    """Write a network's weights (as `dtype`; None: as they are), then the config that names their sha256."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    weights = save({k: v.to(dtype) if dtype else v for k, v in tensors.items()})
    written = {"format": FORMAT, **config, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    write(folder / WEIGHTS, weights)
    write(folder / CONFIG, (json.dumps(written, indent=2, sort_keys=True) + "\n").encode())


def open_checkpoint(folder: Path, engine: str) -> tuple[dict[str, Any], str]:
    """The config of a checkpoint folder of `engine`, and the sha256 of config and weights.

    Raises CheckpointError for a file that is missing, torn or too large, or for another engine's checkpoint.
    """
    raw = _read(folder / CONFIG, LARGEST_CONFIG)
    weights = _read(folder / WEIGHTS, LARGEST)
    try:
        config = dict(json.loads(raw))
        if config["format"] != FORMAT:
            raise ValueError(f"format {config['format']}")
        wanted, found = config["weights_sha256"], config.get("engine", "diffusion")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{folder / CONFIG} is not a config of format {FORMAT}: {error}; train again or copy it again"
        ) from error
    if found != engine:
        raise CheckpointError(f"{folder} is a checkpoint of engine {found}, not {engine}: set engine.name")
    if hashlib.sha256(weights).hexdigest() != wanted:
        raise CheckpointError(f"{folder / WEIGHTS} is not the file its config names; copy both files again")
    return config, hashlib.sha256(raw + weights).hexdigest()


def checkpoint_digest(folder: Path) -> str:
    """Identity of a checkpoint folder without building its network: sha256 over config and weights."""
    return hashlib.sha256(
        _read(folder / CONFIG, LARGEST_CONFIG) + _read(folder / WEIGHTS, LARGEST)
    ).hexdigest()


def _read(path: Path, largest: int) -> bytes:
    try:
        if path.stat().st_size > largest:
            raise CheckpointError(
                f"{path} is larger than {largest} bytes; this is no checkpoint of palmforge"
            )
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: {error.strerror}; name a folder with {CONFIG} and {WEIGHTS}"
        ) from error


def read_tensors(folder: Path, network: nn.Module) -> dict[str, Tensor]:
    """The weights of a folder as float32, refused unless names and shapes fit and all is finite."""
    path = folder / WEIGHTS
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            if found != wanted:
                odd = sorted(set(found.items()) ^ set(wanted.items()))[:3]
                raise CheckpointError(
                    f"{path} does not fit the network of its config, see {odd}; copy both files again"
                )
            tensors = {name: file.get_tensor(name).float() for name in wanted}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is no safetensors file: {error}; copy it again") from error
    broken = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if broken:
        raise CheckpointError(
            f"{path} holds numbers that are not finite in {broken[0]}; train again from an earlier state"
        )
    return tensors
