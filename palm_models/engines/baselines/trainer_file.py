"""Reads what denoising-diffusion-pytorch's Trainer saved: model-N.pt, as data only, EMA weights preferred."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from torch import Tensor

from manifests.words import View
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.ddpm import DdpmSpec, build
from palm_models.engines.baselines.ddpm_engine import NAME
from palm_models.engines.checkpoint import CheckpointError, Write

KEYS = {"step", "model", "opt", "ema", "scaler", "version"}
LARGEST = 16 << 30  # bytes
OBJECTIVES = ("pred_noise", "pred_v", "pred_x0")
SCHEDULES = ("sigmoid", "cosine", "linear")


def import_trainer_file(
    path: Path, out: Path, write: Write, *, size: int = 128, view: View = "palm"
) -> dict[str, Any]:
    """Convert a Trainer file to a checkpoint folder of ddpm-tps; returns what was found in it.

    The file does not say how large its pictures are (`size`, px) nor what they show (`view`). Only tensors,
    numbers and text are read; a pickle that asks for anything else is refused and runs nothing.
    Raises CheckpointError for anything but a Trainer file with a plain unconditional Unet.
    """
    saved = _read(path)
    state, which = _weights(saved, path)
    spec = _spec(state, size, path)
    diffusion = build(spec)
    try:
        diffusion.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[1:2] or [str(error)]
        raise CheckpointError(f"{path}: its Unet has options that ddpm-tps has not:{reason[0]}") from error
    facts = {"step": int(saved["step"]), "weights": which, "library": str(saved.get("version"))}
    network = {"size": spec.size, "dim": spec.dim, "mults": list(spec.mults), "timesteps": spec.timesteps}
    network |= {"objective": spec.objective, "schedule": spec.schedule}
    save_baseline(out, NAME, diffusion.model, network, view, {**facts, "imported": path.name}, write)
    return {**network, **facts}


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"{path} is larger than {LARGEST} bytes: no Trainer file")
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; name a model-N.pt") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        first = str(error).strip().splitlines() or ["unreadable"]
        raise CheckpointError(
            f"{path} was not read: it is damaged, or holds more than tensors and numbers, which is refused "
            f"as it could run code ({first[0][:120]}). Name a model-N.pt of denoising-diffusion-pytorch"
        ) from error
    if not isinstance(saved, dict) or not {"step", "model"} <= set(saved):
        found = sorted(map(str, saved))[:8] if isinstance(saved, dict) else type(saved).__name__
        raise CheckpointError(f"{path} is no Trainer file: it holds {found}, wanted {sorted(KEYS)}")
    return saved


def _weights(saved: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], str]:
    """State of the GaussianDiffusion: averaged if it is there, else online."""
    ema = saved.get("ema")
    prefix = "ema_model."
    if isinstance(ema, dict) and any(str(name).startswith(prefix) for name in ema):
        state, which = {k.removeprefix(prefix): v for k, v in ema.items() if k.startswith(prefix)}, "ema"
    elif isinstance(saved["model"], dict):
        state, which = dict(saved["model"]), "online"
    else:
        raise CheckpointError(f"{path} is no Trainer file: its entry model is no dictionary of tensors")
    broken = [k for k, v in state.items() if not isinstance(v, Tensor) or not torch.isfinite(v.float()).all()]
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} is no finite tensor; take an earlier model-N.pt")
    return state, which


def _spec(state: Mapping[str, Tensor], size: int, path: Path) -> DdpmSpec:
    """Shape and process from the tensors: widths from the layers that end a level, noise from its table."""
    try:
        dim, channels = state["model.init_conv.weight"].shape[:2]
        levels = len({name.split(".")[2] for name in state if name.startswith("model.downs.")})
        last = f"model.downs.{levels - 1}.3.weight"
        ends = [*(f"model.downs.{k}.3.1.weight" for k in range(levels - 1)), last]
        widths = [state[name].shape[0] for name in ends]
        if channels != 3 or any(width % dim for width in widths):
            raise ValueError(f"{channels} channels, levels of {widths} at dim {dim}; wanted plain RGB")
        mults, steps = tuple(width // dim for width in widths), len(state["betas"])
        plain = DdpmSpec(size, dim, mults, steps)
        schedule = next((s for s in SCHEDULES if _alike(state, "betas", steps, "pred_noise", s)), None)
        objective = next(
            (o for o in OBJECTIVES if schedule and _alike(state, "loss_weight", steps, o, schedule)), None
        )
        if schedule is None or objective is None:
            raise ValueError("its noise schedule or its objective is none of the library's")
        return DdpmSpec(plain.size, dim, mults, steps, objective, schedule)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{path} holds no unconditional Unet that ddpm-tps can draw with: {error}"
        ) from error


def _alike(state: Mapping[str, Tensor], name: str, steps: int, objective: str, schedule: str) -> bool:
    """True when the saved table is the one that the library makes with this objective and schedule."""
    tiny = GaussianDiffusion(
        Unet(8, dim_mults=(1,)), image_size=8, timesteps=steps, objective=objective, beta_schedule=schedule
    )
    wanted: Tensor = getattr(tiny, name)
    return state[name].shape == wanted.shape and torch.allclose(state[name].float(), wanted, rtol=1e-3)
