"""Recogniser: what learns from labelled palms, and Matcher: what then says how alike two palms are."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from manifests.registry import Part
from manifests.words import PalmforgeError

Scores = NDArray[np.float32]
Say = Callable[[str], None]


class RecogniserError(PalmforgeError):
    """A recogniser that cannot be had or be set so; the message says what there is."""


@dataclass(frozen=True)
class Settings:
    """What a recogniser is made and trained with; equal settings, palms and seed give equal weights."""

    size: int = 112  # px, side of the grey palms, 64 to 224
    width: int = 16  # channels of the network's first stage
    dim: int = 192  # length of the vector
    batch: int = 64
    steps: int = 1200  # at the level learning rate, at most; it stops earlier when it has converged
    least: int = 300  # steps before it may stop
    every: int = 100  # steps between looks at the identities that are kept out of the training
    patience: int = 3  # looks without gain, then the learning rate descends to 0 (Hägele et al. 2024)
    gain: float = 0.03  # share of the validation error that counts as one
    descent: float = 0.4  # steps of the descent, as a share of those before it
    warmup: int = 60  # steps
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    margin: float = 0.3  # radians, additive angular margin (ArcFace, Deng et al. 2019)
    scale: float = 24.0  # of the cosines
    validation: float = 0.1  # share of the identities that are only looked at
    augment: bool = True
    tuning: float = 0.25  # share of the learning rate when it goes on from weights learned elsewhere

    def changed(self, name: str, value: str) -> "Settings":
        """One setting from its text, `width` = `32`. Raises RecogniserError."""
        kinds = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        if name not in kinds:
            raise RecogniserError(f"recognisers have no setting {name!r}; there are {', '.join(kinds)}")
        try:
            kind = kinds[name]
            new: Any = {"true": True, "false": False}[value.lower()] if kind is bool else kind(value)
        except (ValueError, KeyError):
            raise RecogniserError(f"{name}={value}: not a {kinds[name].__name__}") from None
        return replace(self, **{name: new})


class Matcher(Protocol):
    """A trained recogniser."""

    def templates(self, grey: NDArray[np.uint8]) -> NDArray[Any]:
        """Palms (n, size, size) -> what is kept of each (n, …)."""

    def pairs(self, templates: NDArray[Any], a: NDArray[np.int64], b: NDArray[np.int64]) -> Scores:
        """Similarity (k,) of the templates at places `a` to those at places `b`; larger is more alike."""

    def matrix(self, first: NDArray[Any], second: NDArray[Any]) -> Scores:
        """Similarity (n, m) of each of the first to each of the second."""


@dataclass(frozen=True)
class Learned:
    """A matcher, and how its training went, JSON-able: converged, steps, trace of (step, loss, EER)."""

    matcher: Matcher
    facts: dict[str, Any] = field(default_factory=dict)


class Recogniser(Part, ABC):
    """One kind of recogniser, stateless; plug-ins subclass it (entry point palmforge.recognisers)."""

    learns: ClassVar[bool] = True  # False: it needs no palms, and is the same whatever it is given
    tunes: ClassVar[bool] = False  # it can go on from weights that it learned elsewhere
    source: ClassVar[str]  # who proposed it
    settings: ClassVar[Settings] = Settings()

    def check(self, settings: Settings) -> None:
        """Raise RecogniserError when it cannot be made so."""
        if not 64 <= settings.size <= 224 or settings.size % 16:
            raise RecogniserError(f"{self.name}: size={settings.size}: a multiple of 16 from 64 to 224")

    @abstractmethod
    def learn(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say,
    ) -> Learned:  # fmt: skip
        """Learn from palms (n, size, size) of identities 0 … m - 1.

        `folder` keeps weights and half-done work: what it holds already is not learned again. `say` hears a
        line at each look.
        """

    def tune(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say, start: Path,
    ) -> Learned:  # fmt: skip
        """As `learn`, from what the folder `start` keeps; only asked of a recogniser that `tunes`."""
        raise RecogniserError(f"{self.name} cannot go on from weights that it learned elsewhere")


class Vectors:
    """Matches unit vectors (n, dim) by their cosine."""

    def __init__(self, embed: Callable[[NDArray[np.uint8]], Scores]) -> None:
        self.embed = embed

    def templates(self, grey: NDArray[np.uint8]) -> Scores:
        """The vectors of the network."""
        return self.embed(grey)

    def pairs(self, templates: Scores, a: NDArray[np.int64], b: NDArray[np.int64]) -> Scores:
        """Cosines, some at a time."""
        out = np.empty(len(a), np.float32)
        for k in range(0, len(a), 65_536):
            part = slice(k, k + 65_536)
            out[part] = np.einsum("kd,kd->k", templates[a[part]], templates[b[part]])
        return out

    def matrix(self, first: Scores, second: Scores) -> Scores:
        """Cosines."""
        return np.asarray(first @ second.T)
