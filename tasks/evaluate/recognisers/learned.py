"""The recognisers that learn with ArcFace, ours and a network of the user's own."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.recognisers.kind import Learned, Recogniser, RecogniserError, Say, Settings


class ArcFaceRecogniser(Recogniser):
    """A network of `tasks.evaluate.recognisers.networks`, trained with an additive angular margin."""

    tunes = True
    requires = ("torch", "pytorch_metric_learning")

    def __init__(self, name: str, summary: str, source: str, network: str, settings: Settings) -> None:
        self.name, self.summary, self.source = name, summary, source  # type: ignore[misc]
        self.network, self.settings = network, settings  # type: ignore[misc]

    def make(self) -> Callable[[Settings], Any]:
        """The network's maker, loaded when it is needed: torch takes seconds."""
        made: Callable[[Settings], Any] = getattr(
            import_module("tasks.evaluate.recognisers.networks"), self.network
        )
        return made

    def learn(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say,
    ) -> Learned:  # fmt: skip
        """Train, or read what is kept."""
        from tasks.evaluate.recognisers.training import fit  # costly: torch

        return fit(self.make(), grey, labels, self.fitted(settings), seed, folder, say)

    def tune(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say, start: Path,
    ) -> Learned:  # fmt: skip
        """Train on from the weights that `start` keeps."""
        from tasks.evaluate.recognisers.training import fit  # costly: torch

        return fit(self.make(), grey, labels, self.fitted(settings), seed, folder, say, start)

    def fitted(self, settings: Settings) -> Settings:
        """The settings as the network needs them."""
        return settings


class OwnRecogniser(ArcFaceRecogniser):
    """`module:factory`: factory(size) gives a torch module that turns (n, 1, size, size) into (n, dim)."""

    def __init__(self, place: str) -> None:
        super().__init__(place, "your own network", place, "", Settings())

    def make(self) -> Callable[[Settings], Any]:
        """Import the factory, from the current folder too. Raises RecogniserError."""
        module, _, name = self.name.partition(":")
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            factory = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise RecogniserError(
                f"{self.name}: cannot be loaded: {error}; give module:factory, where factory(size) returns a "
                "torch.nn.Module that turns (n, 1, size, size) into (n, dim)"
            ) from None
        return lambda settings: factory(settings.size)

    def fitted(self, settings: Settings) -> Settings:
        """Its vectors' length is asked of it first."""
        import torch

        with torch.inference_mode():
            found = self.make()(settings).eval()(torch.zeros(2, 1, settings.size, settings.size))
        if found.ndim != 2:
            raise RecogniserError(f"{self.name}: gives {tuple(found.shape)} for two palms, wanted (2, dim)")
        return replace(settings, dim=found.shape[1])


PALMNET = ArcFaceRecogniser(
    "palmnet", "our small one, the network of the shipped encoder", "palmforge", "palmnet", Settings()
)
COMPNET = ArcFaceRecogniser(
    "compnet", "learned Gabor filters that compete", "in the manner of Liang et al., IEEE SPL 2021 (CompNet)",
    "competition", Settings(dim=256),
)  # fmt: skip
MOBILEFACENET = ArcFaceRecogniser(
    "mobilefacenet", "MobileFaceNet, half as wide, with ArcFace", "Chen et al., CCBR 2018", "mobilefacenet",
    Settings(width=32, dim=128, steps=800),
)  # fmt: skip
RESNET18 = ArcFaceRecogniser(
    "resnet18", "ResNet-18, half as wide, with ArcFace", "He et al., CVPR 2016; Deng et al., CVPR 2019",
    "resnet18", Settings(width=32, dim=256, steps=800),
)  # fmt: skip
