"""The sampler: exact on a distribution whose denoiser is known."""

import itertools

import pytest
import torch
from torch import Tensor

from palm_models.engines.diffusion.sampler import guided, multistep, released, time_steps

MEAN, SPREAD = 0.7, 0.5


def denoise(x: Tensor, t: float) -> Tensor:
    """E[x0 | x] for x0 ~ N(MEAN, SPREAD²) and x = (1 - t) x0 + t n."""
    a = 1 - t
    return MEAN + a * SPREAD**2 / (a * a * SPREAD**2 + t * t) * (x - a * MEAN)


def start(count: int = 20000) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("steps", [8, 32])
def test_multistep_reaches_the_distribution(steps: int) -> None:
    # the last step gives E[x0 | x], so a little spread is lost with few steps
    drawn = multistep(denoise, start(), time_steps(1.0, steps))
    assert drawn.mean() == pytest.approx(MEAN, abs=0.02)
    assert drawn.std() == pytest.approx(SPREAD, rel=0.12 if steps == 8 else 0.04)


def test_second_order_beats_first() -> None:
    exact = MEAN + SPREAD * start()
    second = multistep(denoise, start(), time_steps(1.0, 10))
    first = start()
    for t, s in itertools.pairwise(time_steps(1.0, 10)):  # Euler's steps
        clean = denoise(first, t)
        first = (1 - s) * clean + s * (first - (1 - t) * clean) / t
    assert (second - exact).abs().mean() < 0.7 * (first - exact).abs().mean()


def test_times_fall_from_start_to_end() -> None:
    times = time_steps(0.6, 5)
    assert len(times) == 6 and times[0] == 0.6 and times[-1] == 0
    assert all(a > b for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(("begin", "steps"), [(0.0, 4), (1.2, 4), (0.5, 0)])
def test_impossible_times_are_refused(begin: float, steps: int) -> None:
    with pytest.raises(ValueError, match="start"):
        time_steps(begin, steps)


def test_guidance_and_release() -> None:
    def one(x: Tensor, t: float) -> Tensor:
        return x + 1

    def two(x: Tensor, t: float) -> Tensor:
        return x + 2

    x = torch.zeros(1)
    assert guided(two, one, 1.0)(x, 0.5) == 2 and guided(two, one, 2.0)(x, 0.5) == 3
    kept = released(two, one, 0.25)
    assert kept(x, 0.3) == 2 and kept(x, 0.2) == 1
