"""Sums up what a build left: how much, what was rejected and why, how large, how long, where."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from flows.progress import duration, rejected
from manifests.files.layout import CONTACT_SHEET, REJECTS, REPORT
from manifests.read.open import open_dataset


def summary(version: Path, seconds: float) -> str:
    """Lines for people about a published version that a command of `seconds` led to."""
    made = open_dataset(version)
    size = sum(file.stat().st_size for file in version.rglob("*") if file.is_file())
    lines = {
        "version": str(version),
        "images": f"{made.image_count} of {made.identity_count} identities{rejected(_rejects(version))}",
        "size": f"{size / 2**20:,.1f} MiB, in {duration(seconds)}",
        "report": str(version / REPORT),
        "sheet": str(version / CONTACT_SHEET),
    }
    return "\n".join(f"{name:8} {text}" for name, text in lines.items())


def _rejects(version: Path) -> dict[str, Counter[str]]:
    file = version / REJECTS
    reasons = pq.read_table(file, columns=["reason"])["reason"].to_pylist() if file.is_file() else []
    return {"rejected": Counter(reasons)}
