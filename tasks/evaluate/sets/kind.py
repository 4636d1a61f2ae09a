"""TestSet: all that an evaluation must know of one published set of palms in one object."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from manifests.registry import Part
from tasks.photographs.sources.folder import below
from tasks.photographs.sources.found import SourceError
from tasks.work.logs import log

PICTURES = (".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


@dataclass(frozen=True)
class Shot:
    """One picture of a known hand; what a set does not tell is empty."""

    path: Path
    subject: str  # a person, or a palm where the set names no persons
    hand: str = ""  # left, right
    session: str = ""
    device: str = ""  # a camera, a light or a spectrum: what within a set changes how a palm looks

    @property
    def label(self) -> str:
        """The identity: one hand."""
        return f"{self.subject} {self.hand}".strip()


@dataclass(frozen=True)
class Listed:
    """The pictures of a set, in stable order, and what is said of its completeness."""

    shots: list[Shot]
    note: str = ""


class TestSet(Part, ABC):
    """One set, stateless; plug-ins subclass it (entry point palmforge.testsets)."""

    __test__ = False  # no test of pytest's
    form: ClassVar[str]  # what is looked for below its folder, in words
    palms: ClassVar[int] = 0  # published number of identities; 0 = not published
    pictures: ClassVar[int] = 0  # published number of pictures; 0 = not published, or it depends on the copy
    regions: ClassVar[tuple[str, ...]] = ("roi", "segmented")  # folders of regions, photographs beside them
    turn: ClassVar[int] = 0  # degrees clockwise that turn its regions of interest so that the fingers are up
    link: ClassVar[str] = ""  # where its authors offer it

    @abstractmethod
    def shot(self, path: Path, name: str) -> Shot | None:
        """Whose hand the picture at `path` shows; None when it is none of the set.

        name: with its folders, beginning with that of the set's own folder, `/` between them.
        """

    def listed(self, folder: Path) -> Listed:
        """All its pictures below `folder`; where regions lie beside the photographs they are cut from, these.

        Raises SourceError: what was looked for, what is there.
        """
        found = pictures_below(folder)
        names = [path.relative_to(folder.parent).as_posix() for path in found]
        read = [(name, self.shot(path, name)) for path, name in zip(found, names, strict=True)]
        shots = [shot for _, shot in read if shot]
        cut = [shot for name, shot in read if shot and self._in_regions(name)]
        if not shots:
            seen = ", ".join(names[:3]) if names else "no picture at all"
            raise SourceError(
                "not_this_set", f"{folder}: not {self.name}: looked for {self.form}; found {seen}"
            )
        if not cut or len(cut) == len(shots):
            return Listed(shots, self.account(shots, len(found) - len(shots)))
        said = f"only the regions of interest, {len(shots) - len(cut)} photographs beside them left out; "
        return Listed(cut, said + self.account(cut, len(found) - len(shots)))

    def _in_regions(self, name: str) -> bool:
        return any(part.lower() in self.regions for part in name.split("/")[:-1])

    def account(self, shots: list[Shot], others: int) -> str:
        """How much of the published set is there, and what lies beside it."""
        palms = len({shot.label for shot in shots})
        said = f"{palms} of {self.palms} palms" if self.palms else f"{palms} palms"
        said += f", {len(shots)} of {self.pictures} pictures" if self.pictures else f", {len(shots)} pictures"
        for word, values in (("session", _parts(shots, "session")), ("device", _parts(shots, "device"))):
            said += f"; {word} " + ", ".join(f"{v} {n}" for v, n in values) if values else ""
        said += f"; {others} pictures with other names left out" if others else ""
        if palms < self.palms or len(shots) < self.pictures:
            said += f"; INCOMPLETE: {self.form}"
        return said


def _parts(shots: list[Shot], field: str) -> list[tuple[str, int]]:
    return sorted((value, n) for value, n in Counter(getattr(s, field) for s in shots).items() if value)


def pictures_below(folder: Path) -> list[Path]:
    """Files with the name of a picture, by name. Raises SourceError when there is no such folder."""
    if not folder.is_dir():
        what = "is a file, not the set's folder" if folder.is_file() else "no such folder"
        raise SourceError("source_missing", f"{folder}: {what}; give --real a folder, or NAME:FOLDER")
    found = list(below(folder))
    for entry in found:
        if entry.reason == "unreadable":
            log.warning("%s: left out: %s", folder / entry.name, entry.detail)
    return sorted(f.path for f in found if f.path and f.path.suffix.lower() in PICTURES)
