"""Reads what denoising-diffusion-pytorch's Trainer saved: model-N.pt, as data only, EMA weights preferred."""

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from torch import Tensor

from manifests.words import View
from palm_models.engines.base import CheckpointError
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.ddpm import DdpmSpec, build
from palm_models.engines.baselines.ddpm_engine import NAME
from palm_models.engines.checkpoint import Write, write_plainly

log = logging.getLogger("palmforge")
KEYS = {"step", "model", "opt", "ema", "scaler", "version"}
LARGEST = 16 << 30  # bytes
OBJECTIVES = ("pred_noise", "pred_v", "pred_x0")
WRAPPERS = ("module", "_orig_mod")
SCHEDULES = ("sigmoid", "cosine", "linear")


def import_trainer_file(
    path: Path, out: Path, write: Write = write_plainly, *, size: int = 128, view: View = "palm"
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
    log.warning(
        "%s does not say whether it was trained with auto_normalize=False: if so, what is drawn is too pale",
        path,
    )
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
    ema = _bare(saved.get("ema"))
    prefix = "ema_model."
    if any(name.startswith(prefix) for name in ema):
        state, which = {k.removeprefix(prefix): v for k, v in ema.items() if k.startswith(prefix)}, "ema"
    elif isinstance(saved["model"], Mapping):
        state, which = _bare(saved["model"]), "online"
    else:
        raise CheckpointError(f"{path} is no Trainer file: its entry model is no dictionary of tensors")
    broken = [k for k, v in state.items() if not isinstance(v, Tensor) or not torch.isfinite(v.float()).all()]
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} is no finite tensor; take an earlier model-N.pt")
    return state, which


def _bare(state: Any) -> dict[str, Any]:
    """The entries without what DistributedDataParallel and torch.compile put into their names."""
    if not isinstance(state, Mapping):
        return {}
    return {".".join(part for part in str(k).split(".") if part not in WRAPPERS): v for k, v in state.items()}


def _spec(state: Mapping[str, Tensor], size: int, path: Path) -> DdpmSpec:
    """Shape and process from the tensors: widths from the layers that end a level, noise from its table."""
    try:
        dim, channels = state["model.init_conv.weight"].shape[:2]
        levels = len({name.split(".")[2] for name in state if name.startswith("model.downs.")})
        last = f"model.downs.{levels - 1}.3.weight"
        ends = [*(f"model.downs.{k}.3.1.weight" for k in range(levels - 1)), last]
        widths = [state[name].shape[0] for name in ends]
        if reason := _unlike(state, channels):
            raise ValueError(reason)
        if any(width % dim for width in widths):
            raise ValueError(f"its levels of {widths} are no multiples of its first width {dim}")
        mults, steps = tuple(width // dim for width in widths), len(state["betas"])
        plain = DdpmSpec(size, dim, mults, steps)
        schedule = next((s for s in SCHEDULES if _alike(state, "betas", steps, "pred_noise", s)), None)
        if schedule is None:
            names = ", ".join(SCHEDULES)
            raise ValueError(f"its noise schedule is none of {names} with the library's own settings")
        objective = next((o for o in OBJECTIVES if _weighs(state, o)), None)
        if objective is None:
            raise ValueError(f"its loss weights are those of none of {', '.join(OBJECTIVES)}")
        return DdpmSpec(plain.size, dim, mults, steps, objective, schedule)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{path} holds no unconditional Unet that ddpm-tps can draw with: {error}"
        ) from error


def _unlike(state: Mapping[str, Tensor], channels: int) -> str:
    """Which option of the library's Unet this one has that ddpm-tps has not; empty when none is seen."""
    out = state["model.final_conv.weight"].shape[0]
    for found, reason in (
        (channels == 6, "it was trained with self_condition=True, wanted plain RGB"),
        (channels != 3, f"its pictures have {channels} channel{'s' * (channels > 1)}, wanted plain RGB"),
        (out != 3, f"its Unet gives {out} channels, as with learned_variance=True, wanted 3"),
        ("model.time_mlp.0.weights" in state, "it was trained with a learned or random sinusoidal condition"),
    ):
        if found:
            return reason
    return ""


def _weighs(state: Mapping[str, Tensor], objective: str) -> bool:
    """True when the loss weights are this objective's, perhaps clipped as min_snr_loss_weight does.

    With snr = a / (1 - a) they are min(snr, gamma) / snr for the noise, min(snr, gamma) for the picture and
    min(snr, gamma) / (snr + 1) for v (Hang et al. 2023): training's alone, drawing does not look at them.
    """
    a, weights = state["alphas_cumprod"].double(), state["loss_weight"].double()
    snr = a / (1 - a)
    clipped = weights * {"pred_noise": snr, "pred_x0": torch.ones_like(snr), "pred_v": snr + 1}[objective]
    return torch.allclose(clipped, snr.clamp(max=float(clipped.max())), rtol=1e-2)


def _alike(state: Mapping[str, Tensor], name: str, steps: int, objective: str, schedule: str) -> bool:
    """True when the saved table is the one that the library makes with this objective and schedule."""
    tiny = GaussianDiffusion(
        Unet(8, dim_mults=(1,)), image_size=8, timesteps=steps, objective=objective, beta_schedule=schedule
    )
    wanted: Tensor = getattr(tiny, name)
    return state[name].shape == wanted.shape and torch.allclose(state[name].float(), wanted, rtol=1e-3)
