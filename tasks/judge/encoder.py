"""Train the palm encoder on drawn palms alone, so that its weights carry nobody's biometrics."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from manifests.recipe import parse
from manifests.words import HANDS
from palm_models.measure.encoder import Encoder, EncoderConfig, to_grey
from palm_models.measure.palmnet import Training, train
from tasks.engines.registry import ENGINES

SHARES = {"atlas": 0.5, "renderer": 0.5}  # of the identities, by the engine that draws them
RENDERED = 128  # px, side of the views drawn, whatever the encoder looks at
log = logging.getLogger("palmforge")


def palms(
    name: str, seed: int, first: int, identities: int, captures: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grey palms (identities * captures, size, size) and labels, of an engine that draws without weights.

    A subject's hands are two identities.
    """
    engine = ENGINES.get(name)
    drawer, pictures = engine.load(parse({"name": "encoder", "engine": {"name": name}}), None), []
    for k in range(first, first + identities):
        at = seed, k // 2, HANDS[k % 2]
        shots = [engine.capture(*at, c, {}) for c in range(captures)]
        drawings = drawer.draw(engine.identity(*at, {}), shots, "palm", RENDERED)
        pictures.append(to_grey(np.stack([d.image for d in drawings]), size))
        if (k + 1 - first) % 100 == 0:
            log.info("%s: drew %d of %d identities", name, k + 1 - first, identities)
    return np.concatenate(pictures), np.repeat(np.arange(first, first + identities), captures)


def train_encoder(
    folder: Path, seed: int, identities: int, captures: int, plan: Training, config: EncoderConfig,
    start: Encoder | None = None,
) -> Encoder:  # fmt: skip
    """Draw (SHARES of the identities each), train, save the weights into `folder`, return the encoder.

    The training goes on from `start` where there is one.
    """
    drawn = [palms(n, seed, 0, int(identities * s), captures, config.size) for n, s in SHARES.items()]
    labels = [own + k * identities for k, (_, own) in enumerate(drawn)]
    codes = np.unique(np.concatenate(labels), return_inverse=True)[1]
    encoder = train(
        np.concatenate([pictures for pictures, _ in drawn]), codes, plan, config,
        lambda step, loss: log.info("step %d loss %.2f", step, loss), start,
    )  # fmt: skip
    log.info("wrote %s, sha256 %s", folder, encoder.save(folder))
    return encoder
