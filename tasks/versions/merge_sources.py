"""Arranges the sources of a merge: whose identities are taken, under which names, with which labels."""

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from manifests.files.advice import reading
from manifests.files.layout import RECIPE
from manifests.read.open import Version
from manifests.words import PalmforgeError

PARAMETERS = "identity_parameters"
Person = tuple[int, str]  # root seed and number of a subject: equal ones have the same hands


class MergeError(PalmforgeError):
    """Versions that cannot be merged; the message says why and what to do."""


@dataclass(frozen=True)
class Source:
    """One of the versions that are merged."""

    version: Version
    prefix: str  # of its ids, "" unless they collide
    label_offset: int  # what is added to its labels, when nothing of it is left out
    identities: tuple[str, ...]  # that are taken, under their old names
    left_out: int  # identities that another source has

    @property
    def name(self) -> str:
        """dataset/version, as in the column merged_from."""
        return f"{self.version.metadata['dataset']}/{self.version.metadata['version']}"

    def described(self) -> dict[str, Any]:
        """What the merged version's recipe.toml says of it."""
        keys = ("dataset", "version", "content", "recipe_digest", "created_at")
        with reading(self.version.path / RECIPE):
            recipe = tomllib.loads((self.version.path / RECIPE).read_text(encoding="utf-8"))
        return {
            **{key: self.version.metadata[key] for key in keys},
            "prefix": self.prefix,
            "label_offset": self.label_offset,
            "identities": len(self.identities),
            "left_out": self.left_out,
            "software": self.version.metadata.get("software", {}),
            "recipe": recipe,
        }


@dataclass
class _Taken:
    """What the sources so far hold."""

    identities: dict[tuple[Person, str], str] = field(default_factory=dict)  # person, hand: its source
    people: dict[Person, str] = field(default_factory=dict)  # their subject_id
    subjects: set[str] = field(default_factory=set)


def arrange(versions: Sequence[Version], drop_duplicates: bool = False) -> list[Source]:
    """Which identities of each version are taken, under which prefix, with which labels.

    Identities of the same seed and number are the same hand, whatever engine drew them: two classes of it
    would teach a recogniser to tell a hand from itself. They are left out after the first with
    `drop_duplicates`; otherwise MergeError names them.
    """
    taken, sources = _Taken(), list[Source]()
    for version in versions:
        offset = sum(len(source.identities) for source in sources)
        sources.append(_source(version, taken, offset, drop_duplicates))
    return sources


def _source(version: Version, taken: _Taken, offset: int, drop_duplicates: bool) -> Source:
    name = f"{version.metadata['dataset']}/{version.metadata['version']}"
    rows = version.identities().to_pylist()
    keys = [(_person(row), row["hand"]) for row in rows]
    twice = [i for i, key in enumerate(keys) if key in taken.identities]
    if twice and not drop_duplicates:
        raise MergeError(
            f"{len(twice)} identities of {name} are those of {taken.identities[keys[twice[0]]]} (same seed), "
            f"first {rows[twice[0]]['identity_id']}: leave them out with --drop-duplicates, or build one of "
            "the datasets with another seed"
        )
    kept = [i for i in range(len(rows)) if i not in set(twice)]
    if not kept:
        raise MergeError(f"{name} has nothing that the others lack: leave it away")
    prefix = _prefix(version, taken, {keys[i][0]: rows[i]["subject_id"] for i in kept})
    for i in kept:
        taken.identities[keys[i]] = name
        subject = prefix + rows[i]["subject_id"]
        taken.people[keys[i][0]] = subject
        taken.subjects.add(subject)
    return Source(version, prefix, offset, tuple(rows[i]["identity_id"] for i in kept), len(twice))


def _person(row: dict[str, Any]) -> Person:
    parameters = row.get(PARAMETERS)
    recorded = json.loads(parameters) if parameters else {}
    return row["identity_seed"], str(recorded.get("subject", row["subject_id"]))


def _prefix(version: Version, taken: _Taken, people: dict[Person, str]) -> str:
    """The shortest prefix under which no two people share a name, and each has the one it had before."""
    base = re.sub(r"[^\w]+", "-", str(version.metadata["dataset"]))
    for prefix in ("", f"{base}-", f"{base}-{version.metadata['content'][:8]}-"):
        if all(
            taken.people[person] == prefix + subject
            if person in taken.people
            else prefix + subject not in taken.subjects
            for person, subject in people.items()
        ):
            return prefix
    raise MergeError(
        f"{version.path}: its subjects are partly those of another source under other names: merge the "
        "datasets that it was made of instead"
    )
