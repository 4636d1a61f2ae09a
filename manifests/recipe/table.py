"""Writes the table of a recipe's options into datasets/README.md, from the fields themselves."""

import json
import sys
from pathlib import Path
from typing import Any

from manifests.files.layout import atomic_write
from manifests.recipe.recipe import leaves

START, END = "<!-- options -->\n", "<!-- /options -->"


def options_table() -> str:
    """Every option with default and meaning as a Markdown table."""
    lines = [f"| `{leaf.name}` | {_shown(leaf.default)} | {leaf.description} |" for leaf in leaves()]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *lines]) + "\n"


def _shown(default: Any) -> str:
    return "" if default in (None, "", (), {}) else f"`{json.dumps(default)}`"


def with_table(text: str) -> str:
    """`text` with the table between its two marks."""
    return between(text, START, END, options_table())


def between(text: str, start: str, end: str, table: str) -> str:
    """`text` with `table` instead of what stands between the marks `start` and `end`."""
    before, _, rest = text.partition(start)
    return f"{before}{start}{table}{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    atomic_write(readme, with_table(readme.read_text(encoding="utf-8")).encode())
