"""What a training needs to go on exactly where it stopped: one safetensors file, replaced whole."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import Write

log = logging.getLogger("palmforge")
Part = nn.Module | torch.optim.Optimizer  # random draws are no part: they are by counter


class TornStateError(CheckpointError):
    """A training state that was cut off or damaged."""


def write_state(
    path: Path, parts: Mapping[str, Part], step: int, settings: Mapping[str, Any], write: Write
) -> None:
    """Write networks and optimizers after `step` steps; the file before it is kept beside it.

    settings: what a training must share with this one to go on from here, JSON-able.
    """
    tensors = {
        f"{name}/{key}": value for name, part in parts.items() for key, value in _tensors(part).items()
    }
    metadata = {"step": str(step), "settings": json.dumps(settings, sort_keys=True)}
    content = save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, metadata)
    if path.exists():
        path.replace(_before(path))
    write(path, content)


def resume_state(path: Path, parts: Mapping[str, Part], settings: Mapping[str, Any]) -> int:
    """Bring fresh networks and optimizers to where `path` left off; returns the steps done, 0 for none.

    A torn file gives way to the one before it; when nothing readable is left the training begins anew.
    Raises CheckpointError when the state belongs to other settings or to another kind of network.
    """
    for file in (path, _before(path)):
        if file.exists():
            try:
                return _read(file, parts, settings)
            except TornStateError as error:
                log.warning("%s; going on from what was saved before it", error)
    return 0


def _before(path: Path) -> Path:
    return path.with_suffix(f".before{path.suffix}")


def _read(path: Path, parts: Mapping[str, Part], settings: Mapping[str, Any]) -> int:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            found, step = json.loads(metadata["settings"]), int(metadata["step"])
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise TornStateError(f"{path} is no training state: {error}") from error
    wanted = json.loads(json.dumps(dict(settings)))
    odd = [k for k in wanted if found.get(k) != wanted[k]]
    if odd:
        raise CheckpointError(f"{path} was trained with another {', '.join(odd)}; train into another folder")
    if not any("/" in name for name in tensors):
        tensors = _renamed(tensors, parts, step)
    try:
        for name, part in parts.items():
            own = {k: v for k, v in tensors.items() if k.startswith(f"{name}/")}
            _fill(part, {k.removeprefix(f"{name}/"): v for k, v in own.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{path} is of another network; train into another folder") from error
    return step


def _tensors(part: Part) -> dict[str, Tensor]:
    if isinstance(part, nn.Module):
        return dict(part.state_dict())
    moments = part.state_dict()["state"]
    return {f"{index}.{key}": value for index, state in moments.items() for key, value in state.items()}


def _fill(part: Part, tensors: Mapping[str, Tensor]) -> None:
    if isinstance(part, nn.Module):
        part.load_state_dict(tensors, strict=True)
        return
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = value
    part.load_state_dict({"state": moments, "param_groups": part.state_dict()["param_groups"]})
    for weights, state in part.state.items():
        # a fused optimizer walks raw memory: its moments must lie as the weights do
        state.update({k: torch.empty_like(weights).copy_(v) for k, v in state.items() if v.ndim})


def _renamed(tensors: Mapping[str, Tensor], parts: Mapping[str, Part], step: int) -> dict[str, Tensor]:
    """The tensors of a state that the diffusion training of 0.1.0 wrote, under the names of today."""
    network = parts["network"]
    assert isinstance(network, nn.Module)
    index = {name: i for i, (name, _) in enumerate(network.named_parameters())}
    done = {f"optimizer/{i}.step": torch.tensor(float(step)) for i in index.values()}
    for name, value in tensors.items():
        kind, _, parameter = name.partition(".")
        moment = kind in ("exp_avg", "exp_avg_sq")
        done[f"optimizer/{index[parameter]}.{kind}" if moment else f"{kind}/{parameter}"] = value
    return done
