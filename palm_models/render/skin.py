"""Skin colour: from the individual typology angle to linear sRGB, and what blood and scars do to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# linear sRGB of CIE XYZ under D65 (IEC 61966-2-1)
XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
WHITE = np.array([0.95047, 1.0, 1.08883])
# Individual typology angle in degrees above which skin is called so, lightest first (Chardon et al. 1991,
# Del Bino & Bernerd 2013).
BANDS = {"very light": 55.0, "light": 41.0, "intermediate": 28.0, "tan": 10.0, "brown": -30.0, "dark": -90.0}


def tone_to_lab(tone: float, redness: float) -> Array:
    """CIELAB (3,) of skin with individual typology angle `tone` in degrees and a* = `redness`.

    ITA = atan((L* - 50) / b*) (Chardon et al. 1991); b* peaks for medium skin (after Del Bino & Bernerd
    2013).
    """
    b = 9.0 + 12.0 * np.exp(-(((tone - 12.0) / 42.0) ** 2))
    return np.array([50.0 + b * np.tan(np.radians(tone)), redness, b])


def lab_to_linear(lab: Array) -> Array:
    """CIELAB (..., 3) to linear sRGB, clipped to [0.002, 1]."""
    f = (lab[..., 0] + 16) / 116
    xyz = np.stack([f + lab[..., 1] / 500, f, f - lab[..., 2] / 200], axis=-1)
    xyz = np.where(xyz > 6 / 29, xyz**3, 3 * (6 / 29) ** 2 * (xyz - 4 / 29)) * WHITE
    return np.asarray(np.clip(xyz @ XYZ_TO_RGB.T, 0.002, 1.0))


def linear_to_lab(rgb: Array) -> Array:
    """Linear sRGB (..., 3) to CIELAB, the inverse of lab_to_linear within its gamut."""
    xyz = rgb @ np.linalg.inv(XYZ_TO_RGB).T / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def typology_angle(lab: Array) -> float:
    """ITA in degrees of a CIELAB colour (3,)."""
    return float(np.degrees(np.arctan2(lab[0] - 50.0, lab[2])))


def band(tone: float) -> str:
    """What skin of an individual typology angle in degrees is called."""
    return next((name for name, least in BANDS.items() if tone > least), "dark")


@dataclass(frozen=True)
class Palette:
    """Linear sRGB of the skin (3,), and per unit of each layer the change of its logarithm (3,)."""

    base: Array
    pigment: Array
    blood: Array
    vein: Array
    scar: Array


def palette(tone: float, redness: float) -> Palette:
    """Colours of one skin: the base, and the directions in which creases, blood, veins and scars move it."""
    lab = tone_to_lab(tone, redness)
    base = lab_to_linear(lab)

    def towards(light: float, red: float, yellow: float) -> Array:
        moved = np.array([max(8.0, lab[0] + light), lab[1] + red, lab[2] + yellow])
        return np.asarray(np.log(lab_to_linear(moved) / base))

    return Palette(
        base=base,
        pigment=towards(-0.36 * lab[0], 2.0, -3.0),
        blood=towards(-2.0, 5.0, 0.5),
        vein=towards(-4.0, -4.0, -4.0),
        scar=towards(0.5 * (92 - lab[0]), 5.0, -5.0),
    )
