"""Compares the manifest with the data shards row by row, in one pass over both."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.contract.schema import COLUMNS, IMAGE_COLUMN, OPTIONAL, SchemaError, read_metadata
from manifests.files.layout import IDENTITIES, MANIFEST, SHARD_NAME
from manifests.files.remote import Location, files_below, parquet_source
from manifests.read.open import DatasetError, inside
from manifests.tools.findings import Findings

BATCH_ROWS = 128  # rows that are held at once, of the manifest and of each shard
RULE_COLUMNS = (
    *("sample_id", "identity_id", "subject_id", "label", "split_label", "split", "shard"),
    *("file_name", "synthetic"),
)


def check_rows(root: Location, findings: Findings) -> None:
    """Check every row of the version's tables; memory grows by the ids of subjects only.

    Raises SchemaError, OSError or a pyarrow error when the manifest itself cannot be read.
    """
    schema = _checked_schema(root / MANIFEST)
    rules, shards = _Rules(findings), _Shards(root, schema.names, findings)
    for rows in _batches(root / MANIFEST, schema.names, BATCH_ROWS):
        if empty := [name for name in (*RULE_COLUMNS, "row", "sha256") if rows[name].null_count]:
            raise SchemaError(f"{MANIFEST}: null in {', '.join(empty)}")
        for row in rows.select(RULE_COLUMNS).to_pylist():
            rules.check(row)
        for shard in pc.unique(rows["shard"]).to_pylist():
            shards.compare(shard, rows.filter(pc.equal(rows["shard"], shard)))
    shards.finish()
    findings.images, findings.identities = rules.images, rules.label + 1
    _check_identities(root, findings)


def _checked_schema(file: Location) -> pa.Schema:
    schema = pq.read_schema(parquet_source(file))
    read_metadata(file.name, schema)
    expected = [c for c in COLUMNS if c.name in schema.names or c.name not in OPTIONAL]
    wrong = [c.name for c in expected if c.name not in schema.names or schema.field(c.name).type != c.type]
    if wrong:
        raise SchemaError(f"{file.name}: columns missing or of another type: {', '.join(wrong)}")
    return schema


def _batches(file: Location, columns: list[str], rows: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(parquet_source(file), page_checksum_verification=True) as parquet:
        for batch in parquet.iter_batches(rows, columns=columns, use_threads=False):
            yield pa.table(batch)


class _Rules:
    """What holds over the rows of a manifest, which stand in label order."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.images, self.label = 0, -1
        self.identity = ""
        self.split_labels: dict[str, int] = {}
        self.split_of_subject: dict[str, str] = {}
        self.samples: set[str] = set()

    def check(self, row: dict[str, Any]) -> None:
        self.images += 1
        sample, split = row["sample_id"], row["split"]
        if row["identity_id"] != self.identity:
            self.identity, self.label, self.samples = row["identity_id"], self.label + 1, set()
            self.split_labels[split] = self.split_labels.get(split, -1) + 1
        for wrong, what in (
            (row["label"] != self.label, f"label {row['label']} is not contiguous"),
            (row["split_label"] != self.split_labels.get(split), "its split_label is not contiguous"),
            (
                self.split_of_subject.setdefault(row["subject_id"], split) != split,
                "its subject is in two splits",
            ),
            (sample in self.samples, "appears twice"),
            (_leaves(row["file_name"]), f"its file name {row['file_name']!r} leaves the dataset"),
            (not SHARD_NAME.match(row["shard"]), f"its shard {row['shard']!r} leaves the dataset"),
            (row["synthetic"] is not True, "is not marked synthetic"),
        ):
            if wrong:
                self.findings.add(f"{MANIFEST}: {sample}: {what}")
        self.samples.add(sample)


def _leaves(file_name: str) -> bool:
    return "/" in file_name or "\\" in file_name or file_name.startswith(".")


class _Shards:
    """The data shards of a version, each read once from its start, in step with the manifest."""

    def __init__(self, root: Location, columns: list[str], findings: Findings) -> None:
        self.root, self.columns, self.findings = root, columns, findings
        self.cursors: dict[str, _Cursor | None] = {}  # None: unreadable, already among the findings

    def compare(self, shard: str, rows: pa.Table) -> None:
        """Compare further manifest rows of a shard with what the shard holds."""
        try:
            if shard not in self.cursors:
                self.cursors[shard] = None
                self.cursors[shard] = _Cursor(inside(self.root, shard), self.columns)
            cursor = self.cursors[shard]
            if cursor:
                self._compare(shard, cursor, rows)
        except FileNotFoundError:
            self.findings.add(f"{shard}: missing")
        except (DatasetError, SchemaError, ValueError, OSError, pa.ArrowException) as error:
            self.cursors[shard] = None
            self.findings.add(f"{shard}: cannot be read: {error}")

    def _compare(self, shard: str, cursor: "_Cursor", rows: pa.Table) -> None:
        start, numbers = cursor.position, rows["row"].to_pylist()
        held = cursor.take(max(numbers) + 1 - start)
        in_both = [i for i, row in enumerate(numbers) if start <= row < cursor.position]
        for i in set(range(len(numbers))) - set(in_both):
            self.findings.add(
                f"{shard}: row {numbers[i]}, {rows['sample_id'][i]}, of the manifest is missing"
            )
        for row in sorted(set(range(start, cursor.position)) - set(numbers)):
            self.findings.add(f"{MANIFEST}: row {row} of {shard} is missing")
        self._compare_rows(shard, rows.take(in_both), held.take([numbers[i] - start for i in in_both]))

    def _compare_rows(self, shard: str, rows: pa.Table, held: pa.Table) -> None:
        images = held[IMAGE_COLUMN.name].combine_chunks().field("bytes")
        for sample, wanted, image in zip(held["sample_id"], held["sha256"], images, strict=True):
            if hashlib.sha256(image.as_buffer() or b"").hexdigest() != wanted.as_py():
                self.findings.add(f"{shard}: {sample}: the image does not match its sha256")
        held = held.select(self.columns)
        if held.equals(rows):
            return
        for ours, theirs in zip(rows.to_pylist(), held.to_pylist(), strict=True):
            odd = [name for name in ours if repr(ours[name]) != repr(theirs[name])]  # NaN is NaN
            if odd:
                self.findings.add(
                    f"{shard}: {theirs['sample_id']}: differs from the manifest in {', '.join(odd)}"
                )

    def finish(self) -> None:
        """Name the rows and shards that the manifest does not speak of."""
        for shard, cursor in self.cursors.items():
            for row in range(cursor.position, cursor.total) if cursor else ():
                self.findings.add(f"{MANIFEST}: row {row} of {shard} is missing")
        for name in sorted(files_below(self.root)):
            if SHARD_NAME.match(name) and name not in self.cursors:
                self.findings.add(f"{MANIFEST}: every row of {name} is missing")


class _Cursor:
    """A shard that is read from its start, row by row."""

    def __init__(self, path: Location, columns: list[str]) -> None:
        schema = _checked_schema(path)
        lacking = [name for name in (*columns, IMAGE_COLUMN.name) if name not in schema.names]
        if lacking:
            raise SchemaError(f"lacks the columns {', '.join(lacking)}")
        self.total: int = pq.read_metadata(parquet_source(path)).num_rows
        self.position = 0
        self._batches = _batches(path, [*columns, IMAGE_COLUMN.name], BATCH_ROWS)
        self._held: pa.Table = next(self._batches, schema.empty_table())

    def take(self, count: int) -> pa.Table:
        """The next `count` rows, fewer at the end of the shard, none when `count` is not positive."""
        count = max(0, min(count, self.total - self.position))
        while self._held.num_rows < count:
            further = next(self._batches, None)
            if further is None:
                raise SchemaError("holds fewer rows than its footer says")
            self._held = pa.concat_tables([self._held, further])
        taken, self._held = self._held.slice(0, count), self._held.slice(count)
        self.position += count
        return taken


def _check_identities(root: Location, findings: Findings) -> None:
    table = pq.read_table(parquet_source(root / IDENTITIES), columns=["label", "images"], partitioning=None)
    if table["label"].to_pylist() != list(range(findings.identities)):
        findings.add(f"{IDENTITIES}: its labels are not 0 to {findings.identities - 1}")
    if sum(table["images"].to_pylist()) != findings.images:
        findings.add(f"{IDENTITIES}: counts other images than the manifest has")
