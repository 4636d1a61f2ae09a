"""Stage: a step's declaration of all that determines its result; its digest is made of this."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.files.layout import file_sha256
from tasks.work.closure import HERE, Tree
from tasks.work.digest import digest_of
from tasks.work.place import Place, Work

if TYPE_CHECKING:
    from manifests.recipe import Recipe


@dataclass(frozen=True)
class Done:
    """What a step leaves behind: where, named by which digest, with which facts for the report."""

    path: Path
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """What the step called `name` reads under one recipe; equal digests, equal results.

    options: of the recipe, by their dotted names or whole sections; those whose field says that they change
    nothing are left out. code: modules, of which everything they import counts; alone: modules that count
    without what they import. data: files and folders
    beside the code, from the root of the repository. files: the recipe's own, by content. given: all else,
    JSON-able: digests of the stages before it, listings of what is too large to be read.
    """

    name: str
    recipe: Recipe | None
    options: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def digest(self, tree: Tree = HERE) -> str:
        """Sixteen hex digits. Raises OSError for a file that cannot be read."""
        return digest_of(
            self.name,
            {name: self.recipe.option(name) for name in self.options} if self.recipe else {},
            tree.digest(*self.code),
            [tree.source(module).sha256 for module in self.alone],
            [(name, tree.content(name)) for name in sorted(self._data(tree))],
            [file_sha256(file) for file in self.files],
            self.given,
        )

    def _data(self, tree: Tree) -> list[str]:
        paths = [file for name in self.data for file in ((tree.root / name).rglob("*") or [tree.root / name])]
        paths += [tree.root / name for name in self.data]
        return [str(path.relative_to(tree.root)) for path in set(paths) if path.is_file()]

    def place(self, work: Work | None = None) -> Place:
        """Where its work lies, or will: in `work`, else in the work folder of its recipe."""
        if work is None:
            assert self.recipe is not None
            work = Work.of(self.recipe)
        return work.place(self.name, self.digest())


def once(place: Place, run: Callable[[], Mapping[str, Any]], *files: str) -> Done:
    """Run the step of a place unless its marker says that it is whole; the marker is written last."""
    if not place.is_whole():
        began = time.monotonic()
        facts = dict(run())
        place.finish(
            [place.path / name for name in files], {**facts, "seconds": round(time.monotonic() - began, 1)}
        )
    return Done(place.path, place.path.name, place.facts())
