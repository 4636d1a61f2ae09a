"""Exporter: one format that other libraries read, and what writes it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from manifests.registry import Part
from manifests.words import VIEWS, View

if TYPE_CHECKING:
    from manifests.read.open import Version

Row = Mapping[str, Any]
METADATA = "metadata.jsonl"


class Writer(Protocol):
    """Takes the rows of a manifest in its order, each with its image as it is published."""

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        ...


class Exporter(Part, ABC):
    """One format, stateless; plug-ins subclass it (entry point palmforge.exporters)."""

    views: ClassVar[tuple[View, ...]] = VIEWS  # of which it writes images; the others are left out

    @abstractmethod
    def writer(self, folder: Path, stack: ExitStack, dataset: Version) -> Writer:
        """What writes all images of `dataset` into the empty `folder`; what it opens, `stack` closes."""


def line(row: Row, **more: Any) -> str:
    """A row as a line of JSON, with `more` before it."""
    return json.dumps({**more, **row, **more}, ensure_ascii=False) + "\n"
