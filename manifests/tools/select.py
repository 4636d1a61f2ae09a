"""Selects images of a version with SQL and writes them as a view: manifest rows, no copy of an image."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.contract.schema import METADATA_KEY
from manifests.files.advice import reading
from manifests.files.layout import (
    BUILDING,
    IDENTITIES,
    MANIFEST,
    SPLITS,
    VIEW,
    PublishError,
    atomic_directory,
)
from manifests.read.open import DatasetError, Version, data_root
from manifests.read.unknown import unknown
from manifests.tools.sql import QueryError, ask, tables
from manifests.words import HANDS, VIEWS

BATCH_ROWS = 8192


def select(version: Version, query: str, out: Path) -> int:
    """Write the view `out` of the images that `query` chooses; returns how many they are.

    `query` is what would follow WHERE, or a whole SELECT that answers `sample_id`; its tables are `manifest`
    and `identities`. The view is a folder: manifest.parquet and identities.parquet with the chosen rows as
    they are in the version, and view.json that names the version, whose data files hold the images.
    Raises QueryError for a query that fails or chooses nothing, PublishError when `out` exists already.
    """
    if out.exists():
        raise PublishError(f"{out} exists already: choose another --out, or remove it")
    root = data_root(version.path).resolve()
    chosen = _chosen(version, query)
    view = {"version": str(root), "content": _content(root, version), "query": query}
    content = hashlib.sha256(json.dumps([view["content"], chosen.to_pylist()]).encode()).hexdigest()
    metadata = {**version.metadata, "content": content, "version": f"{version.metadata['version']}-view"}
    with atomic_directory(out, out.with_name(f"{BUILDING}{out.name}")) as folder:
        counts = _write_rows(version.path / MANIFEST, folder / MANIFEST, metadata, chosen)
        _write_identities(version, folder / IDENTITIES, metadata, counts)
        (folder / VIEW).write_text(json.dumps(view, indent=1) + "\n", encoding="utf-8")
    return sum(counts.values())


def _content(root: Path, version: Version) -> Any:
    """The content digest of the version that the images lie in."""
    if root == version.path.resolve():
        return version.metadata["content"]
    return json.loads((version.path / VIEW).read_text(encoding="utf-8"))["content"]


def _chosen(version: Version, query: str) -> pa.Array:
    """The sample ids that the query answers, sorted, each once."""
    first = (query.split() or [""])[0].lower()
    whole = query if first in ("select", "with", "from") else f"SELECT sample_id FROM manifest WHERE {query}"
    files = {"manifest": version.path / MANIFEST, "identities": version.path / IDENTITIES}
    with tables(files) as connection:
        answer = ask(connection, whole)
        _check_words(connection, query)
    if "sample_id" not in answer.column_names or not pa.types.is_string(answer["sample_id"].type):
        raise QueryError(f"{query!r} answers {', '.join(answer.column_names)}; a view needs sample_id")
    chosen = pc.unique(answer["sample_id"]).drop_null()
    if not len(chosen):
        raise QueryError(f"{query!r} chooses no image; `palmforge show` tells what there is")
    return chosen.take(pc.sort_indices(chosen))


def _check_words(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise QueryError for a split, view or hand of the query that no row has."""
    for column, words in (("split", SPLITS), ("view", VIEWS), ("hand", HANDS)):
        rows = connection.sql(f"SELECT DISTINCT {column} FROM manifest ORDER BY 1").fetchall()
        known = {value for (value,) in rows}
        for named in re.findall(rf"\b{column}\s*(?:==?|\bin\s*\()\s*((?:'[^']*'[\s,]*)+)", query, re.I):
            wrong = [word for word in re.findall(r"'([^']*)'", named) if word not in {*known, *words}]
            if wrong:
                raise QueryError(unknown(column, wrong, sorted(known), repr(query)))


def _write_rows(source: Path, target: Path, metadata: dict[str, Any], chosen: pa.Array) -> dict[str, int]:
    """Copy the rows of the chosen samples, in their order; returns how many each identity has."""
    counts: dict[str, int] = {}
    with pq.ParquetFile(source) as file:
        schema = _stamped(file.schema_arrow, metadata)
        with pq.ParquetWriter(target, schema, compression="zstd", write_page_index=True) as writer:
            for table in _matching(source, file, chosen):
                writer.write_table(table.cast(schema))
                for found in pc.value_counts(table["identity_id"]).to_pylist():
                    counts[found["values"]] = counts.get(found["values"], 0) + found["counts"]
    if sum(counts.values()) != len(chosen):
        raise DatasetError(f"{source}: holds {sum(counts.values())} of the {len(chosen)} chosen samples")
    return counts


def _matching(source: Path, file: pq.ParquetFile, chosen: pa.Array) -> Iterator[pa.Table]:
    with reading(source):
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.table(batch)
            table = table.filter(pc.is_in(table["sample_id"], value_set=chosen))
            if table.num_rows:
                yield table


def _write_identities(
    version: Version, target: Path, metadata: dict[str, Any], counts: dict[str, int]
) -> None:
    table = version.identities()
    table = table.filter(pc.is_in(table["identity_id"], value_set=pa.array(list(counts), pa.string())))
    images = pa.array([counts[name] for name in table["identity_id"].to_pylist()], pa.int64())
    table = table.set_column(table.schema.get_field_index("images"), "images", images)
    pq.write_table(table.replace_schema_metadata(_stamped(table.schema, metadata).metadata), target)


def _stamped(schema: pa.Schema, metadata: dict[str, Any]) -> pa.Schema:
    """The schema with the view's own entry in its metadata."""
    return schema.with_metadata({**(schema.metadata or {}), METADATA_KEY: json.dumps(metadata).encode()})
