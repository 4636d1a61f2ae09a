"""Verification pairs: true, distinct, across captures, never between hands of one subject, and repeatable."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.files.layout import file_sha256
from manifests.publish.pairs import mated_pairs, non_mated_pairs
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards, row, write_shard

GROUPS = st.lists(st.integers(0, 6), min_size=0, max_size=40).map(lambda x: np.array(x, np.int64))


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rows = [
        {**row(s, hand, c), "view": view, "sample_id": f"s{s:06d}_{hand}_c{c:03d}_{view}"}
        for s in range(40)
        for hand in ("left", "right")
        for view in ("palm", "hand")
        for c in range(3)
    ]
    copies = [
        {**r, "augmented": True, "parent_sample_id": r["sample_id"], "sample_id": r["sample_id"] + "_a1"}
        for r in rows
    ]
    both = sorted(rows + copies, key=lambda r: r["identity_id"])
    return publish_shards([write_shard(folder / "s.parquet", both)], folder / "out").path


@given(GROUPS, st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_pairs_are_all_there_are_or_as_many_distinct_ones_as_asked(groups, limit):
    n, rng = len(groups), np.random.default_rng(1)
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for function, same in ((mated_pairs, True), (non_mated_pairs, False)):
        possible = {(i, j) for i, j in every if (groups[i] == groups[j]) == same}
        found = [(int(i), int(j)) for i, j in zip(*function(groups, limit, rng), strict=True)]
        assert set(found) <= possible and len(set(found)) == len(found) == min(limit, len(possible))


def test_large_numbers_are_unranked_exactly():
    first, second = non_mated_pairs(np.arange(3_000_000), 1000, np.random.default_rng(0))
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == 1000
    assert (first < second).all() and second.max() < 3_000_000 and first.min() >= 0
    assert abs(np.median(second) / 3_000_000 - 0.5**0.5) < 0.03  # uniform over the triangle


def test_pairs_of_a_version_are_true_and_within_split_and_view(version):
    rows = pq.read_table(version / "manifest.parquet").to_pandas().set_index("sample_id")
    pairs = pq.read_table(version / "pairs.parquet").to_pandas()
    first, second = (rows.loc[pairs[side]].reset_index() for side in ("sample_id_1", "sample_id_2"))
    assert set(pairs.split) == {"validation", "test"} and set(pairs["view"]) == {"palm", "hand"}
    for name in ("split", "view"):
        assert (first[name] == second[name]).all() and (first[name] == pairs[name]).all()
    assert not first.augmented.any() and not second.augmented.any()
    mated = pairs.mated.to_numpy()
    assert (first.identity_id == second.identity_id)[mated].all()
    assert (first.capture != second.capture)[mated].all()
    assert (first.subject_id != second.subject_id)[~mated].all()
    here = rows[(rows.split == "test") & (rows["view"] == "palm") & ~rows.augmented]
    counted = pairs[(pairs.split == "test") & (pairs["view"] == "palm")]
    identities = here.identity_id.nunique()
    assert counted.mated.sum() == identities * 3  # 3 captures: all 3 pairs of them
    assert (~counted.mated).sum() == (identities // 2) * (identities // 2 - 1) // 2 * 36
    assert verify(version).ok, verify(version)


def test_the_same_shards_give_the_same_pairs(version, tmp_path):
    shards = make_shards(tmp_path / "s", subjects=30)
    first, second = (publish_shards(shards, tmp_path / name).path for name in ("a", "b"))
    assert file_sha256(first / "pairs.parquet") == file_sha256(second / "pairs.parquet")


def test_verify_names_a_pair_that_lies(tmp_path):
    version = publish_shards(make_shards(tmp_path / "s", subjects=30), tmp_path / "out").path
    table = pq.read_table(version / "pairs.parquet")
    lies = pa.array([not table["mated"][0].as_py(), *table["mated"].to_pylist()[1:]])
    pq.write_table(table.set_column(2, "mated", lies), version / "pairs.parquet")
    problems = "\n".join(verify(version).problems)
    sample = table["sample_id_1"][0].as_py()
    assert f"pairs.parquet: {sample} and " in problems and "are not what their row says" in problems


def test_pairs_say_whether_they_cross_devices_and_sessions(tmp_path, version):
    old = pq.read_table(version / "pairs.parquet")
    assert old["cross_device"].null_count == old["cross_session"].null_count == len(old)
    taken = [("box", 0), ("box", 1), ("phone", 1)]
    rows = [
        {**row(s, "left", c), "capture_device": taken[c][0], "capture_session": taken[c][1]}
        for s in range(60)
        for c in range(3)
    ]
    made = publish_shards([write_shard(tmp_path / "s.parquet", rows)], tmp_path / "out").path
    images = pq.read_table(made / "manifest.parquet").to_pandas().set_index("sample_id")
    pairs = pq.read_table(made / "pairs.parquet").to_pandas()
    first, second = (images.loc[pairs[side]].reset_index() for side in ("sample_id_1", "sample_id_2"))
    assert (pairs.cross_device == (first.capture_device != second.capture_device)).all()
    mated = pairs.mated.astype(bool)
    assert pairs.cross_session[~mated].isna().all()
    other = first.capture_session != second.capture_session
    assert (pairs.cross_session[mated].astype(bool) == other[mated]).all() and 0 < other[mated].mean() < 1
