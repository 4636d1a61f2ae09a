"""A device's camera: optics, exposure, tone curve, sharpening, sensor and JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.capture import Capture
from palm_models.render.camera import ENCODED, GREY, PALM_128, STEPS, streak

Float = NDArray[np.float32]
AIM = float(np.log(0.26))  # mean log light that exposure aims at on skin
MIDDLE = 0.5  # encoded grey about which contrast turns
SPREAD = 0.125  # encoded standard deviation that equalised tones have


def photograph(light: Float, capture: Capture, scale: float, skin: Float, size: int) -> NDArray[np.uint8]:
    """Linear light (R, R, 3) as the device stores it, uint8 RGB (size, size, 3).

    `scale` in pixels of R a palm width; `skin` (R, R) in [0, 1] says where exposure is read.
    """
    soft = _optics(light, capture, scale / PALM_128)
    if soft.shape[0] != size:
        soft, skin = (
            np.asarray(cv2.resize(a, (size, size), interpolation=cv2.INTER_AREA), np.float32)
            for a in (soft, skin)
        )
    grey = np.log(soft @ GREY + np.float32(1e-3))
    mean = float(np.average(grey, weights=skin + 1e-6))
    gain = np.exp(capture.metering * (AIM - mean) + capture.exposure * np.log(2))
    lit = np.float32(gain) * soft + np.float32(capture.veil)
    picture = ENCODED[(_shoulder(lit) * (STEPS - 1)).astype(np.int32)]
    unit = scale / PALM_128 * size / light.shape[0]
    return _store(_developed(picture, capture, unit, skin), capture, unit)


def _optics(light: Float, capture: Capture, unit: float) -> Float:
    out = cv2.GaussianBlur(light, (0, 0), max(0.2, capture.defocus * unit))
    length = capture.motion * unit
    if length > 0.8:
        out = cv2.filter2D(out, -1, streak(length, capture.motion_angle), borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32)


def _shoulder(light: Float) -> Float:
    """Light in [0, 1]: straight up to 0.6, then bent, so that highlights do not burn out at once."""
    over = np.clip(light - np.float32(0.6), 0, None)
    return np.asarray(
        np.clip(np.minimum(light, 0.6) + 0.4 * over / (over + np.float32(0.4)), 0, 1), np.float32
    )


def _developed(picture: Float, capture: Capture, unit: float, skin: Float) -> Float:
    """Tones made equal, contrast, saturation and sharpening, on encoded values in [0, 1]."""
    if capture.equalise > 0.02:
        grey = picture[..., 1]
        near = cv2.GaussianBlur(skin, (0, 0), 26 * unit) + np.float32(1e-3)  # of skin: else rims would glow
        low = cv2.GaussianBlur(grey * skin, (0, 0), 26 * unit) / near
        wide = float(np.sqrt(np.average((grey - low) ** 2, weights=skin + 1e-6))) + 1e-3
        flat = MIDDLE + (grey - low) * np.float32(SPREAD / wide)
        change = (np.float32(capture.equalise) * (flat - grey) * skin)[..., None]
        picture = picture + change
    picture = (picture - np.float32(MIDDLE)) * np.float32(capture.contrast) + np.float32(MIDDLE)
    if capture.grey:
        picture = picture[..., 1:2]
    else:
        grey = picture @ np.array([0.299, 0.587, 0.114], np.float32)
        picture = grey[..., None] + np.float32(capture.saturation / max(1.0, capture.contrast) ** 0.7) * (
            picture - grey[..., None]
        )
    if capture.sharpening > 0.05:
        soft = cv2.GaussianBlur(picture, (0, 0), 0.9 * unit).reshape(picture.shape)
        picture = picture + np.float32(capture.sharpening) * (picture - soft)
    return np.asarray(picture, np.float32)


def _store(picture: Float, capture: Capture, unit: float) -> NDArray[np.uint8]:
    rng = np.random.default_rng(capture.noise_seed)
    h, w, depth = picture.shape
    noise = rng.standard_normal((h, w, 1), np.float32)
    if capture.device in ("webcam", "phone_indoors"):  # demosaiced and smoothed: noise of more than one pixel
        noise = cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None] * np.float32(1.7)
    if depth == 3:
        grain = rng.standard_normal((h // 2 + 1, w // 2 + 1, 3), np.float32)
        noise = noise + np.float32(0.6) * cv2.resize(grain, (w, h), interpolation=cv2.INTER_LINEAR)
    if capture.lines > 0.2:
        noise = noise + (capture.lines / max(capture.noise, 0.2) * rng.standard_normal((1, w, 1), np.float32))
    bright = 0.7 + 0.5 * np.clip(picture.mean(axis=-1, keepdims=True), 0, 1)
    stored = np.clip(picture * 255 + np.float32(capture.noise) * noise * bright + 0.5, 0, 255).astype(
        np.uint8
    )
    stored = np.repeat(stored, 3, axis=-1) if depth == 1 else stored
    return _compress(np.ascontiguousarray(stored), capture.jpeg)


def _compress(picture: NDArray[np.uint8], quality: float) -> NDArray[np.uint8]:
    if quality > 97:
        return picture
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG: run `palmforge doctor`")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy()
