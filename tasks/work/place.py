"""The work folder: a place for each piece of work, named by the digest of its stage, marked done last."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.files.advice import named
from manifests.files.layout import atomic_write, explain_write_errors, file_sha256

if TYPE_CHECKING:
    from manifests.recipe import Recipe

MARKER = "DONE.json"
PLAN = "PLAN.json"  # how many parts a place is to have, for those who watch it
OWNER = ".of-"  # prefix of empty files that name the recipes which use a place
log = logging.getLogger("palmforge")


@dataclass(frozen=True)
class Place:
    """One folder of finished or half-finished work; `path` exists, its marker only when the work is whole."""

    path: Path

    def is_done(self) -> bool:
        """True when the marker is there and every file it names still has the size it had."""
        info = self.info()
        return bool(info) and all(
            (self.path / name).is_file() and (self.path / name).stat().st_size == size
            for name, (size, _) in info["files"].items()
        )

    def is_whole(self) -> bool:
        """True when it is done and every byte is still what it was: rereads and rehashes the files.

        A place that is not is marked undone, so that its work is done again.
        """
        done = self.is_done()
        for name, (_, sha256) in self.info()["files"].items() if done else ():
            if file_sha256(self.path / name) != sha256:
                log.warning("%s: changed since it was made; it is made again", self.path / name)
                (self.path / MARKER).unlink()
                return False
        return done

    def info(self) -> dict[str, Any]:
        """What `finish` recorded, or nothing when it is not done or its marker is unreadable."""
        try:
            with named(self.path / MARKER):
                info = json.loads((self.path / MARKER).read_bytes())
            names = {name: (int(size), str(sha256)) for name, (size, sha256) in info["files"].items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return {}  # none, or torn by a power cut
        return {**info, "files": names}

    def finish(self, files: Iterable[Path], facts: Mapping[str, Any] | None = None) -> None:
        """Write the marker, last: `files` lie under `path` and are already on disk."""
        names = {str(f.relative_to(self.path)): (f.stat().st_size, file_sha256(f)) for f in files}
        marker = {"files": names, "facts": dict(facts or {})}
        atomic_write(self.path / MARKER, json.dumps(marker, indent=1, sort_keys=True).encode())

    def plan(self, parts: int) -> None:
        """Note, before the work, how many shards it is to have."""
        atomic_write(self.path / PLAN, json.dumps({"shards": parts}).encode())

    def planned(self) -> int:
        """How many shards it is to have; 0 when nobody said."""
        try:
            return int(json.loads((self.path / PLAN).read_bytes())["shards"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return 0

    def facts(self) -> dict[str, Any]:
        """The facts that `finish` was given."""
        return dict(self.info().get("facts", {}))


@dataclass(frozen=True)
class Work:
    """The root of the work folder; safe to delete as a whole, all of it can be made again."""

    root: Path
    owner: str = ""  # the recipe's name: places remember who needs them, so that old ones can be tidied away

    @classmethod
    def of(cls, recipe: Recipe) -> Work:
        """The work folder of a recipe."""
        return cls(Path(recipe.work), recipe.name)

    def place(self, name: str, digest: str) -> Place:
        """The place of stage `name` for work named `digest`; created when missing.

        Raises PublishError, naming the folder, when it cannot be written.
        """
        path = self.root / name / digest
        with explain_write_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            if self.owner:
                (path / f"{OWNER}{self.owner}").touch()
        return Place(path)
