"""Versions kept from earlier releases stay readable: every column, every image, by every verb."""

import hashlib
from pathlib import Path

import pytest

from manifests.contract.images import is_marked
from manifests.contract.schema import COLUMNS, OPTIONAL
from manifests.read.open import open_dataset
from manifests.tools.select import select
from manifests.tools.verify import verify

KEPT = sorted(
    manifest.parent for manifest in (Path(__file__).parents[2] / "kept").glob("*/*/manifest.parquet")
)


@pytest.mark.parametrize("version", KEPT, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_a_kept_version_is_whole_and_readable(version, tmp_path):
    assert verify(version).ok, str(verify(version))
    dataset = open_dataset(version)
    rows = dataset.rows()
    assert rows.num_rows in (4, 8, 16) and dataset.identities().num_rows == 2
    for row, image in zip(rows.to_pylist(), dataset.images(rows), strict=True):
        assert hashlib.sha256(image).hexdigest() == row["sha256"] and is_marked(image)
    column = "capture_rotation" if "capture_rotation" in rows.column_names else "capture"
    assert select(dataset, f"{column} < 360", tmp_path / "view") == rows.num_rows
    assert open_dataset(tmp_path / "view").rows().equals(rows)


@pytest.mark.parametrize("version", KEPT, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_what_a_kept_version_lacks_is_optional_and_what_it_has_keeps_its_type(version):
    schema = open_dataset(version).rows().schema
    assert {c.name for c in COLUMNS} - set(schema.names) <= set(OPTIONAL)
    assert all(schema.field(c.name).type == c.type for c in COLUMNS if c.name in schema.names)
