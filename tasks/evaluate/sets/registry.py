"""The test sets by name: ours below, those of other packages through the entry point palmforge.testsets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from manifests.registry import Registry
from tasks.evaluate.sets.kind import TestSet
from tasks.photographs.sources.found import SourceError

NAMED = "tasks.evaluate.sets.patterns"
TESTSETS: Registry[TestSet] = Registry(
    "palmforge.testsets",
    "test set",
    {
        "folder": "tasks.evaluate.sets.folder:FOLDER",
        "tongji": f"{NAMED}:TONGJI",
        "iitd": f"{NAMED}:IITD",
        "casia-ms": f"{NAMED}:CASIA_MS",
        "polyu-ms": f"{NAMED}:POLYU_MS",
        "coep": f"{NAMED}:COEP",
        "11k": "tasks.evaluate.sets.hands_11k:HANDS_11K",
        "mpdv2": f"{NAMED}:MPD_V2",
        "xjtu-up": f"{NAMED}:XJTU_UP",
    },
    "tasks.evaluate.sets.kind:TestSet",
)


@dataclass(frozen=True)
class Named:
    """What `tongji:DIR` or `casia-ms@460:DIR` says; a bare path is a set of one's own."""

    set: str
    device: str  # only pictures of this one; "" = all
    path: Path


def parse_set(text: str) -> Named:
    """Read NAME:DIR, NAME@DEVICE:DIR or a bare path. Raises SourceError for a name that nobody brings."""
    head, colon, path = text.partition(":")
    if not colon or Path(text).exists() or "/" in head:
        return Named("folder", "", Path(text).expanduser())
    name, _, device = head.partition("@")
    if name not in TESTSETS:
        raise SourceError("no_such_set", f"{TESTSETS.unknown(name)}; or give a folder or CSV that exists")
    return Named(name, device, Path(path).expanduser())
