"""Compares two versions: identities and images added, changed and gone, and what their recipes say."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from manifests.contract.schema import JUDGED
from manifests.files.advice import reading
from manifests.files.layout import IDENTITIES, MANIFEST, RECIPE
from manifests.read.open import Version, columns_of
from manifests.tools.sql import ask, tables

# Where a row lies, in which version and beside how many images says nothing about what it is.
ADDRESSES = ("shard", "row", "dataset_version", "created_at", "images")

SHOWN = 10  # ids of a kind that are printed

DRAWN_WITH = "drawn_with"  # a column


@dataclass(frozen=True)
class Changes:
    """Ids in one version alone, and those in both with the columns in which they differ."""

    added: list[str]
    gone: list[str]
    changed: dict[str, list[str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.changed)


@dataclass(frozen=True)
class Difference:
    """What leads from one version to another."""

    identities: Changes
    images: Changes
    columns: dict[str, list[str]]  # "added" and "gone": columns that one version alone has
    recipe: dict[str, tuple[Any, Any]]  # option: its two values, None where a recipe lacks it

    @property
    def same(self) -> bool:
        """True when both versions hold the same rows and images, made by the same recipe."""
        return not (self.identities or self.images or any(self.columns.values()) or self.recipe)

    @property
    def only_adds(self) -> bool:
        """True when everything of the first version is in the second as it was.

        What the gates measured may differ: they compare with all there is, of which there is more. So may the
        words for what an image was drawn with: its bytes are compared.
        """
        both = (self.identities, self.images)
        changed = any(set(odd) - {*JUDGED, DRAWN_WITH} for c in both for odd in c.changed.values())
        return not (changed or any(c.gone for c in both) or self.columns["gone"])

    def __str__(self) -> str:
        """The numbers, then a line for each thing, few of a kind."""
        if self.same:
            return "the same identities, images and recipe"
        lines = []
        for what, part in (("identities", self.identities), ("images", self.images)):
            lines.append(
                f"{what}: {len(part.added)} added, {len(part.changed)} changed, {len(part.gone)} gone"
            )
            lines += _shown("+", part.added) + _shown("-", part.gone)
            lines += _shown("~", [f"{name}: {', '.join(odd)}" for name, odd in part.changed.items()])
        lines += [f"column {name}: {how}" for how, names in self.columns.items() for name in names]
        lines += [f"recipe {name}: {old!r} -> {new!r}" for name, (old, new) in self.recipe.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        return {"same": self.same, **asdict(self)}


def _shown(mark: str, items: Sequence[str]) -> list[str]:
    more = [f"  {mark} and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return [*(f"  {mark} {item}" for item in items[:SHOWN]), *more]


def diff(before: Version, after: Version) -> Difference:
    """What leads from version `before` to version `after`; images are compared by their sha256."""
    images, columns = _compare(before.path, after.path, MANIFEST, "sample_id")
    identities, further = _compare(before.path, after.path, IDENTITIES, "identity_id")
    columns = {key: list(dict.fromkeys(columns[key] + further[key])) for key in columns}
    recipes = [_options(version.path / RECIPE) for version in (before, after)]
    return Difference(identities, images, columns, _differing(*recipes))


def _compare(before: Path, after: Path, table: str, key: str) -> tuple[Changes, dict[str, list[str]]]:
    """Changes of one table, and the columns that only one of the two has."""
    ours, theirs = (columns_of(version / table) for version in (before, after))
    both = [name for name in ours if name in theirs and name not in (key, *ADDRESSES)]
    with tables({"a": before / table, "b": after / table}) as connection:
        changes = Changes(
            added=_alone(connection, "b", "a", key),
            gone=_alone(connection, "a", "b", key),
            changed=_changed(connection, key, both),
        )
    columns = {"added": [n for n in theirs if n not in ours], "gone": [n for n in ours if n not in theirs]}
    return changes, columns


def _alone(connection: duckdb.DuckDBPyConnection, here: str, there: str, key: str) -> list[str]:
    """The ids in the one table that are not in the other, in label order."""
    query = f"SELECT {key} FROM {here} ANTI JOIN {there} USING ({key}) ORDER BY label, {key}"
    ids: list[str] = ask(connection, query)[key].to_pylist()
    return ids


def _changed(connection: duckdb.DuckDBPyConnection, key: str, columns: Sequence[str]) -> dict[str, list[str]]:
    """The ids in both tables whose rows differ, each with the columns in which they do."""
    pairs = [f'a."{name}" IS DISTINCT FROM b."{name}"' for name in columns]
    names = [f"CASE WHEN {pair} THEN '{name}' END" for pair, name in zip(pairs, columns, strict=True)]
    query = (
        f"SELECT a.{key} AS id, list_filter([{', '.join(names)}], lambda x: x IS NOT NULL) AS odd "
        f"FROM a JOIN b USING ({key}) WHERE {' OR '.join(pairs)} ORDER BY a.label, id"
    )
    return {row["id"]: row["odd"] for row in ask(connection, query).to_pylist()}


def _options(recipe: Path) -> dict[str, Any]:
    """Every option of a recipe file by its dotted name."""
    found: dict[str, Any] = {}

    def walk(values: Mapping[str, Any], prefix: str) -> None:
        for key, value in values.items():
            if isinstance(value, Mapping) and value:
                walk(value, f"{prefix}{key}.")
            else:
                found[f"{prefix}{key}"] = value

    if recipe.is_file():
        with reading(recipe):
            walk(tomllib.loads(recipe.read_text(encoding="utf-8")), "")
    return found


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*ours, *theirs])
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}
