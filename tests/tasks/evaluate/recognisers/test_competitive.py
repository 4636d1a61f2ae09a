"""The competitive code against a slow plain form of it, written from the paper without our helpers."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.recognisers.competitive import CodeMatcher, CodeSettings, codes

SETTINGS = CodeSettings(size=48, kernel=15, frequency=0.8, step=4, reach=1)
TABLE = ("000", "001", "011", "111", "110", "100")  # Kong & Zhang 2004, table 1


def palms() -> NDArray[np.uint8]:
    """Smooth noise: two shifted and noisy pictures of each of four."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(4):
        whole = cv2.GaussianBlur(rng.normal(0, 1, (64, 64)).astype(np.float32), (0, 0), 2.0)
        whole = 128 + 40 * whole / whole.std()
        for shift in (4, 8):
            part = whole[4:52, shift : shift + 48] + rng.normal(0, 3, (48, 48))
            out.append(np.clip(part, 0, 255).astype(np.uint8))
    return np.stack(out)


def slow_gabor(direction: int) -> NDArray[np.float64]:
    """Eq. 1 point by point."""
    w, ratio = SETTINGS.frequency, 2**SETTINGS.bandwidth
    kappa = math.sqrt(2 * math.log(2)) * (ratio + 1) / (ratio - 1)
    half, theta = SETTINGS.kernel // 2, direction * math.pi / 6
    out = np.zeros((SETTINGS.kernel, SETTINGS.kernel))
    for row in range(SETTINGS.kernel):
        for column in range(SETTINGS.kernel):
            x, y = column - half, row - half
            across = x * math.cos(theta) + y * math.sin(theta)
            along = -x * math.sin(theta) + y * math.cos(theta)
            envelope = math.exp(-(w**2) / (8 * kappa**2) * (4 * across**2 + along**2))
            carrier = math.cos(w * across) - math.exp(-(kappa**2) / 2)
            out[row, column] = w / (math.sqrt(2 * math.pi) * kappa) * envelope * carrier
    return out - out.mean()


def slow_code(palm: NDArray[np.uint8]) -> list[list[int]]:
    """The filter with the smallest answer at every fourth point, the border mirrored."""
    half = SETTINGS.kernel // 2
    padded = np.pad(palm.astype(float), half, mode="symmetric")
    bank = [slow_gabor(k) for k in range(6)]
    places = range(SETTINGS.step // 2, SETTINGS.size, SETTINGS.step)
    side = SETTINGS.kernel
    return [
        [int(np.argmin([(f * padded[r : r + side, c : c + side]).sum() for f in bank])) for c in places]
        for r in places
    ]


def slow_distance(a: list[list[int]], b: list[list[int]]) -> float:
    """The angular distance: differing bits of the codes that overlap, the least of the translations."""
    side, found = len(a), []
    for dy in range(-SETTINGS.reach, SETTINGS.reach + 1):
        for dx in range(-SETTINGS.reach, SETTINGS.reach + 1):
            differing = bits = 0
            for r in range(side):
                for c in range(side):
                    if 0 <= r + dy < side and 0 <= c + dx < side:
                        pair = zip(TABLE[a[r + dy][c + dx]], TABLE[b[r][c]], strict=True)
                        differing += sum(p != q for p, q in pair)
                        bits += 3
            found.append(differing / bits)
    return min(found)


def test_codes_and_distances_are_those_of_the_plain_form() -> None:
    pictures = palms()
    fast, slow = codes(pictures, SETTINGS), [slow_code(p) for p in pictures]
    assert (fast == np.array(slow)).mean() > 0.999  # float32 against float64, at ties
    wanted = np.array([[1 - slow_distance(a, b) for b in slow] for a in slow])
    matcher = CodeMatcher(SETTINGS)
    np.testing.assert_allclose(matcher.matrix(fast, fast), wanted, atol=2e-3)
    a, b = np.divmod(np.arange(64), 8)
    np.testing.assert_allclose(matcher.pairs(fast, a, b), wanted[a, b], atol=2e-3)


def test_a_line_wins_in_its_own_direction() -> None:
    settings = CodeSettings()
    for direction in range(6):
        angle = np.pi * direction / 6
        y, x = np.mgrid[:128, :128] - 64.0
        across = x * np.cos(angle) + y * np.sin(angle)
        palm = (200 - 150 * np.exp(-(across**2) / 8)).astype(np.uint8)
        assert codes(palm[None], settings)[0, 16, 16] == direction


def test_a_palm_equals_itself_when_shifted_within_reach() -> None:
    found = np.random.default_rng(1).integers(0, 6, (1, 32, 32)).astype(np.uint8)
    both = np.concatenate([found, np.roll(found, (2, -1), (1, 2))])
    assert CodeMatcher().matrix(both, both)[0].tolist() == [1, 1]
    assert CodeMatcher().pairs(both, np.array([0, 1, 0]), np.array([1, 0, 0])).tolist() == [1, 1, 1]
