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

        return fit(self.make(), grey, labels, settings, seed, folder, say)


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

    def learn(
        self, grey: NDArray[np.uint8], labels: NDArray[np.int64], settings: Settings, seed: int,
        folder: Path, say: Say,
    ) -> Learned:  # fmt: skip
        """Its vectors' length is asked of it first."""
        import torch

        with torch.inference_mode():
            found = self.make()(settings).eval()(torch.zeros(2, 1, settings.size, settings.size))
        if found.ndim != 2:
            raise RecogniserError(f"{self.name}: gives {tuple(found.shape)} for two palms, wanted (2, dim)")
        return super().learn(grey, labels, replace(settings, dim=found.shape[1]), seed, folder, say)


PALMNET = ArcFaceRecogniser(
    "palmnet", "our small one, the network of the shipped encoder", "palmforge", "palmnet", Settings()
)
COMPNET = ArcFaceRecogniser(
    "compnet", "learned Gabor filters that compete", "in the manner of Liang et al., IEEE SPL 2021 (CompNet)",
    "competition", Settings(dim=256),
)  # fmt: skip
MOBILEFACENET = ArcFaceRecogniser(
    "mobilefacenet", "MobileFaceNet with ArcFace", "Chen et al., CCBR 2018", "mobilefacenet",
    Settings(width=64, dim=128),
)  # fmt: skip
RESNET18 = ArcFaceRecogniser(
    "resnet18", "ResNet-18 with ArcFace", "He et al., CVPR 2016; Deng et al., CVPR 2019", "resnet18",
    Settings(width=64, dim=256),
)  # fmt: skip
