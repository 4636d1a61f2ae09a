"""The work folder: finished stages, named by digests of all that determined them, marked done last."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from manifests.layout import atomic_write

MARKER = "DONE.json"


def digest_of(*parts: object) -> str:
    """Sixteen hex digits that name `parts` (JSON-able): equal parts, equal name, whatever their key order."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def code_digest(*packages: str) -> str:
    """Names the source code of top-level packages or single modules ("palm_models", "tasks/generate.py")."""
    root = Path(__file__).resolve().parent.parent
    names = sorted(p for package in packages for p in ((root / package).rglob("*.py") or [root / package]))
    names += [root / p for p in packages if p.endswith(".py")]
    return digest_of([(str(p.relative_to(root)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in names])


@dataclass(frozen=True)
class Stage:
    """One folder of finished or half-finished work; `path` exists, its marker only when the work is whole."""

    path: Path

    def is_done(self) -> bool:
        """True when the marker is there and every file it names still has the size it had."""
        return bool(self.info()) and all(
            (self.path / name).is_file() and (self.path / name).stat().st_size == size
            for name, size in self.info()["files"].items()
        )

    def info(self) -> dict[str, Any]:
        """What `finish` recorded, or nothing when the stage is not done or its marker is unreadable."""
        try:
            info = json.loads((self.path / MARKER).read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return info if isinstance(info, dict) and isinstance(info.get("files"), dict) else {}

    def finish(self, files: Iterable[Path], facts: Mapping[str, Any] | None = None) -> None:
        """Write the marker, last: `files` lie under `path` and are already on disk."""
        sizes = {str(f.relative_to(self.path)): f.stat().st_size for f in files}
        marker = {"files": sizes, "facts": dict(facts or {})}
        atomic_write(self.path / MARKER, json.dumps(marker, indent=1, sort_keys=True).encode())

    def facts(self) -> dict[str, Any]:
        """The facts that `finish` was given."""
        return dict(self.info().get("facts", {}))


@dataclass(frozen=True)
class Work:
    """The root of the work folder; safe to delete as a whole, all of it can be made again."""

    root: Path

    def stage(self, name: str, digest: str) -> Stage:
        """The folder of stage `name` for work named `digest`; created when missing.

        Raises OSError, naming the folder, when it cannot be written.
        """
        path = self.root / name / digest
        path.mkdir(parents=True, exist_ok=True)
        return Stage(path)
