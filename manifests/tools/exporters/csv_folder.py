"""The exporter csv: plain folders of pictures and a list with path, id, session and device."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version

COLUMNS = ("path", "id", "session", "device")
SESSION, DEVICE = "capture_session", "capture_device"  # of engines that know them; else the cells are empty


class CsvFolder(Writer):
    """VIEW/SPLIT/FILE and VIEW/SPLIT.csv, paths from where the list lies; and metadata.jsonl."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        self.metadata = self.text(METADATA)
        self.lists: dict[Path, Any] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        place = self.folder / row["view"] / row["split"]
        if place not in self.lists:
            place.mkdir(parents=True)
            file = self.text(f"{row['view']}/{row['split']}.csv", newline="")
            self.lists[place] = csv.writer(file, lineterminator="\n")
            self.lists[place].writerow(COLUMNS)
        (place / row["file_name"]).write_bytes(image)
        name = f"{row['split']}/{row['file_name']}"
        self.lists[place].writerow([name, row["identity_id"], row.get(SESSION), row.get(DEVICE)])
        self.metadata.write(line(row))


class CsvExporter(Exporter):
    """Writes folders of pictures with a list, as the public code of palm recognisers reads them."""

    name = "csv"
    summary = "folders of pictures, and lists with path, id, session and device"
    writes = CsvFolder


CSV = CsvExporter()
