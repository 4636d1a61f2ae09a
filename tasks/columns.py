"""Writes the table of the manifest's columns into docs/manifest.md, from the schema and the priors."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

import palm_models.atlas.priors
from manifests.contract.schema import markdown_table
from manifests.files.layout import atomic_write
from manifests.recipe.table import between
from palm_models.hand.controls import Prior
from palm_models.hand.priors import CAPTURE, IDENTITY
from tasks.engines.atlas import ATLAS

START, END = "<!-- columns -->\n", "<!-- /columns -->"
TYPES = {"count": pa.int64(), "chance": pa.bool_(), "choice": pa.string()}  # every other kind is a number
UNITS = {  # what a meaning says of its unit: the unit
    "degrees": "°",
    "as a factor": "×",
    "in palm widths": "palm width",
    "in pixels": "px at 128",
    "in stops": "EV",
    "CIELAB a*": "CIELAB a*",
    "share": "share",
    "0 to 1": "share",
    "grey levels": "grey level",
    ", nm": "nm",
}
# Lengths whose meaning leaves out what holds for all of them, as in palm_models/hand/priors.py.
LENGTHS = (
    "identity_mottle_size",
    "identity_ridge_period",
    "identity_principal_width",
    "identity_wrinkle_length",
    "identity_fine_length",
)


def columns_table() -> str:
    """Every column of manifest.parquet with type, unit and meaning as a Markdown table."""
    priors = _columns(palm_models.atlas.priors.IDENTITY, palm_models.atlas.priors.CAPTURE)
    fields = [pa.field(name, TYPES.get(prior.kind, pa.float64())) for name, prior in priors.items()]
    meanings = {name: _meaning(prior) for name, prior in priors.items()}
    units = {name: _unit(name, prior) for name, prior in priors.items()}
    everybodys = _columns(IDENTITY, CAPTURE)
    for name in priors:
        meanings[name] += "" if name in everybodys else "; engines atlas, refined"
    for name, meaning in ATLAS.columns.items():
        fields.append(pa.field(name, pa.int64()))
        meanings[name], units[name] = f"{meaning}; engines atlas, refined", ""
    return markdown_table(fields, meanings, units) + "\n"


def _columns(identity: Mapping[str, Prior], capture: Mapping[str, Prior]) -> dict[str, Prior]:
    named = {f"identity_{name}": prior for name, prior in identity.items()}
    return named | {f"capture_{name}": prior for name, prior in capture.items()}


def _meaning(prior: Prior) -> str:
    return f"{prior.help}: {', '.join(prior.options)}" if prior.options else prior.help


def _unit(name: str, prior: Prior) -> str:
    if name in LENGTHS:
        return "palm width"
    return next((unit for words, unit in UNITS.items() if words in prior.help), "")


def with_table(text: str) -> str:
    """`text` with the table between its two marks."""
    return between(text, START, END, columns_table())


if __name__ == "__main__":
    page = Path(sys.argv[1])
    atomic_write(page, with_table(page.read_text(encoding="utf-8")).encode())
