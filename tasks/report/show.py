"""Summarises a version or a view: what is in it, by whom it was drawn, and a contact sheet on a page."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manifests.files.advice import reading
from manifests.files.layout import IDENTITIES, MANIFEST
from manifests.read.open import Version, columns_of, data_root
from manifests.tools.sql import ask, tables
from palm_models.render.skin import BANDS
from tasks.report.sheets import Block, Row, draw_sheet

SHOWN_IDENTITIES, SHOWN_CAPTURES = 12, 8  # on the sheet at most

Table = list[dict[str, Any]]


@dataclass(frozen=True)
class Summary:
    """What `palmforge show` says; each table is a list of rows with the same keys."""

    title: str
    facts: dict[str, str]
    tables: dict[str, Table]


def summary(version: Version) -> Summary:
    """Count what is in a version or a view."""
    names, people = (columns_of(version.path / table) for table in (MANIFEST, IDENTITIES))
    files = {"manifest": version.path / MANIFEST, "identities": version.path / IDENTITIES}
    with tables(files) as connection:

        def count(query: str) -> Table:
            rows: Table = ask(connection, query).to_pylist()
            return rows

        found = {
            "splits": count(
                "SELECT split, count(DISTINCT subject_id) AS subjects, count(*) AS images,"
                " count(DISTINCT identity_id) AS identities FROM manifest GROUP BY split ORDER BY split"
            ),
            "images": count(
                "SELECT view, hand, width || ' × ' || height AS pixels, augmented, count(*) AS images"
                " FROM manifest GROUP BY ALL ORDER BY ALL"
            ),
            "engines": count(
                "SELECT engine, left(checkpoint, 12) AS weights, source_dataset AS learned_from,"
                " source_license AS licence, count(*) AS images FROM manifest GROUP BY ALL ORDER BY ALL"
            ),
        }
        if "identity_skin_tone" in people:
            cases = " ".join(f"WHEN identity_skin_tone > {low} THEN '{name}'" for name, low in BANDS.items())
            found["skin tones"] = count(
                f"SELECT CASE {cases} END AS skin, count(*) AS identities, sum(images) AS images"
                " FROM identities GROUP BY skin ORDER BY min(identity_skin_tone) DESC"
            )
        if "merged_from" in names and count("SELECT 1 FROM manifest WHERE merged_from IS NOT NULL LIMIT 1"):
            found["merged from"] = count(
                "SELECT merged_from, count(DISTINCT identity_id) AS identities, count(*) AS images"
                " FROM manifest GROUP BY merged_from ORDER BY min(label)"
            )
        (captures,) = count("SELECT min(images) AS least, max(images) AS most FROM identities")
    found = {name: _without_empty(rows) for name, rows in found.items()}
    return Summary(
        f"{version.metadata['dataset']} {version.metadata['version']}",
        {**_facts(version), "images an identity": f"{captures['least']} to {captures['most']}"},
        found,
    )


def _without_empty(rows: Table) -> Table:
    """A table without the columns that say nothing in any row."""
    empty = [key for key in rows[0] if all(row[key] is None for row in rows)] if rows else []
    return [{key: value for key, value in row.items() if key not in empty} for row in rows]


def _facts(version: Version) -> dict[str, str]:
    """Names and digests."""
    root, metadata = data_root(version.path), version.metadata
    facts = {"folder": str(version.path), "view of": str(root) if root != version.path else ""}
    facts |= {key: str(metadata.get(key, "")) for key in ("created_at", "schema_version", "content")}
    facts["recipe digest"] = str(metadata.get("recipe_digest", ""))
    facts["software"] = ", ".join(f"{k} {v}" for k, v in metadata.get("software", {}).items())
    return {key: value for key, value in facts.items() if value}


def sheet(version: Version) -> bytes:
    """The first identities with their first captures, a row a view, as a PNG file."""
    first = version.identities(["identity_id"])["identity_id"].slice(0, SHOWN_IDENTITIES).to_pylist()
    chosen = [("identity_id", "in", first), ("augmented", "==", False)]
    with reading(version.path / MANIFEST):
        table = pq.read_table(version.path / MANIFEST, filters=chosen, partitioning=None)
    rows = table.to_pylist()
    blocks = []
    for view in sorted({row["view"] for row in rows}, reverse=True):
        lines = []
        for identity in first:
            mine = [r for r in rows if (r["view"], r["identity_id"]) == (view, identity)][:SHOWN_CAPTURES]
            if mine:
                images = version.images(pa.Table.from_pylist(mine, schema=table.schema))
                label = f"{identity.replace('_', ' ')}\nlabel {mine[0]['label']}\n{mine[0]['split']}"
                lines.append(Row(label, list(images)))
        blocks.append(Block(f"Synthetic palms, view {view}", lines))
    return draw_sheet(blocks)


def page(version: Version) -> str:
    """Summary and contact sheet as one HTML page that asks for nothing outside itself."""
    return (
        _environment()
        .get_template("show.html")
        .render(
            summary=summary(version),
            sheet=f"data:image/png;base64,{base64.b64encode(sheet(version)).decode()}",
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
