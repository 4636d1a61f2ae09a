"""The exporter webdataset: tar archives that are read as a stream."""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version

TAR_IMAGES = 1000  # images in one archive: readers share archives out


class WebDataset(Writer):
    """SPLIT-000000.tar, …: KEY.png, KEY.cls with `split_label`, KEY.json with the row; and metadata.jsonl."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        self.metadata = self.text(METADATA)
        self.open: dict[str, tuple[tarfile.TarFile, int]] = {}  # split: its archive, images in the split

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split = row["split"]
        archive, count = self.open.get(split, (None, 0))
        if archive is None or count % TAR_IMAGES == 0:
            if archive:
                archive.close()
            name = self.folder / f"{split}-{count // TAR_IMAGES:06d}.tar"
            archive = tarfile.TarFile(name, "w", format=tarfile.USTAR_FORMAT)
            self.stack.enter_context(archive)
        self.open[split] = archive, count + 1
        key, suffix = row["sample_id"].replace(".", "-"), Path(row["file_name"]).suffix  # keys end at a dot
        for member, data in (
            (f"{key}{suffix}", image),
            (f"{key}.cls", str(row["split_label"]).encode()),
            (f"{key}.json", line(row).encode()),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        self.metadata.write(line(row))


class WebDatasetExporter(Exporter):
    """Writes tar archives that are read as a stream."""

    name = "webdataset"
    summary = "tar archives that are read as a stream"
    writes = WebDataset


WEBDATASET = WebDatasetExporter()
