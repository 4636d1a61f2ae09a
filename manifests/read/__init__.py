"""Reading: a published version opened, chosen from, and fed to a training job."""

from typing import TYPE_CHECKING, Any

from manifests.extras import naming_extras
from manifests.read.open import DatasetError, Version, open_dataset

if TYPE_CHECKING:
    from manifests.read.dataset import PalmDataset
    from manifests.read.stream import PalmStream

__all__ = ["DatasetError", "PalmDataset", "PalmStream", "Version", "open_dataset"]


def __getattr__(name: str) -> Any:
    # Loaded when they are asked for: who only opens a version starts at once, and without torch.
    if name == "PalmDataset":
        from manifests.read.dataset import PalmDataset

        return PalmDataset
    if name == "PalmStream":
        with naming_extras():
            from manifests.read.stream import PalmStream

        return PalmStream
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
