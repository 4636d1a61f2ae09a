"""Exporter: one format that other libraries read, and what writes it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from manifests.extras import installed
from manifests.registry import Part
from manifests.words import VIEWS, View

if TYPE_CHECKING:
    from manifests.read.open import Version

Row = Mapping[str, Any]
METADATA = "metadata.jsonl"


class Writer(ABC):
    """Takes the rows of a manifest in its order, each with its image as it is published."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        """Writes all images of `version` into the empty `folder`; what it opens, `stack` closes."""
        self.folder, self.stack = folder, stack

    @abstractmethod
    def add(self, row: Row, image: bytes) -> None:
        """One more image."""

    def end(self) -> None:  # noqa: B027  # most have written everything by then
        """There is no further one."""

    def text(self, name: str, newline: str | None = None) -> TextIO:
        """A new text file of the folder, open until all is written."""
        return self.stack.enter_context((self.folder / name).open("w", encoding="utf-8", newline=newline))


class Exporter(Part):
    """One format, stateless; plug-ins subclass it (entry point palmforge.exporters)."""

    views: ClassVar[tuple[View, ...]] = VIEWS  # of which it writes images; the others are left out
    writes: ClassVar[type[Writer]]

    def writer(self, folder: Path, stack: ExitStack, version: Version) -> Writer:
        """What writes one version. Raises MissingExtraError when a library of the format is not installed."""
        installed(*self.requires)
        return self.writes(folder, stack, version)


def line(row: Row, **more: Any) -> str:
    """A row as a line of JSON, with `more` before it."""
    return json.dumps({**more, **row, **more}, ensure_ascii=False) + "\n"
