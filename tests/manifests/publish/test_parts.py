"""Parts publish chosen rows in a chosen order, with what the gates measured, and nothing else."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.publish.parts import Part, ahead, batches
from manifests.read.open import open_dataset
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards, row, write_shard


def test_an_identity_is_published_from_two_shards_without_its_rejects(tmp_path):
    first = write_shard(tmp_path / "a.parquet", [row(s, "left", c) for s in (0, 1) for c in (0, 1)])
    further = write_shard(tmp_path / "b.parquet", [row(0, "left", 2)])
    scores = pa.table({"quality": pa.array([0.5], pa.float32())})
    parts = [
        Part(first, np.array([1]), scores),
        Part(further),
        Part(first, np.array([2, 3])),
    ]
    version = publish_shards(parts, tmp_path / "out")
    rows = open_dataset(version.path).rows(["sample_id", "quality"]).to_pylist()
    names = [(r["sample_id"], r["quality"]) for r in rows]
    assert names == [
        ("s000000_left_c001_palm", 0.5),
        ("s000000_left_c002_palm", None),
        ("s000001_left_c000_palm", None),
        ("s000001_left_c001_palm", None),
    ]
    assert verify(version.path).ok


def test_whole_shards_and_parts_of_all_their_rows_are_the_same_version(tmp_path):
    shards = make_shards(tmp_path / "s", subjects=3)
    plain = publish_shards(shards, tmp_path / "out")
    parts = [Part(s, np.arange(pq.read_metadata(s).num_rows)) for s in shards]
    assert publish_shards(parts, tmp_path / "out").path == plain.path


@given(
    rows=st.sets(st.integers(0, 39), max_size=40),
    group=st.integers(1, 17),
    batch=st.integers(1, 13),
)
@settings(max_examples=40, deadline=None)
def test_any_rows_of_any_row_groups_come_back_in_order(tmp_path_factory, rows, group, batch):
    file = tmp_path_factory.mktemp("p") / "x.parquet"
    pq.write_table(pa.table({"n": range(40)}), file, row_group_size=group)
    wanted = sorted(rows)
    scores = pa.table({"quality": pa.array(wanted, pa.float32())})
    tables = list(batches(Part(file, np.array(wanted, np.int64), scores), ["n", "quality"], batch))
    assert [n for t in tables for n in t["n"].to_pylist()] == wanted
    assert [n for t in tables for n in t["quality"].to_pylist()] == wanted


def test_ahead_makes_one_more_and_passes_on_what_goes_wrong() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number
        raise OSError("torn")

    items = ahead(numbers())
    assert next(items) == 0
    assert next(items) == 1 and 1 in made
    assert next(items) == 2
    with pytest.raises(OSError, match="torn"):
        next(items)
    assert list(ahead(iter(()))) == []
