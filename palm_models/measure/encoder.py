"""The palm encoder: a small margin-loss recogniser that turns a palm into a unit vector, without torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from manifests.words import PalmforgeError

WEIGHTS, CONFIG = "encoder.safetensors", "encoder.json"
MEND = "it comes with palmforge: install palmforge again, or bring the file back with `git checkout`"
EPSILON = 1e-5  # of batch normalisation, as torch has it

Floats = NDArray[np.float32]


class EncoderError(PalmforgeError):
    """The encoder cannot be read, or not be trained on what it was given; the message says what to do."""


@dataclass(frozen=True)
class EncoderConfig:
    """Everything needed to rebuild the network around its weights."""

    size: int = 128  # px, side of the grey picture it looks at
    width: int = 32  # channels of the first stage; the later ones have twice and four times as many
    dim: int = 192  # length of the embedding


def to_grey(pictures: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) RGB or (n, h, w) grey, uint8 -> (n, size, size) grey."""

    def one(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        if grey.shape != (size, size):
            grey = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(grey, np.uint8)

    return np.stack([one(p) for p in pictures]) if len(pictures) else np.empty((0, size, size), np.uint8)


@dataclass(frozen=True)
class _Layer:
    """A convolution or a product with the batch normalisation after it folded in."""

    kernel: Floats  # (outputs, inputs * side²)
    bias: Floats  # (outputs, 1)
    side: int = 1
    stride: int = 1

    def __call__(self, x: Floats) -> Floats:
        """(inputs, h, w) -> (outputs, h / stride, w / stride)."""
        pad = self.side // 2
        padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (self.side, self.side), (1, 2))
        windows = windows[:, :: self.stride, :: self.stride]
        height, width = windows.shape[1:3]
        columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, height * width)
        return (self.kernel @ columns + self.bias).reshape(-1, height, width)


@dataclass(frozen=True)
class Encoder:
    """A trained network (`palmnet.PalmNet`): its weights by torch's names, and its configuration."""

    weights: Mapping[str, NDArray[Any]]
    config: EncoderConfig

    def embed(self, pictures: NDArray[np.uint8]) -> Floats:
        """Pictures (n, h, w, 3) RGB or (n, h, w) grey, uint8 -> unit vectors (n, dim).

        Each picture goes through alone, so that no other changes its bits.
        """
        out = [np.empty((0, self.config.dim), np.float32)]
        out += [self._vector(grey)[None] for grey in to_grey(pictures, self.config.size)]
        return np.concatenate(out)

    def _vector(self, grey: NDArray[np.uint8]) -> Floats:
        """PalmNet.forward of one picture; a test holds the two together."""
        x = grey.astype(np.float32) / np.float32(255)
        x = (x - x.mean()) / (x.std(ddof=1) + np.float32(0.02))
        half = self.config.size // 2
        x = x.reshape(half, 2, half, 2).transpose(1, 3, 0, 2).reshape(4, half, half)  # pixels unshuffled
        for layers in self._body:
            inner = x
            for layer in layers[:-1]:
                inner = np.maximum(layer(inner), 0)
            inner = layers[-1](inner)
            x = np.maximum(inner + x if len(layers) > 1 else inner, 0)  # two layers: a residual
        vector = (self._head.kernel @ x.reshape(-1, 1) + self._head.bias)[:, 0]
        return vector / max(np.linalg.norm(vector), np.float32(1e-12))

    @cached_property
    def _body(self) -> tuple[tuple[_Layer, ...], ...]:
        def residual(at: int) -> tuple[_Layer, ...]:
            inside = f"body.{at}.body"
            return self._layer(f"{inside}.0.0", f"{inside}.0.1"), self._layer(f"{inside}.1", f"{inside}.2")

        def plain(at: int, stride: int) -> tuple[_Layer, ...]:
            return (self._layer(f"body.{at}.0", f"body.{at}.1", stride),)

        return plain(1, 2), plain(2, 2), residual(3), plain(4, 2), residual(5), plain(6, 1)

    @cached_property
    def _head(self) -> _Layer:
        return self._layer("head.2", "head.3")

    def _layer(self, name: str, norm: str, stride: int = 1) -> _Layer:
        """The layer `name` followed by the batch normalisation `norm`."""
        w = self.weights
        kernel = w[f"{name}.weight"]
        gain = w[f"{norm}.weight"] / np.sqrt(w[f"{norm}.running_var"] + EPSILON)
        bias = w[f"{norm}.bias"] + (w.get(f"{name}.bias", np.float32(0)) - w[f"{norm}.running_mean"]) * gain
        flat = (kernel.reshape(len(kernel), -1) * gain[:, None]).astype(np.float32)
        return _Layer(
            flat, bias.astype(np.float32)[:, None], kernel.shape[-1] if kernel.ndim == 4 else 1, stride
        )

    def save(self, folder: Path) -> str:
        """Write weights and configuration into `folder`; returns the sha256 of the weights."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: np.ascontiguousarray(v) for k, v in self.weights.items()}, folder / WEIGHTS)
        digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
        text = json.dumps({**asdict(self.config), "sha256": digest}, indent=2)
        (folder / CONFIG).write_text(text + "\n")
        return digest

    @classmethod
    def load(cls, folder: Path) -> "Encoder":
        """Read what `save` wrote. Raises EncoderError naming the file."""
        digest, config = _described(folder)
        if not (folder / WEIGHTS).is_file():
            raise EncoderError(f"{folder / WEIGHTS} is missing: {MEND}")
        if hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest() != digest:
            raise EncoderError(f"{folder / WEIGHTS} does not match {CONFIG}: {MEND}")
        return cls(load_file(folder / WEIGHTS), config)


def weights_digest(folder: Path) -> str:
    """The sha256 that names the encoder's weights in `folder`. Raises EncoderError naming the file."""
    return _described(folder)[0]


def _described(folder: Path) -> tuple[str, EncoderConfig]:
    """The sha256 of the weights and the network they fit, as `save` wrote them."""
    try:
        stored = json.loads((folder / CONFIG).read_text())
        return str(stored.pop("sha256")), EncoderConfig(**stored)
    except FileNotFoundError:
        raise EncoderError(f"{folder / CONFIG} is missing: {MEND}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise EncoderError(f"{folder / CONFIG} is damaged: {MEND}") from None
