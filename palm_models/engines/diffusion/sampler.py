"""The few-step sampler of the flow, with guidance and release of the condition: pure functions."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]  # (noisy, time) -> clean


def time_steps(start: float, steps: int, end: float = 0.0) -> list[float]:
    """`steps` + 1 falling times from `start` to `end`, closer together near the picture."""
    if not (0 < start <= 1 and steps >= 1 and 0 <= end < start):
        raise ValueError(f"sampling needs 0 <= end < start <= 1 and steps >= 1, got {end}, {start}, {steps}")
    return [end + (start - end) * (1 - i / steps) ** 1.2 for i in range(steps + 1)]


def multistep(denoise: Denoise, noisy: Tensor, times: Sequence[float]) -> Tensor:
    """Deterministic second order, DPM-Solver++(2M) with alpha = 1 - t, sigma = t (Lu et al. 2022)."""
    x, before, last = noisy, None, 0.0
    for t, s in pairwise(times):
        clean = denoise(x, t)
        if s <= 0:
            return clean
        width = _log_snr(s) - _log_snr(t)
        blend = clean if before is None else clean + (clean - before) * width / (2 * last)
        x = (s / t) * x - (1 - s) * math.expm1(-width) * blend
        before, last = clean, width
    return x


def guided(denoise: Denoise, bare: Denoise, guidance: float) -> Denoise:
    """Classifier-free guidance: 1 is the condition alone, more exaggerates it (Ho & Salimans 2022)."""

    def both(noisy: Tensor, time: float) -> Tensor:
        without = bare(noisy, time)
        return without + guidance * (denoise(noisy, time) - without)

    return denoise if guidance == 1 else both


def released(denoise: Denoise, bare: Denoise, release: float) -> Denoise:
    """The condition is let go below time `release`, so that the end of sampling is the network's own."""
    return lambda noisy, time: bare(noisy, time) if time < release else denoise(noisy, time)


def _log_snr(t: float) -> float:
    t = min(max(t, 1e-4), 1 - 1e-4)
    return math.log((1 - t) / t)
