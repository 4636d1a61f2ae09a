"""Batches of aligned photographs for the baselines: by counter, so that a resumed training sees the same."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from manifests.effects import learned
from manifests.recipe.baseline_sections import Ddpm, Wgan
from manifests.words import View
from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.pictures import resize
from palm_models.seeds import Draw, generator, sequence

log = logging.getLogger("palmforge")
Progress = Callable[[int, int], None]  # (steps done, steps in all)


@dataclass(frozen=True)
class Batches:
    """Photographs of one view in memory, uint8 (n, 3, size, size), in an order that changes every epoch."""

    pictures: Tensor
    batch: int
    seed: int

    @property
    def steps(self) -> int:
        """Batches in an epoch; what does not fill one is left for the next epoch's order."""
        return max(1, len(self.pictures) // self.batch)

    def at(self, step: int) -> Tensor:
        """The batch (b, 3, size, size) of a step, in [-1, 1]."""
        epoch, place = divmod(step, self.steps)
        rng = generator(self.seed, Draw.EPOCH_ORDER, epoch)
        chosen = rng.permutation(len(self.pictures))[place * self.batch : (place + 1) * self.batch]
        return self.pictures[torch.from_numpy(chosen)].float() / 127.5 - 1

    def noise(self, step: int) -> torch.Generator:
        """The random numbers of a step: no generator's state has to be kept."""
        key = sequence(self.seed, Draw.STEP_NOISE, step).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(key[0] >> np.uint64(1)))


def begin(
    aligned: Path,
    options: Wgan | Ddpm,
    *,
    seed: int,
    view: View,
    hands: Sequence[str],
    device: str,
) -> tuple[Batches, torch.device, dict[str, Any]]:
    """The photographs, the device, and the settings with which alone a training goes on."""
    palms = read_palms(aligned, view, hands, options.size, options.batch, seed)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    settings = {**learned(options), "seed": seed, "view": view}
    return palms, where, settings | {"hands": list(hands), "photos": len(palms.pictures)}


def record(out: Path, engine: str, line: dict[str, Any]) -> None:
    """Append a line of figures to the training's log.jsonl, and tell it."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    log.info("%s %s", engine, ", ".join(f"{key} {value}" for key, value in line.items()))


def facts(out: Path, palms: Batches, step: int, loss: float, seconds_a_step: float) -> dict[str, Any]:
    """What the report tells of a training."""
    return {
        "steps": step, "photos": len(palms.pictures), "loss": round(loss, 5),
        "seconds_a_step": round(seconds_a_step, 4), "checkpoint": str(out),
    }  # fmt: skip


def read_palms(aligned: Path, view: str, hands: Sequence[str], size: int, batch: int, seed: int) -> Batches:
    """The photographs of a table of the align task that show `view` of one of `hands`, at `size` px.

    Raises TrainingError when there is none, or one does not decode.
    """
    columns = ["view", "hand", "image"]
    filters = [("view", "==", view), ("hand", "in", list(hands))]
    rows = pq.read_table(aligned, columns=columns, filters=filters)["image"].to_pylist()
    if not rows:
        raise TrainingError(
            f"{aligned} holds no view {view} of a {' or '.join(hands)} hand: put {view} into align.views, or "
            "choose other dataset.views and dataset.hands"
        )
    pictures = np.stack([resize(_decode(aligned, row["bytes"]), size) for row in rows])
    return Batches(torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), batch, seed)


def _decode(aligned: Path, data: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise TrainingError(f"{aligned}: a picture does not decode: delete the folder, it is made again")
    return np.asarray(picture, np.uint8)


def grid(pictures: Tensor, columns: int = 5) -> bytes:
    """PNG of pictures (n, 3, s, s) in [-1, 1] in rows; one scale for all, to compare brightness."""
    count, _, side, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * side, columns * side, 3), 255, np.uint8)
    scaled = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    for index, picture in enumerate(scaled):
        y, x = divmod(index, columns)
        sheet[y * side : (y + 1) * side, x * side : (x + 1) * side] = picture
    return bytes(cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))[1])
