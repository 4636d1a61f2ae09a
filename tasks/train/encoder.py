"""Train the palm encoder on palms of the renderer alone, so that its weights carry nobody's biometrics."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from manifests.words import HANDS
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.measure.encoder import Encoder, EncoderConfig, Training, to_grey, train

RENDERED = 128  # px, side of the views drawn, whatever the encoder looks at
log = logging.getLogger("palmforge")


def palms(
    seed: int, first: int, identities: int, captures: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grey palms (identities * captures, size, size) and labels; a subject's hands are two identities."""
    engine, pictures = RendererEngine(), []
    for k in range(first, first + identities):
        subject, hand = k // 2, HANDS[k % 2]
        shots = [make_capture(seed, subject, hand, c) for c in range(captures)]
        drawings = engine.draw(make_identity(seed, subject, hand), shots, "palm", RENDERED)
        pictures.append(to_grey(np.stack([d.image for d in drawings]), size))
        if (k + 1 - first) % 100 == 0:
            log.info("rendered %d of %d identities", k + 1 - first, identities)
    return np.concatenate(pictures), np.repeat(np.arange(first, first + identities), captures)


def train_encoder(
    folder: Path, seed: int, identities: int, captures: int, plan: Training, config: EncoderConfig
) -> Encoder:
    """Render, train, save the weights into `folder`, and return the encoder."""
    pictures, labels = palms(seed, 0, identities, captures, config.size)
    encoder = train(
        pictures, labels, plan, config, lambda step, loss: log.info("step %d loss %.2f", step, loss)
    )
    log.info("wrote %s, sha256 %s", folder, encoder.save(folder))
    return encoder
