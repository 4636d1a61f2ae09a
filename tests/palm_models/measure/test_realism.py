"""The realism ratios are about 1 for pictures of the same kind and grow when something is wrong with them."""

import cv2
import numpy as np

from palm_models.measure.realism import kernel_ratio, swd_ratio


def pictures(count, seed, blur=0.0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (count, 16, 16, 3)).astype(np.float32)
    fine = [
        cv2.resize(c, (96, 96), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 8, (96, 96, 3)) for c in coarse
    ]
    fine = [cv2.GaussianBlur(p, (0, 0), blur) if blur else p for p in fine]
    return np.clip(np.stack(fine), 0, 255).astype(np.uint8)


def test_sliced_wasserstein_sees_a_blur_at_the_finest_level():
    real = pictures(16, 0)
    apart, within = swd_ratio(real, pictures(16, 1), 2)
    blurred, _ = swd_ratio(real, pictures(16, 1, 1.5), 2)
    assert apart.mean() < 1.6 * within.mean()
    assert blurred[0] > 4 * within[0] and blurred[0] / within[0] > 2 * blurred[3] / within[3]


def test_kernel_distance_sees_another_cloud():
    rng = np.random.default_rng(0)
    real, twin = rng.standard_normal((2, 100, 8)).astype(np.float32) / 3
    assert kernel_ratio(real, twin, 4) < 2.5 < kernel_ratio(real, twin + 0.5, 4)
