"""Camera: exposure, tone curve, blur, sharpening, noise and JPEG between light and the stored picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.capture import Capture

Float = NDArray[np.float32]
STEPS = 4096
PALM_128 = 130.0  # pixels a palm width in a 128 × 128 view `palm`, whose pixels blur is given in
MIDDLE = 0.56  # encoded grey about which contrast turns: that of medium skin


def _encode_table() -> Float:
    x = np.linspace(0, 1, STEPS)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


ENCODED = _encode_table()  # sRGB transfer function (IEC 61966-2-1)


def photograph(light: Float, capture: Capture, scale: float | None = None) -> NDArray[np.uint8]:
    """Linear light (size, size, 3) as the camera stores it, uint8 RGB.

    `scale` in pixels a palm width, by default that of a view `palm`.
    """
    unit = light.shape[0] / 128 if scale is None else scale / PALM_128
    soft = _blur(light * np.float32(2.0**capture.exposure), capture, unit)
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
        out = cv2.filter2D(out, -1, _streak(length, capture.motion_angle), borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32)


def _streak(length: float, angle: float) -> Float:
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
        raise RuntimeError("OpenCV could not encode a JPEG: run `palmforge doctor`")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8).copy()
