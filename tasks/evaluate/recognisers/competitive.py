"""Competitive code (Kong & Zhang, ICPR 2004): the direction of the palm's lines, compared without training.

Six real Gabor filters of no mean; at each point the one that answers most negatively wins: the direction of
a dark line. Directions are compared by the angular distance of their 3-bit codes, over small translations.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.recognisers.kind import Learned, Recogniser, Say, Scores, Settings

DIRECTIONS = 6
BITS = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]], np.uint8)  # their table 1
Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class CodeSettings:
    """How a palm of 128 px is coded and compared; the defaults are the paper's sizes."""

    size: int = 128  # px, side of the palm
    kernel: int = 35  # px, side of a filter
    frequency: float = 0.5755  # radians a pixel: a wavelength of 11 px
    bandwidth: float = 1.1  # octaves, half amplitude
    step: int = 4  # px between points of the code: 32 × 32 of them
    reach: int = 2  # points of translation tried to each side


def gabor(settings: CodeSettings, direction: int) -> NDArray[np.float32]:
    """Their eq. 1, the real part; x' runs across the line."""
    half, w = settings.kernel // 2, settings.frequency
    spread = 2.0**settings.bandwidth
    kappa = np.sqrt(2 * np.log(2)) * (spread + 1) / (spread - 1)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angle = np.pi * direction / DIRECTIONS
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    envelope = w / (np.sqrt(2 * np.pi) * kappa) * np.exp(-(w**2) / (8 * kappa**2) * (4 * u**2 + v**2))
    wave = envelope * (np.cos(w * u) - np.exp(-(kappa**2) / 2))
    return np.asarray(wave - wave.mean(), np.float32)  # the cut window leaves a mean


def codes(grey: NDArray[np.uint8], settings: CodeSettings = CodeSettings()) -> Codes:
    """Palms (n, size, size) grey -> the winning direction (n, points, points), 0 to 5."""
    bank = [gabor(settings, k) for k in range(DIRECTIONS)]
    points = slice(settings.step // 2, None, settings.step)
    out = []
    for palm in grey.astype(np.float32):
        answers = [cv2.filter2D(palm, -1, f, borderType=cv2.BORDER_REFLECT)[points, points] for f in bank]
        out.append(np.argmin(answers, axis=0).astype(np.uint8))
    return np.stack(out)


class CodeMatcher:
    """Compares codes: 1 - angular distance (0 to 1), the best of the translations."""

    def __init__(self, settings: CodeSettings = CodeSettings()) -> None:
        self.settings = settings

    def templates(self, grey: NDArray[np.uint8]) -> Codes:
        """The codes of palms."""
        return codes(grey, self.settings)

    def pairs(self, templates: Codes, a: NDArray[np.int64], b: NDArray[np.int64]) -> Scores:
        """Differing bits, 64 at a time."""
        bits, best = BITS[templates], np.zeros(len(a), np.float32)
        for here, there in self._overlaps(templates.shape[1]):
            first, second = _packed(bits[:, *here]), _packed(bits[:, *there])
            size = bits[0, *here].size
            for k in range(0, len(a), 65_536):
                part = slice(k, k + 65_536)
                differing = np.bitwise_count(first[a[part]] ^ second[b[part]]).sum(1, dtype=np.int64)
                best[part] = np.maximum(best[part], 1 - differing / size)
        return best

    def matrix(self, first: Codes, second: Codes) -> Scores:
        """The agreement of bits is a product of signs."""
        one, two = ((2.0 * BITS[t] - 1).astype(np.float32) for t in (first, second))
        best = np.zeros((len(first), len(second)), np.float32)
        for here, there in self._overlaps(first.shape[1]):
            a, b = one[:, *here].reshape(len(first), -1), two[:, *there].reshape(len(second), -1)
            best = np.maximum(best, (a @ b.T / a.shape[1] + 1) / 2)
        return best

    def _overlaps(self, side: int) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Of each translation, what of the first code lies on what of the second."""
        steps = range(-self.settings.reach, self.settings.reach + 1)

        def part(d: int) -> slice:
            return slice(max(0, d), side + min(0, d))

        return [((part(y), part(x)), (part(-y), part(-x))) for y in steps for x in steps]


def _packed(bits: NDArray[np.uint8]) -> NDArray[np.uint64]:
    flat = np.packbits(bits.reshape(len(bits), -1), axis=1)
    return np.pad(flat, ((0, 0), (0, -flat.shape[1] % 8))).view(np.uint64)


class Competitive(Recogniser):
    """The floor that every recogniser which learns must beat."""

    name = "competitive"
    summary = "competitive code, without training: the floor"
    source = "Kong & Zhang, ICPR 2004"
    learns: ClassVar[bool] = False
    settings = Settings(size=128)

    def learn(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say,
    ) -> Learned:  # fmt: skip
        """Nothing is learned; filters and steps keep their share of the side."""
        part = settings.size / 128
        return Learned(
            CodeMatcher(
                CodeSettings(
                    size=settings.size, kernel=2 * round(17 * part) + 1, frequency=0.5755 / part,
                    step=max(1, round(4 * part)),
                )
            )
        )  # fmt: skip


COMPETITIVE = Competitive()
