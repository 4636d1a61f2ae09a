"""Only what passed its gates and is as it was published is shared."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.read.open import open_dataset
from tasks.versions.share import ShareError, check_shareable
from tests.helpers.fake_shards import publish_shards, row, write_shard


def published(folder, *, quality=0.9, rejected=0, surplus=0):
    rows = [{**row(s, "left", c), "quality": quality} for s in range(5) for c in range(4)]
    gates = ["quality"] * rejected + ["surplus"] * surplus
    pq.write_table(pa.table({"gate": pa.array(gates, pa.string())}), folder / "rejects.parquet")
    shard = write_shard(folder / "s.parquet", rows)
    made = publish_shards([shard], folder / "out", extras={"rejects.parquet": folder / "rejects.parquet"})
    return open_dataset(made.path)


def test_what_passed_its_gates_is_shared(tmp_path):
    check_shareable(published(tmp_path, rejected=1, surplus=60))


def test_a_version_that_failed_its_gates_is_not(tmp_path):
    with pytest.raises(ShareError, match=r"failed its gates.*rejected 66.7%.*allows") as refused:
        check_shareable(published(tmp_path, rejected=40), unjudged=True)
    assert refused.value.exit_code == 3


def test_one_that_nobody_judged_only_when_that_is_said(tmp_path):
    version = published(tmp_path, quality=None)
    with pytest.raises(ShareError, match="--unjudged"):
        check_shareable(version)
    check_shareable(version, unjudged=True)


def test_a_damaged_one_never(tmp_path):
    version = published(tmp_path)
    with (version.path / "README.md").open("a") as file:
        file.write("more")
    with pytest.raises(ShareError, match=r"README\.md"):
        check_shareable(version, unjudged=True)
