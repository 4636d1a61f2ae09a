"""Publishes a version: built aside, made durable, renamed into place, and named by LATEST last."""

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.contract.schema import per_image, read_metadata
from manifests.files.advice import named
from manifests.files.home import swap_pointer
from manifests.files.layout import (
    BUILDING,
    CARD,
    CHECKSUMS,
    CROISSANT,
    DELETING,
    LATEST,
    LOCK,
    MANIFEST,
    MEASURES,
    RECIPE,
    SIGNATURE,
    PublishError,
    atomic_directory,
    explain_write_errors,
    file_sha256,
)
from manifests.files.locks import hold
from manifests.files.remote import Location, parquet_source
from manifests.publish.card import CardFacts, render_card
from manifests.publish.croissant import describe
from manifests.publish.pairs import write_pairs
from manifests.publish.parts import Part
from manifests.publish.survey import Survey, survey
from manifests.publish.write import write_tables


@dataclass(frozen=True)
class Published:
    """A published version."""

    path: Path
    name: str
    images: int
    identities: int
    created: bool  # False when the same content was published before


def publish(
    shards: Sequence[Path | Part],
    out: Path,
    name: str,
    *,
    recipe_toml: str,
    recipe_digest: str,
    created_at: str,
    card: CardFacts,
    extras: Mapping[str, bytes | Path] | None = None,
    finish: Callable[[Path], None] | None = None,
    sign: Callable[[Path, Mapping[str, Any]], bytes | None] | None = None,
    version: str = "",
    night: str = "",
    software: Mapping[str, str] | None = None,
    republish: bool = False,
) -> Published:
    """Publish `shards` (in plan order) as `out`/`name`/<version> and let LATEST name it.

    `created_at` is ISO 8601 UTC. `recipe_digest` names all that determined the shards; with their content it
    names the version, so that publishing the same again returns what is there. `extras` are further files;
    `finish` is called with the folder before it is sealed, when its tables are written, and may add files
    (contact sheet, report). `sign` is called last, with the manifest's path and a statement that names the
    sha256 of every file, and gives a signature or None. An explicit `version` is refused when it exists with
    other content. `night` names the night that the version was made in, for whoever grows it the next night;
    `software` what drew it.
    LATEST goes back to an older version only with `republish`.

    Raises PublishError (disk full, not writable, name taken, another process publishes), ShardError or
    SchemaError (a shard that must be drawn again); nothing is left half-published then.
    """
    home = Path(out) / name
    found = survey(shards, recipe_digest)
    with publishing(home):
        existing = _existing(home, found.content, version)
        chosen = existing or version or _version_name(created_at, found.content)
        if not existing:
            metadata = {
                "dataset": name,
                "version": chosen,
                "created_at": created_at,
                "recipe_digest": recipe_digest,
                "content": found.content,
                "number": 1 + max((number_of(home / old) for old in versions(home)), default=0),
                **({"night": night} if night else {}),
                "software": dict(software or {}),
            }
            with atomic_directory(home / chosen, home / f"{BUILDING}{chosen}") as folder:
                constants = _constants(card, chosen, created_at)
                write_tables(shards, folder, found, constants, metadata)
                write_pairs(folder, metadata)
                (folder / RECIPE).write_text(recipe_toml, encoding="utf-8")
                _add(folder, extras or {})
                if finish:
                    finish(folder)
                text = render_card(card, name, metadata, found, _measures(folder))
                (folder / CARD).write_text(text, encoding="utf-8")
                _seal(folder, metadata, card, found, sign)
        named = latest(home)
        if named != chosen and (republish or not is_newer(home, named, chosen)):
            swap_pointer(home / LATEST, chosen)
    return _version(home / chosen, found, created=not existing)


def _version(path: Path, found: Survey, *, created: bool) -> Published:
    return Published(path, path.name, sum(found.rows.values()), sum(found.identities.values()), created)


def _version_name(created_at: str, content: str) -> str:
    """For example 20261123T020000-3f9a1c2d: sorts by time, says what is in it."""
    moment = re.sub(r"[^0-9T]", "", created_at[:19])
    return f"{moment}-{content[:8]}"


def _constants(card: CardFacts, version: str, created_at: str) -> dict[str, str | None]:
    return {
        "source_dataset": card.source_dataset or None,
        "source_license": card.source_license or None,
        "dataset_version": version,
        "created_at": created_at,
    }


@contextlib.contextmanager
def publishing(home: Path) -> Iterator[None]:
    """One process publishes into a dataset at a time; the lock goes when the process does.

    Raises PublishError when another one does. What a killed one left half-built or half-deleted is removed.
    """
    with explain_write_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        file = (home / LOCK).open("w")
    with file:
        try:
            hold(file)
        except BlockingIOError:
            raise PublishError(
                f"{home}: another process is publishing here; run again when it is done"
            ) from None
        for prefix in (BUILDING, DELETING):
            for stale in home.glob(f"{prefix}*"):
                shutil.rmtree(stale)
        yield


def _existing(home: Path, content: str, version: str) -> str | None:
    """The name of the version that holds this content already.

    Raises PublishError when the explicit name `version` is taken by other content.
    """
    for name in [version] if version else versions(home):
        if (home / name).exists():
            if _content(home / name) == content:
                return name
            if version:
                raise PublishError(
                    f"{home / name} exists with other content, and a published version is never changed: "
                    "set another dataset.version, or leave it empty"
                )
    return None


def _content(version: Path) -> str | None:
    try:
        metadata: dict[str, Any] = read_metadata(MANIFEST, pq.read_schema(version / MANIFEST))
    except (OSError, ValueError):
        return None  # damaged, foreign or of another schema version: not this content
    return metadata.get("content")


def versions(home: Path) -> list[str]:
    """Names of the published versions of a dataset, oldest first."""
    return sorted(p.parent.name for p in home.glob(f"*/{MANIFEST}") if not p.parent.name.startswith("."))


def number_of(version: Location) -> int:
    """How many versions of its dataset came before it, itself included; 0 when it does not say."""
    with contextlib.suppress(OSError, ValueError):
        return int(
            read_metadata(MANIFEST, pq.read_schema(parquet_source(version / MANIFEST))).get("number", 0)
        )
    return 0


def is_newer(home: Location, one: str | None, other: str) -> bool:
    """True when version `one` of `home` is there and came after version `other`, told by their numbers."""
    return bool(one and one != other and number_of(home / one) > number_of(home / other))


def latest(home: Path) -> str | None:
    """The version that LATEST names, or None when there is none yet."""
    try:
        with named(home / LATEST):
            return (home / LATEST).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def _measures(folder: Path) -> dict[str, Any]:
    """What was measured of the version, nothing where it was not."""
    file = folder / MEASURES
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def _add(folder: Path, extras: Mapping[str, bytes | Path]) -> None:
    for name, source in extras.items():
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise PublishError(f"{name}: leaves the folder of the version")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            shutil.copyfile(source, target)


def _seal(
    folder: Path,
    metadata: Mapping[str, Any],
    card: CardFacts,
    found: Survey,
    sign: Callable[[Path, Mapping[str, Any]], bytes | None] | None,
) -> None:
    """Write the Croissant description, the signature and the checksums of all files, last."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sums = {p.relative_to(folder).as_posix(): (file_sha256(p), p.stat().st_size) for p in files}
    described = json.dumps(
        describe(metadata, card, per_image(found.parameters), sums), indent=1, ensure_ascii=False
    )
    (folder / CROISSANT).write_text(f"{described}\n", encoding="utf-8")
    sums[CROISSANT] = (file_sha256(folder / CROISSANT), 0)
    if sign:
        files_signed = {name: digest for name, (digest, _) in sorted(sums.items())}
        statement = {"dataset": metadata["dataset"], "version": metadata["version"], "files": files_signed}
        if signature := sign(folder / MANIFEST, statement):
            (folder / SIGNATURE).write_bytes(signature)
            sums[SIGNATURE] = (file_sha256(folder / SIGNATURE), 0)
    lines = [f"{digest}  {name}\n" for name, (digest, _) in sorted(sums.items())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
