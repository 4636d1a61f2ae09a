"""The exporters by name: ours below, those of other packages through palmforge.exporters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifests.registry import Registry

if TYPE_CHECKING:
    from manifests.tools.exporters.exporter import Exporter

EXPORTERS: Registry[Exporter] = Registry(
    "palmforge.exporters",
    "exporter",
    {
        "imagefolder": "manifests.tools.exporters.imagefolder:IMAGEFOLDER",
        "webdataset": "manifests.tools.exporters.webdataset:WEBDATASET",
        "lmdb": "manifests.tools.exporters.lmdb:LMDB",
        "lance": "manifests.tools.exporters.lance:LANCE",
        "coco": "manifests.tools.exporters.coco:COCO",
        "csv": "manifests.tools.exporters.csv_folder:CSV",
    },
    "manifests.tools.exporters.exporter:Exporter",
)
