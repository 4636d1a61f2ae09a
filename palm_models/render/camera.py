"""Camera: exposure, tone curve, blur, sharpening, noise and JPEG between light and the stored picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import PalmforgeError
from palm_models.hand.capture import Capture

Float = NDArray[np.float32]
STEPS = 4096
PALM_128 = 130.0  # pixels a palm width in a 128 × 128 view `palm`, whose pixels blur is given in
MIDDLE = 0.56  # encoded grey about which contrast turns: that of medium skin
SKIN = (float(np.log(0.2)), 0.36)  # mean and spread of log light that automatic levels aim at on skin
FLOOR = 0.01  # linear light below which nothing is told apart
GREY = np.array([0.25, 0.6, 0.15], np.float32)


class CameraError(PalmforgeError):
    """This installation's OpenCV cannot do what a camera does."""


def _encode_table() -> Float:
    x = np.linspace(0, 1, STEPS)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


ENCODED = _encode_table()  # sRGB transfer function (IEC 61966-2-1)


def photograph(
    light: Float, capture: Capture, scale: float | None = None, skin: Float | None = None
) -> NDArray[np.uint8]:
    """Linear light (size, size, 3) as the camera stores it, uint8 RGB.

    `scale` in pixels a palm width, by default that of a view `palm`; `skin` (size, size) in [0, 1] says where
    the automatic levels are read, by default everywhere.
    """
    unit = light.shape[0] / 128 if scale is None else scale / PALM_128
    soft = _blur(light, capture, unit)
    mean, spread = log_statistics(soft, skin)
    aim = mean + capture.metering * (SKIN[0] - mean) + capture.exposure * np.log(2)
    wide = spread ** (1 - capture.metering) * (SKIN[1] * capture.levels) ** capture.metering
    return _store(_levelled(soft, skin, (aim, wide)), capture, unit)


def develop(light: Float, capture: Capture, scale: float, skin: Float) -> NDArray[np.uint8]:
    """Linear light whose exposure and levels are final, as the rest of the capture's camera stores it."""
    unit = scale / PALM_128
    soft = _levelled(_blur(light, capture, unit), skin, log_statistics(light, skin))
    return _store(soft, capture, unit)


def log_statistics(light: Float, skin: Float | None) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of linear light on the skin."""
    grey = np.log(light @ GREY + FLOOR)
    mean = float(np.average(grey, weights=skin))
    return mean, float(np.average((grey - mean) ** 2, weights=skin)) ** 0.5 + 1e-3


def _levelled(light: Float, skin: Float | None, aim: tuple[float, float]) -> Float:
    """The light with this mean and spread of its logarithm on the skin, as automatic levels leave it."""
    mean, spread = log_statistics(light, skin)
    grey = np.log(light @ GREY + FLOOR)
    gain = (grey - mean) * (aim[1] / spread - 1) + (aim[0] - mean)
    return np.asarray(np.minimum(light * np.exp(np.clip(gain, -4, 4))[..., None], 1), np.float32)


def _store(soft: Float, capture: Capture, unit: float) -> NDArray[np.uint8]:
    """Tone curve, saturation, sharpening, noise and JPEG; `unit`: what a pixel of a 128 px palm is here."""
    picture = ENCODED[np.clip(soft * (STEPS - 1), 0, STEPS - 1).astype(np.int32)]
    picture = (picture - MIDDLE) * np.float32(capture.contrast) + MIDDLE
    picture = _saturate(picture, 0.0 if capture.infrared else capture.saturation)
    if capture.sharpening > 0.05:
        picture = picture + capture.sharpening * (picture - cv2.GaussianBlur(picture, (0, 0), 0.9 * unit))
    picture = picture * 255 + _noise(picture, capture)
    stored = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return _compress(stored, capture.jpeg)


def _blur(light: Float, capture: Capture, unit: float) -> Float:
    out = cv2.GaussianBlur(light, (0, 0), capture.defocus * unit)
    length = capture.motion * unit
    if length > 0.8:
        out = cv2.filter2D(out, -1, streak(length, capture.motion_angle), borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32)


def streak(length: float, angle: float) -> Float:
    """Kernel of a motion blur: `length` in pixels, `angle` in degrees; sums to 1."""
    half = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = np.abs(x * c + y * s), np.abs(-x * s + y * c)
    kernel = np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - across, 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _saturate(picture: Float, factor: float) -> Float:
    grey = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(grey[..., None] + np.float32(factor) * (picture - grey[..., None]), np.float32)


def _noise(picture: Float, capture: Capture) -> Float:
    rng = np.random.default_rng(capture.noise_seed)
    shape = picture.shape[:2]
    grey = rng.standard_normal(shape, np.float32)[..., None]
    if not capture.infrared:
        grain = rng.standard_normal((shape[0] // 2 + 1, shape[1] // 2 + 1, 3), np.float32)
        grey = grey + 0.6 * cv2.resize(grain, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    # shot noise: brighter pixels are noisier, less so after the tone curve
    return np.asarray(
        capture.noise * grey * (0.7 + 0.5 * np.clip(picture.mean(axis=-1), 0, 1))[..., None], np.float32
    )


def _compress(picture: NDArray[np.uint8], quality: float) -> NDArray[np.uint8]:
    if quality > 97:
        return picture
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise CameraError("OpenCV could not encode a JPEG: run `palmforge doctor`")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy()
