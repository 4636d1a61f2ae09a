"""The exporter imagefolder: a folder a split, a folder a class."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version


class ImageFolder:
    """SPLIT/CLASS/FILE, as torchvision and Hugging Face read it, with SPLIT/metadata.jsonl.

    The class is label and identity, so that sorted classes count as `split_label` does: 0, 1, 2, …
    """

    def __init__(self, folder: Path, stack: ExitStack, dataset: Version) -> None:
        self.folder, self.stack = folder, stack
        self.metadata: dict[str, TextIO] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split, name = row["split"], f"{row['label']:07d}-{row['identity_id']}"
        place = self.folder / split / name
        place.mkdir(parents=True, exist_ok=True)
        (place / row["file_name"]).write_bytes(image)
        if split not in self.metadata:
            file = (self.folder / split / METADATA).open("w", encoding="utf-8")
            self.metadata[split] = self.stack.enter_context(file)
        self.metadata[split].write(line(row, file_name=f"{name}/{row['file_name']}"))


class ImageFolderExporter(Exporter):
    """Writes folders that torchvision and Hugging Face read."""

    name = "imagefolder"
    summary = "folders that torchvision and Hugging Face read"

    def writer(self, folder: Path, stack: ExitStack, dataset: Version) -> Writer:
        """What writes it."""
        return ImageFolder(folder, stack, dataset)


IMAGEFOLDER = ImageFolderExporter()
