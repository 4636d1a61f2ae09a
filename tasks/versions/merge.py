"""Merges versions into a new one: labels offset, colliding names prefixed, splits and origins kept."""

import json
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tomli_w

from manifests.contract.schema import COLUMNS, IMAGE_COLUMN, PARAMETER_PREFIXES, WRITTEN
from manifests.files.advice import reading
from manifests.files.layout import CONTACT_SHEET, IDENTITIES, MANIFEST, RECIPE, REPORT, explain_write_errors
from manifests.publish.card import CardFacts
from manifests.publish.publish import publish
from manifests.publish.sign import Signer
from manifests.read.open import Version, open_dataset
from manifests.recipe import load
from manifests.recipe.errors import RecipeError
from tasks.draw.samples import drawn_with
from tasks.engines.registry import ENGINES
from tasks.report.show import page, sheet
from tasks.versions.merge_sources import PARAMETERS, Source, arrange
from tasks.work.moment import moment
from tasks.work.place import Work
from tasks.work.stage import Stage

BATCH_ROWS = 256
NAMES = ("sample_id", "identity_id", "subject_id", "parent_sample_id")  # columns that get a source's prefix


def merge(
    versions: Sequence[Version],
    out: Path,
    name: str,
    work: Path,
    progress: Callable[[int, int], None],
    *,
    drop_duplicates: bool = False,
    signer: Signer | None = None,
) -> Path:
    """Publish the versions as one in `out`/`name`: rows of the first, then of the second, …; its folder.

    Every image keeps its bytes, split and parameters; `merged_from` names the version it came from. The same
    call resumes what was cut off. Raises MergeError, PublishError, SignError, ShardError (a subject in two
    splits).
    """
    sources = arrange(versions, drop_duplicates)
    total = sum(version.identities(["images"])["images"].to_numpy().sum() for version in versions)
    fields, shards, done = _fields([source.version for source in sources]), [], 0
    progress(0, total)
    for source in sources:

        def report(count: int, before: int = done) -> None:
            progress(before + count, total)

        shards.append(_rewrite(source, fields, work, report))
        done += pq.read_metadata(shards[-1]).num_rows
    described = {"name": name, "merged": [source.described() for source in sources]}
    text = tomli_w.dumps(described)

    def finish(folder: Path) -> None:
        merged = open_dataset(folder)
        (folder / CONTACT_SHEET).write_bytes(sheet(merged))
        (folder / REPORT).write_text(page(merged), encoding="utf-8")

    version = publish(
        shards,
        out,
        name,
        recipe_toml=text,
        recipe_digest=sha256(json.dumps(described, sort_keys=True).encode()).hexdigest(),
        created_at=moment().isoformat(timespec="seconds"),
        card=_card(sources),
        finish=finish,
        sign=signer.sign if signer else None,
    )
    progress(total, total)
    return version.path


def _card(sources: Sequence[Source]) -> CardFacts:
    """What the card says; each row has the source of its own engine, so the version names none for all."""
    credits, engines = [], dict[str, None]()
    for source in sources:
        rows = source.version.rows(["engine", "source_dataset", "source_license"])
        for row in rows.group_by(rows.column_names).aggregate([]).to_pylist():
            engines[row["engine"]] = None
            learned = (
                f"learned from {row['source_dataset']}, licence: {row['source_license'] or 'not stated'}"
                if row["source_dataset"]
                else "learned from no photographs"
            )
            credits.append(f"{source.name}: engine {row['engine']}, {learned}")
    helps = ChainMap(*(ENGINES.get(name).parameters() for name in engines if name in ENGINES))
    return CardFacts(engine=", ".join(engines), credits=tuple(credits), parameters=helps)


def _fields(versions: Sequence[Version]) -> list[pa.Field]:
    """Every column that a source's rows may have, with a type that holds all of theirs."""
    fixed = [pa.field(c.name, c.type) for c in COLUMNS if c.name not in WRITTEN]
    known = {c.name for c in COLUMNS}
    tables = list[pa.Schema]()
    for file in (d.path / name for d in versions for name in (MANIFEST, IDENTITIES)):
        with reading(file):
            tables.append(pq.read_schema(file))
    parameters = [
        pa.schema([f for f in s if f.name.startswith(PARAMETER_PREFIXES) and f.name not in known])
        for s in tables
    ]
    unified = pa.unify_schemas(parameters, promote_options="permissive")
    return [*fixed, pa.field(IMAGE_COLUMN.name, IMAGE_COLUMN.type), *unified]


def _rewrite(source: Source, fields: Sequence[pa.Field], work: Path, report: Callable[[int], None]) -> Path:
    """A shard with the rows of a source as the merged version has them, written once."""
    schema = pa.schema(fields)
    given = {"version": source.version.metadata["content"], "named": [source.name, source.prefix]}
    given |= {"identities": list(source.identities), "schema": str(schema)}
    place = Stage("merged", None, code=("tasks.versions.merge",), given=given).place(Work(work))
    file, aside = place.path / "shard.parquet", place.path / "shard.partial"
    if not place.is_done():
        with explain_write_errors(file):
            with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
                count = 0
                for table in _tables(source, schema):
                    writer.write_table(table)
                    count += table.num_rows
                    report(count)
            aside.replace(file)
        place.finish([file], {"images": count})
    return file


def _tables(source: Source, schema: pa.Schema) -> Iterator[pa.Table]:
    """The source's rows in its order, renamed, with their images."""
    version, prefix = source.version, source.prefix
    identities = version.identities()
    parameters = (
        dict(zip(*(identities[c].to_pylist() for c in ("identity_id", PARAMETERS)), strict=True))
        if PARAMETERS in identities.column_names
        else {}
    )
    chosen = pa.array(source.identities, pa.string())
    with reading(version.path / MANIFEST), pq.ParquetFile(version.path / MANIFEST) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.table(batch)
            table = table.filter(pc.is_in(table["identity_id"], value_set=chosen))
            if not table.num_rows:
                continue
            names = [prefix + name for name in table["file_name"].to_pylist()]
            images = zip(version.images(table), names, strict=True)
            made: dict[str, Any] = {
                IMAGE_COLUMN.name: pa.array([{"bytes": b, "path": n} for b, n in images], IMAGE_COLUMN.type),
                PARAMETERS: [parameters.get(i) for i in table["identity_id"].to_pylist()],
                "merged_from": _filled(table, "merged_from", source.name),
                "drawn_with": _filled(table, "drawn_with", _settings(version)),
                **{n: [v and prefix + v for v in table[n].to_pylist()] for n in NAMES},
            }
            yield pa.table([_column(table, made, f) for f in schema], schema=schema)


def _filled(table: pa.Table, name: str, value: str | None) -> list[str | None]:
    """A column that older versions lack, its nulls replaced."""
    held = table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
    return [value if item is None else item for item in held]


def _settings(version: Version) -> str | None:
    """What the images of a version without the column `drawn_with` were drawn with."""
    try:
        return drawn_with(load(version.path / RECIPE))
    except RecipeError:
        return None


def _column(table: pa.Table, made: dict[str, Any], wanted: pa.Field) -> Any:
    if wanted.name in made:
        held = made[wanted.name]
        return held if isinstance(held, pa.Array) else pa.array(held, wanted.type)
    if wanted.name not in table.column_names:
        return pa.nulls(table.num_rows, wanted.type)
    return table[wanted.name].cast(wanted.type)
