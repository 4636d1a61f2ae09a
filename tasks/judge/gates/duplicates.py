"""Gate duplicates: no file twice in a dataset, and no picture nearly twice within an identity."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from palm_models.photo.phash import phash
from tasks.judge.candidate import Case, Fault, Verdict
from tasks.judge.gate import Gate, Sitting

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.judge.picture import Picture


class DuplicatesGate(Gate):
    """Compares files by their bytes, and captures of one identity by a perceptual hash."""

    name = "duplicates"
    summary = "the same file is there already, or nearly the same picture within the identity"
    reasons: ClassVar[Mapping[str, str]] = {
        "duplicate_file": "an earlier picture of the dataset has the same bytes",
        "duplicate_picture": "an earlier capture of the identity differs by gates.duplicates bits at most",
    }
    rank, always = 90, True  # last: what another gate rejects is no original

    def score(self, picture: Picture) -> Mapping[str, Any]:
        """The perceptual hash."""
        return {"phash": phash(picture.image)}

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> int:
        """Bits of 256."""
        return recipe.gates.duplicates

    def sitting(self, threshold: int) -> Sitting:
        """Remembers the files of earlier identities."""
        return _Files(self, threshold)


class _Files(Sitting):
    def __init__(self, gate: Gate, threshold: int) -> None:
        super().__init__(gate, threshold)
        self.seen: dict[str, str] = {}  # sha256 of a file: its sample

    def pictures(self, case: Case, faults: Sequence[Fault | None]) -> list[Fault | None]:
        """Captures in the order of their numbers, each compared with those before it."""
        found, files = list(faults), ChainMap(dict[str, str](), self.seen)  # no copy: it holds every picture
        hashes: dict[str, list[tuple[NDArray[np.uint64], str]]] = {}
        rows, bits, name = case.rows, self.threshold, self.gate.name
        for i in sorted(range(len(rows)), key=lambda k: (rows[k]["capture"], k)):
            row = rows[i]
            words, before = np.frombuffer(row["phash"], np.uint64), hashes.setdefault(row["view"], [])
            if row["sha256"] in files:
                found[i] = found[i] or Fault(name, "duplicate_file", 0.0, 0.0, files[row["sha256"]])
            elif before and not row["augmented"]:
                apart = np.bitwise_count(np.stack([w for w, _ in before]) ^ words).sum(axis=1, dtype=np.int64)
                if (near := int(apart.min())) <= bits:
                    other = before[int(apart.argmin())][1]
                    found[i] = found[i] or Fault(name, "duplicate_picture", near, bits, other)
            if found[i] is None:
                files[row["sha256"]] = row["sample_id"]
                if not row["augmented"]:
                    before.append((words, row["sample_id"]))
        return found

    def keep(self, verdict: Verdict) -> None:
        """The files of what passed."""
        pairs = zip(verdict.candidate.rows, verdict.faults, strict=True)
        self.seen.update({row["sha256"]: row["sample_id"] for row, fault in pairs if fault is None})


DUPLICATES = DuplicatesGate()
