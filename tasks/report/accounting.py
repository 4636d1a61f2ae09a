"""Counts what went into each step and what came out, with the reasons: nothing vanishes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.files.layout import IDENTITIES, MANIFEST, REJECTS
from manifests.files.remote import Location, parquet_source

REASON_LIMIT = 3  # names that are shown for each reason


@dataclass(frozen=True)
class Step:
    """What one step was given and what became of it: `given` = sum of `became`."""

    title: str
    unit: str
    given: int
    became: Mapping[str, int]  # "published", "rejected", … : how many
    reasons: Mapping[str, int] = field(default_factory=dict)  # of the rejected ones
    examples: Mapping[str, list[str]] = field(default_factory=dict)  # reason: some names

    @property
    def closes(self) -> bool:
        """True when the sum is right, and every rejected one has a reason."""
        return self.given == sum(self.became.values()) and sum(self.reasons.values()) == self.became.get(
            "rejected", 0
        )


def count_photos(folder: Path) -> Step:
    """Files of the source = photos + rejected, from photos.parquet in `folder`."""
    rows = pq.read_table(
        folder / "photos.parquet", columns=["status", "reason", "original_name", "detail"]
    ).to_pylist()
    return _step("Photographs", "files", len(rows), "photos", [r for r in rows if r["status"] != "ok"])


def count_aligned(photos: Path, palms: Path) -> Step:
    """Photos = aligned + rejected, from aligned.parquet and align_rejects.parquet in `palms`.

    A photo with two hands counts once; one of which a hand was aligned is not rejected.
    """
    status = pq.read_table(photos / "photos.parquet", columns=["status", "photo_id"]).to_pylist()
    given = {row["photo_id"] for row in status if row["status"] == "ok"}
    aligned = set(pq.read_table(palms / "aligned.parquet", columns=["photo_id"])["photo_id"].to_pylist())
    table = pq.read_table(
        palms / "align_rejects.parquet", columns=["photo_id", "reason", "original_name", "detail"]
    )
    rejected = {r["photo_id"]: r for r in table.to_pylist() if r["photo_id"] not in aligned}
    return _step("Alignment", "photos", len(given), "aligned", list(rejected.values()), len(aligned))


def count_images(
    folder: Location, rejected: Mapping[str, int] | None = None
) -> tuple[Step, dict[str, Counter[str]]]:
    """Images drawn = published + rejected, and published images by split, view and augmentation.

    `rejected` are the gates' reasons with their numbers; by default those of rejects.parquet, if it is there.
    """
    by: dict[str, Counter[str]] = {name: Counter() for name in ("split", "view", "augmented")}
    with pq.ParquetFile(parquet_source(folder / MANIFEST)) as file:
        for batch in file.iter_batches(65536, columns=list(by)):
            for name, counter in by.items():
                for pair in batch.column(name).value_counts().to_pylist():
                    counter[str(pair["values"])] += pair["counts"]
    published, reasons = (
        sum(by["split"].values()),
        dict(count_rejects(folder) if rejected is None else rejected),
    )
    lost = sum(reasons.values())
    became = {"published": published, "rejected": lost}
    return Step("Images", "images", published + lost, became, reasons), by


def count_rejects(folder: Location) -> dict[str, int]:
    """Images that the gates kept out of the version in `folder`, by reason, most frequent first."""
    if not (folder / REJECTS).is_file():
        return {}
    table = pq.read_table(parquet_source(folder / REJECTS), columns=["gate", "reason"])
    pairs = zip(table["gate"].to_pylist(), table["reason"].to_pylist(), strict=True)
    return dict(Counter(f"{gate}: {reason}" for gate, reason in pairs).most_common())


def count_identities(folder: Location) -> Step:
    """Identities drawn = published + rejected, a rejected one under the commonest reason of its images."""
    kept = pq.read_table(parquet_source(folder / IDENTITIES), columns=["identity_id"])
    published = set(kept["identity_id"].to_pylist())
    reasons: dict[str, Counter[str]] = {}
    if (folder / REJECTS).is_file():
        columns = ["identity_id", "gate", "reason"]
        for row in pq.read_table(parquet_source(folder / REJECTS), columns=columns).to_pylist():
            if row["identity_id"] not in published:
                reasons.setdefault(row["identity_id"], Counter())[f"{row['gate']}: {row['reason']}"] += 1
    rejected = [
        {"reason": counter.most_common(1)[0][0], "original_name": name, "detail": ""}
        for name, counter in reasons.items()
    ]
    return _step("Identities", "identities", len(published) + len(rejected), "published", rejected)


def _step(
    title: str, unit: str, given: int, good: str, rejected: list[dict[str, Any]], count: int | None = None
) -> Step:
    reasons = Counter(r["reason"] for r in rejected)
    examples = {
        reason: [_named(r) for r in rejected if r["reason"] == reason][:REASON_LIMIT] for reason in reasons
    }
    became = {good: given - len(rejected) if count is None else count, "rejected": len(rejected)}
    return Step(title, unit, given, became, dict(reasons.most_common()), examples)


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['original_name']} ({row['detail']})" if row["detail"] else str(row["original_name"])
