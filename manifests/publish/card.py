"""Writes the dataset card: README.md with the YAML that Hugging Face reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manifests.contract.schema import markdown_table, per_image
from manifests.files.layout import SPLITS
from manifests.publish.survey import Survey

NOT_STATED = "not stated"  # where photographs were learned from and nobody said under which licence
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class CardFacts:
    """What the card says that the shards do not know."""

    engine: str
    checkpoint: str = ""  # sha256 of the weights
    source_dataset: str = ""  # "" when the engine learned from no photographs
    source_license: str = ""
    source_credit: str = ""
    photographs: bool = False  # photographs of people in report and contact sheet
    credits: tuple[str, ...] = ()  # of a merged version: a line for each source
    parameters: Mapping[str, str] = field(default_factory=dict)  # identity_… and capture_… column: meaning


def render_card(
    card: CardFacts,
    name: str,
    metadata: Mapping[str, Any],
    found: Survey,
    measures: Mapping[str, Any] | None = None,
) -> str:
    """The text of README.md; `measures` as in measures.json, nothing where they were not taken."""
    counts = {s: (found.rows[s], found.identities[s]) for s in SPLITS if found.rows[s]}
    return (
        _environment()
        .get_template("card.md")
        .render(
            card=card,
            name=name,
            metadata=metadata,
            measures=measures or {},
            counts=counts,
            images=sum(found.rows.values()),
            identities=sum(found.identities.values()),
            columns=markdown_table(per_image(found.parameters), card.parameters),
            sources=_sources(card),
            size_category=_size_category(sum(found.rows.values())),
        )
    )


def _sources(card: CardFacts) -> list[str]:
    """Where the data come from, as Hugging Face writes it: new, or learned from another data set."""
    learned = re.sub(r"[^0-9A-Za-z._-]+", "-", card.source_dataset.removesuffix(NOT_STATED)).strip("-")
    return ["original", *([f"extended|other-{learned}"] if learned else [])]


def _size_category(images: int) -> str:
    """The size as Hugging Face writes it."""
    bounds = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
    return next((label for bound, label in bounds if images < bound), "1M<n<10M")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
