"""Tells from the files alone what is done, running, cut off or rejected, and which version is the newest."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from manifests.files.layout import CHECKSUMS, LATEST, MANIFEST
from manifests.files.locks import hold
from manifests.files.remote import RemoteError, files_below
from manifests.publish.mirror import newest
from manifests.recipe import Recipe
from tasks.versions.unchanged import PUBLISHED
from tasks.work.place import OWNER, Place

STALE = "stale work was cut off: the same command goes on with it"
ORDER = ("photos", "aligned", "checkpoints", "shards")  # then whatever else there is


@dataclass(frozen=True)
class StageStatus:
    """One folder of work. state: done, running, stale (cut off; the same command resumes it)."""

    stage: str
    digest: str
    state: str
    recipes: tuple[str, ...]  # that use it
    done: int  # shards, or 1 for a stage that is whole
    planned: int
    rejected: dict[str, int]  # reason: how many
    bytes: int


@dataclass(frozen=True)
class Status:
    """What a work folder holds, and for a recipe its versions."""

    work: str
    running: dict[str, int]  # recipe: id of the process that holds its lock, 0 when not of this machine
    stages: tuple[StageStatus, ...]
    versions: tuple[str, ...] = ()
    newest: str = ""
    hints: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"running  {name}: process {pid or 'unknown'}" for name, pid in self.running.items()]
        for s in self.stages:
            rejected = ", ".join(f"{number} {reason}" for reason, number in s.rejected.items())
            of = ", ".join(s.recipes) or "nobody"
            lines.append(
                f"{s.state:8} {s.stage:12} {s.digest}  {s.done} of {s.planned or '?'}"
                f"  {s.bytes / 2**20:8.1f} MiB  {of}" + (rejected and f"  rejected: {rejected}")
            )
        lines += [f"newest   {self.newest} of {len(self.versions)} versions"] if self.newest else []
        return "\n".join([*(lines or [f"{self.work}: nothing was built here yet"]), *self.hints])


def status(work: Path, recipe: Recipe | None = None) -> Status:
    """What `work` holds, of `recipe` alone when one is given; reads files, starts and changes nothing."""
    running = dict(_running(work))
    stages = tuple(
        s
        for path in _stages(work)
        if (s := _stage(path, set(running))) and (recipe is None or recipe.name in s.recipes)
    )
    if recipe:
        running = {name: pid for name, pid in running.items() if name == recipe.name}
    hints = [STALE] if any(s.state == "stale" for s in stages) else []
    versions, latest = tuple[str, ...](), ""
    try:
        versions, latest = _versions(recipe) if recipe else ((), "")
    except RemoteError as error:
        hints.append(f"its versions are not known: {error}")
    return Status(str(work), running, stages, versions, latest, tuple(hints))


def _running(work: Path) -> Iterator[tuple[str, int]]:
    """Recipes whose lock a process holds, with its id."""
    for file in sorted(work.glob("*.lock")):
        if _is_held(file):
            text = file.read_text(encoding="utf-8").strip()
            yield file.stem, int(text) if text.isdigit() and _lives(int(text)) else 0


def _is_held(file: Path) -> bool:
    """Whether a process holds the lock; asked of the kernel's list, to be in no starting run's way."""
    locks = Path("/proc/locks")
    if locks.exists():
        found = file.stat()
        name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        return any(name in line.split() for line in locks.read_text().splitlines())
    with file.open() as handle:
        try:
            hold(handle, shared=True)
        except BlockingIOError:
            return True
    return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stages(work: Path) -> list[Path]:
    found = [p for p in work.glob("*/*") if p.is_dir() and not p.name.startswith(".")]
    known = [
        p for p in found if p.parent.name != PUBLISHED and (any(p.glob(f"{OWNER}*")) or Place(p).is_done())
    ]
    place = {name: number for number, name in enumerate(ORDER)}
    return sorted(known, key=lambda p: (place.get(p.parent.name, len(ORDER)), p.parent.name, p.name))


def _stage(path: Path, running: set[str]) -> StageStatus:
    place, shards = Place(path), [p for p in path.iterdir() if p.name.startswith("identities-")]
    owners = tuple(sorted(p.name.removeprefix(OWNER) for p in path.glob(f"{OWNER}*")))
    planned = place.planned() if shards else 1
    done = sum(Place(p).is_done() for p in shards) if shards else int(place.is_done())
    whole = place.is_done() or bool(shards and done >= (planned or len(shards)))
    state = "done" if whole else "running" if running & set(owners) else "stale"
    size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return StageStatus(
        path.parent.name, path.name, state, owners, done, planned, _rejected(place, shards), size
    )


def _rejected(place: Place, shards: list[Path]) -> dict[str, int]:
    """Reasons with their numbers, as the stages' markers tell them."""
    sums: dict[str, int] = {}
    for part in [place, *map(Place, shards)]:
        reasons = part.facts().get("rejected", {})
        for reason, number in reasons.items() if isinstance(reasons, dict) else ():
            sums[reason] = sums.get(reason, 0) + int(number)
    return sums


def _versions(recipe: Recipe) -> tuple[tuple[str, ...], str]:
    """The complete versions where `out` says they are, and the one that LATEST names. Raises RemoteError."""
    if home := recipe.remote_home:
        whole = [n.removesuffix(f"/{CHECKSUMS}") for n in files_below(home) if n.endswith(f"/{CHECKSUMS}")]
        return tuple(sorted(n for n in whole if "/" not in n)), newest(home)
    found = (p.parent.name for p in recipe.home.glob(f"*/{MANIFEST}") if not p.parent.name.startswith("."))
    latest = recipe.home / LATEST
    return tuple(sorted(found)), latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
