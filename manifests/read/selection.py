"""Chooses rows of a manifest: by split, view, hand, skin tone, quality, or a file of sample ids."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.files.layout import MANIFEST, SPLITS
from manifests.files.lists import ListError, read_list
from manifests.files.remote import location, parquet_source
from manifests.read.open import DatasetError, Version, data_root, inside
from manifests.read.unknown import meant, unknown
from manifests.words import HANDS, VIEWS

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
    samples: Path | str | Iterable[str]  # sample ids, or a Parquet, CSV or TSV file with a column sample_id


COLUMN = {
    "split": "split",
    "view": "view",
    "hands": "hand",
    "skin_tone": SKIN_TONE,
    "min_quality": "quality",
    "augmented": "augmented",
    "samples": "sample_id",
}
NAMING = ("split", "view", "hands", "samples")
WORDS: dict[str, Sequence[str]] = {
    "split": SPLITS,
    "view": VIEWS,
    "hands": HANDS,
}  # also where a version lacks one


def choose(version: Version, columns: Sequence[str], choice: Choice) -> pa.Table:
    """The chosen rows in label order, with `columns` alone; `shard` comes dictionary-encoded.

    Raises DatasetError naming an unknown choice, column or value, or when nothing is left.
    """
    odd = sorted(set(choice) - set(COLUMN))
    if odd:
        raise DatasetError(f"unknown choice {', '.join(odd)}; valid: {', '.join(COLUMN)}")
    given: dict[str, Any] = {name: value for name, value in choice.items() if value is not None}
    schema = pq.read_schema(parquet_source(version.path / MANIFEST))
    _check_columns(version, schema, [*columns, *(COLUMN[name] for name in given)])
    given |= {name: _known(version, name, given[name]) for name in NAMING if name in given}
    condition = pc.scalar(True)
    for name, value in given.items():
        condition &= _condition(schema.field(COLUMN[name]), name, value)
    rows = pq.read_table(
        parquet_source(version.path / MANIFEST),
        columns=list(dict.fromkeys(columns)),
        filters=condition if given else None,
        partitioning=None,
        read_dictionary=["shard"],
    )
    if not rows.num_rows:
        asked: dict[str, Any] = {
            name: value if name != "samples" else f"{len(value)} ids" for name, value in given.items()
        }
        raise DatasetError(
            f"{version.path}: no image is left of {asked}; `palmforge show` says what there is"
        )
    return rows


def _known(version: Version, name: str, value: Any) -> list[str]:
    """The named values as a list. Raises DatasetError for one that neither the version nor we know."""
    wanted: list[Any] = (
        sample_ids(value) if name == "samples" else [value] if isinstance(value, str) else list(value)
    )
    if not wanted:
        raise DatasetError(f"{name} is an empty list: leave it out to have all, or name some")
    column = version.rows([COLUMN[name]])[COLUMN[name]]
    there = column if name == "samples" else pc.unique(column).drop_null()
    absent = [v for v in wanted if not isinstance(v, str)] or _absent(wanted, there)
    wrong = [v for v in absent if v not in WORDS.get(name, ())]
    if wrong and name == "samples":
        raise DatasetError(f"{unknown_samples(version, wrong)} ({len(wrong)} of {len(wanted)} are unknown)")
    if wrong:
        valid = there.to_pylist()
        order = [word for word in WORDS[name] if word in valid] + sorted(set(valid) - set(WORDS[name]))
        where = str(version.path) + f": no image is left of { {name: value} }" * (len(wrong) == len(wanted))
        raise DatasetError(unknown(name.removesuffix("s"), list(map(str, wrong)), order, where))
    for word in absent:
        log.warning("%s: has no image of %s %s", version.path, name.removesuffix("s"), word)
    return wanted


def _absent(wanted: Sequence[str], there: pa.Array | pa.ChunkedArray) -> list[str]:
    values = pa.array(wanted, pa.string())
    absent: list[str] = values.filter(pc.invert(pc.is_in(values, value_set=there))).to_pylist()
    return absent


def unknown_samples(version: Version, wrong: Sequence[Any]) -> str:
    """The sentence for sample ids that the version has not; a merge may have prefixed those of its parts."""
    there = version.rows(["sample_id"])["sample_id"]
    for value in wrong[:3]:
        ends = there.filter(pc.ends_with(there, f"-{value}"))
        if len(ends):
            return (
                f"{version.path}: no sample {value!r}; a merge prefixed it: did you mean {ends[0].as_py()!r}?"
            )
    return unknown("sample", list(map(str, wrong)), there[:10_000].to_pylist(), str(version.path))


def _check_columns(version: Version, schema: pa.Schema, wanted: Iterable[str]) -> None:
    for name in wanted:
        if name not in schema.names:
            likely = meant(name, schema.names)
            hint = f" (did you mean {likely[0]}?)" if likely else ""
            raise DatasetError(
                f"{version.path / MANIFEST}: has no column {name}{hint}; it has {', '.join(schema.names)}"
            )


def _condition(column: pa.Field, name: str, value: Any) -> pc.Expression:
    """The choice `name` = `value` as a condition on its column."""
    field = pc.field(column.name)
    if name == "skin_tone":
        least, most = map(float, value)
        if not least <= most:
            raise DatasetError(f"skin_tone {value}: the least and the most angle in degrees, in this order")
        return (field >= least) & (field <= most)
    if name == "min_quality":
        if not 0 <= value <= 1:
            raise DatasetError(f"min_quality {value}: a quality is a number from 0 to 1")
        return field >= pa.scalar(value, column.type)
    if name == "augmented":
        return field == bool(value)
    return field.isin(value)


def sample_ids(source: Path | str | Iterable[str]) -> list[str]:
    """The ids themselves, or the column `sample_id` of a Parquet, CSV or TSV file.

    Raises DatasetError when there is no such file or column.
    """
    if not isinstance(source, Path | str):
        return source.to_pylist() if hasattr(source, "to_pylist") else list(source)
    try:
        if str(source).lower().endswith((".csv", ".tsv", ".txt", ".gz")):
            return [row["sample_id"] for row in read_list(location(source), ["sample_id"])]
        ids: list[str] = pq.read_table(source, columns=["sample_id"])["sample_id"].to_pylist()
    except (OSError, KeyError, ListError, pa.ArrowException) as error:
        raise DatasetError(f"{source}: not a Parquet or CSV file with a column sample_id: {error}") from None
    return ids


def readable(version: Version, rows: pa.Table, on_error: str) -> pa.Table:
    """The rows whose shards are there and inside the version; DatasetError names the first other one.

    With `on_error` "skip" the rows of such shards are left out, with a line in the log.
    """
    root, shards = data_root(version.path), rows["shard"].combine_chunks()
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
