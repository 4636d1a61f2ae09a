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


class CsvFolder:
    """VIEW/SPLIT/FILE and VIEW/SPLIT.csv, paths from where the list lies; and metadata.jsonl."""

    def __init__(self, folder: Path, stack: ExitStack, dataset: Version) -> None:
        self.folder, self.stack = folder, stack
        self.metadata = stack.enter_context((folder / METADATA).open("w", encoding="utf-8"))
        self.lists: dict[Path, Any] = {}

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        place = self.folder / row["view"] / row["split"]
        if place not in self.lists:
            place.mkdir(parents=True)
            file = place.with_suffix(".csv").open("w", encoding="utf-8", newline="")
            self.lists[place] = csv.writer(self.stack.enter_context(file), lineterminator="\n")
            self.lists[place].writerow(COLUMNS)
        (place / row["file_name"]).write_bytes(image)
        name = f"{row['split']}/{row['file_name']}"
        self.lists[place].writerow([name, row["identity_id"], row.get(SESSION), row.get(DEVICE)])
        self.metadata.write(line(row))


class CsvExporter(Exporter):
    """Writes folders of pictures with a list, as the public code of palm recognisers reads them."""

    name = "csv"
    summary = "folders of pictures, and lists with path, id, session and device"

    def writer(self, folder: Path, stack: ExitStack, dataset: Version) -> Writer:
        """What writes it."""
        return CsvFolder(folder, stack, dataset)


CSV = CsvExporter()
