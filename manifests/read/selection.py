"""Chooses rows of a manifest: by split, view, hand, skin tone, quality, or a file of sample ids."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from manifests.files.layout import MANIFEST
from manifests.files.remote import parquet_source
from manifests.read.open import DatasetError, Version, data_root, inside

log = logging.getLogger("palmforge")

Names = str | Sequence[str]
SKIN_TONE = "identity_skin_tone"  # column: individual typology angle, degrees


class Choice(TypedDict, total=False):
    """Which rows of a manifest; what is not named is not restricted."""

    split: Names  # train, validation, test; one or several
    view: Names  # palm, hand
    hands: Names  # left, right
    skin_tone: tuple[float, float]  # degrees ITA, least and most
    min_quality: float  # 0 to 1; images that were never judged are left out
    augmented: bool  # False: captures only; True: images derived by augmentation only
    samples: Path | str | Iterable[str]  # sample ids, or a Parquet or CSV file with a column sample_id


COLUMN = {
    "split": "split",
    "view": "view",
    "hands": "hand",
    "skin_tone": SKIN_TONE,
    "min_quality": "quality",
    "augmented": "augmented",
    "samples": "sample_id",
}


def choose(dataset: Version, columns: Sequence[str], choice: Choice) -> pa.Table:
    """The chosen rows in label order, with `columns` alone; `shard` comes dictionary-encoded.

    Raises DatasetError naming an unknown choice or column, or when nothing is left.
    """
    unknown = sorted(set(choice) - set(COLUMN))
    if unknown:
        raise DatasetError(f"unknown choice {', '.join(unknown)}; valid: {', '.join(COLUMN)}")
    given = {name: value for name, value in choice.items() if value is not None}
    schema = pq.read_schema(parquet_source(dataset.path / MANIFEST))
    _check_columns(dataset, schema, [*columns, *(COLUMN[name] for name in given)])
    condition = pc.scalar(True)
    for name, value in given.items():
        condition &= _condition(schema.field(COLUMN[name]), name, value)
    rows = pq.read_table(
        parquet_source(dataset.path / MANIFEST),
        columns=list(dict.fromkeys(columns)),
        filters=condition if given else None,
        partitioning=None,
        read_dictionary=["shard"],
    )
    if not rows.num_rows:
        raise DatasetError(
            f"{dataset.path}: no image is left of {given}; `palmforge show` says what there is"
        )
    return rows


def _check_columns(dataset: Version, schema: pa.Schema, wanted: Iterable[str]) -> None:
    for name in wanted:
        if name not in schema.names:
            raise DatasetError(
                f"{dataset.path / MANIFEST}: has no column {name}; it has {', '.join(schema.names)}"
            )


def _condition(column: pa.Field, name: str, value: Any) -> pc.Expression:
    """The choice `name` = `value` as a condition on its column."""
    field = pc.field(column.name)
    if name == "skin_tone":
        least, most = value
        return (field >= least) & (field <= most)
    if name == "min_quality":
        return field >= pa.scalar(value, column.type)
    if name == "augmented":
        return field == bool(value)
    if name == "samples":
        value = sample_ids(value)
    return field.isin([value] if isinstance(value, str) else list(value))


def sample_ids(source: Path | str | Iterable[str]) -> list[str]:
    """The ids themselves, or the column `sample_id` of a Parquet or CSV file.

    Raises DatasetError when there is no such file or column.
    """
    if not isinstance(source, Path | str):
        return list(source)
    try:
        read = pa.csv.read_csv if str(source).endswith(".csv") else pq.read_table
        ids: list[str] = read(source)["sample_id"].to_pylist()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DatasetError(f"{source}: not a Parquet or CSV file with a column sample_id: {error}") from None
    return ids


def readable(dataset: Version, rows: pa.Table, on_error: str) -> pa.Table:
    """The rows whose shards are there and inside the version; DatasetError names the first other one.

    With `on_error` "skip" the rows of such shards are left out, with a line in the log.
    """
    root, shards = data_root(dataset.path), rows["shard"].combine_chunks()
    bad = []
    for number in pc.unique(shards.indices).to_pylist():
        shard = shards.dictionary[number].as_py()
        try:
            if not inside(root, shard).is_file():
                raise DatasetError(f"{root / shard}: this shard is missing; fetch the version again")
        except DatasetError as error:
            if on_error == "raise":
                raise
            log.warning("%s; its images are skipped", error)
            bad.append(number)
    return (
        rows.filter(pc.invert(pc.is_in(shards.indices, pa.array(bad, shards.indices.type)))) if bad else rows
    )
