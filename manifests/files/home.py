"""The folder of a dataset: LATEST, and the README by which Hugging Face finds the newest version in it."""

import re
from pathlib import Path

from manifests.files.layout import CARD, DATA, LATEST, PAIRS, SPLITS, atomic_write

FRONT = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)  # the YAML of a card
DATA_FILE = re.compile(rf'^(\s*(?:- )?(?:path|data_files): )"?((?:{DATA}/|{PAIRS})[^"\n]*)"?$', re.MULTILINE)


def swap_pointer(path: Path, name: str) -> None:
    """Let the pointer file `path` (LATEST) name the version `name`, and the README beside it its files.

    The README is what Hugging Face `datasets` reads of the folder: without it, every version at once. It is
    written first, so that whoever finds the new LATEST finds it too; versions stay as they are.
    """
    atomic_write(path.with_name(CARD), home_card(path.parent.name, path.parent / name).encode())
    atomic_write(path, f"{name}\n".encode())


def home_card(dataset: str, version: Path) -> str:
    """README.md of a dataset's folder: its newest version for `load_dataset`, and how to have another.

    Its YAML is that of the version's own card, licence and tags included, with the files where they lie from
    here; of a version without such a card, the files alone.
    """
    name = version.name
    card = version / CARD
    front = FRONT.match(card.read_text(encoding="utf-8")) if card.is_file() else None
    front_matter = front[1] if front and DATA_FILE.search(front[1]) else _files(version)
    front_matter = DATA_FILE.sub(rf'\g<1>"{name}/\g<2>"', front_matter)
    lines = [
        f"# {dataset}: synthetic palms",
        "",
        "**Every image is synthetic.** None shows the hand of a real person.",
        "",
        f"The newest version is [{name}]({name}/{CARD}), as {LATEST} says; its card tells what is in it.",
        "`datasets.load_dataset` of this folder reads it; name the folder of another one.",
        "",
    ]
    return f"---\n{front_matter}---\n" + "\n".join(lines)


def _files(version: Path) -> str:
    lines = ["configs:", "- config_name: default", "  default: true", "  data_files:"]
    for split in SPLITS:
        if any((version / DATA).glob(f"{split}-*.parquet")):
            lines += [f"  - split: {split}", f"    path: {DATA}/{split}-*.parquet"]
    if (version / PAIRS).is_file():
        lines += ["- config_name: pairs", f"  data_files: {PAIRS}"]
    return "\n".join([*lines, ""])
