"""What both baselines share: seeds of their draws, their checkpoints, landmarks where none are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from manifests.words import HANDS, VIEWS, Hand, View
from palm_models import seeds
from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import (
    Write,
    open_checkpoint,
    read_tensors,
    write_checkpoint,
)
from palm_models.hand.capture import Capture
from palm_models.hand.frame import frame_matrix, transform
from palm_models.hand.identity import Identity
from palm_models.hand.skeleton import MEAN_HAND, Skeleton, landmarks

Spec = TypeVar("Spec")


def generator(identity: Identity | Capture) -> np.random.Generator:
    """The random numbers of one individual, or of one of its captures: a function of its counter alone."""
    capture = (identity.capture,) if isinstance(identity, Capture) else ()
    counter = identity.subject, HANDS.index(identity.hand), *capture
    return seeds.generator(identity.seed, seeds.Draw.BASELINE, *counter)


def typical_landmarks(hand: Hand, view: View, size: int) -> NDArray[np.float32]:
    """The landmarks (21, 2) px of an average hand in a view: where nothing better is known."""
    points = landmarks(Skeleton(MEAN_HAND, np.zeros((5, 4)))) * (-1.0 if hand == "left" else 1.0, 1.0)
    return transform(points, frame_matrix(points, view, size))


def save_baseline(
    folder: Path,
    engine: str,
    network: nn.Module,
    spec: Mapping[str, Any],
    view: View,
    training: Mapping[str, Any],
    write: Write,
) -> None:
    """Write a checkpoint that only `engine` reads; full precision, so that it draws as the network did."""
    config = {"engine": engine, "network": dict(spec), "view": view, "training": dict(training)}
    write_checkpoint(folder, network, config, None, write)


def load_baseline(folder: Path, engine: str, spec: type[Spec]) -> tuple[Spec, View, str]:
    """Shape of the network, view and digest of a checkpoint folder; `read_tensors` then reads its weights.

    Raises CheckpointError for another engine's checkpoint or one that is damaged.
    """
    config, digest = open_checkpoint(folder, engine)
    try:
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in config["network"].items()}
        view: View = config["view"]
        if view not in VIEWS:
            raise ValueError(f"view {view}")
        return spec(**values), view, digest
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{folder}: no config of {engine}: {error}; train again or copy it again"
        ) from error


def fill(network: nn.Module, folder: Path) -> nn.Module:
    """The network with the weights of a folder, ready to draw."""
    network.load_state_dict(read_tensors(folder, network), strict=True)
    return network.eval().requires_grad_(False)


def check_view(view: View, learned: View, engine: str) -> None:
    """Raise CheckpointError when an engine is asked for a view that it has not learned."""
    if view != learned:
        raise CheckpointError(
            f"this {engine} checkpoint learned view {learned} and draws no other: set dataset.views to "
            f'["{learned}"], or train one with dataset.views = ["{view}"]'
        )
