"""The exporter imagefolder: a folder a split, a folder a class."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version


class ImageFolder(Writer):
    """SPLIT/CLASS/FILE, as torchvision and Hugging Face read it, with SPLIT/metadata.jsonl.

    The class is label and identity, so that sorted classes count as `split_label` does: 0, 1, 2, …
    """

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        self.metadata: dict[str, TextIO] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split, name = row["split"], f"{row['label']:07d}-{row['identity_id']}"
        place = self.folder / split / name
        place.mkdir(parents=True, exist_ok=True)
        (place / row["file_name"]).write_bytes(image)
        if split not in self.metadata:
            self.metadata[split] = self.text(f"{split}/{METADATA}")
        self.metadata[split].write(line(row, file_name=f"{name}/{row['file_name']}"))


class ImageFolderExporter(Exporter):
    """Writes folders that torchvision and Hugging Face read."""

    name = "imagefolder"
    summary = "folders that torchvision and Hugging Face read"
    writes = ImageFolder


IMAGEFOLDER = ImageFolderExporter()
