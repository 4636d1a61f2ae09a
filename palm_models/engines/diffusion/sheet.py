"""Sample sheets: photographs, their crease maps and what the network makes of these."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from palm_models.engines.diffusion.condition import ground, to_picture
from palm_models.engines.diffusion.network import Denoiser, pack
from palm_models.engines.diffusion.pairs import Photo, make_pair, place
from palm_models.engines.diffusion.sampler import multistep, time_steps


@torch.no_grad()
def sample_sheet(
    network: Denoiser, photos: Sequence[Photo], scales: Mapping[str, NDArray[np.float32]], size: int
) -> bytes:
    """PNG bytes of four rows: photographs, crease maps, palms from noise and from half-noised photographs."""
    device = next(network.parameters()).device
    rng = torch.Generator().manual_seed(0)
    columns = []
    for photo in photos:
        detail, structure = make_pair(photo, size, scales[photo.view], None)
        packed = pack([structure]).to(device)
        noise = torch.randn((1, 3, size, size), generator=rng).to(device)

        def denoise(x: torch.Tensor, t: float, packed: torch.Tensor = packed) -> torch.Tensor:
            return network(x, packed, torch.full((1,), t, device=x.device))  # type: ignore[no-any-return]

        half = 0.5 * noise + 0.5 * torch.from_numpy(detail)[None].to(device)
        drawn = [multistep(denoise, noise, time_steps(1.0, 12)), multistep(denoise, half, time_steps(0.5, 6))]
        base = ground(structure.thumbnail, size)
        pictures = [to_picture(d[0].cpu().numpy(), base, scales[photo.view]) for d in drawn]
        lines = np.repeat((structure.lines[0] * 255).astype(np.uint8)[..., None], 3, axis=2)
        columns.append(np.vstack([place(photo, size, None)[0], lines, *pictures]))
    return bytes(cv2.imencode(".png", np.ascontiguousarray(np.hstack(columns)[..., ::-1]))[1])
