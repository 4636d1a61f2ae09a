"""Versions are written as the contract says: same rows everywhere, same bytes again, memory flat."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.contract.schema import SchemaError
from manifests.files.layout import SHARD_NAME
from manifests.publish.parts import Part
from manifests.publish.survey import ShardError, survey
from manifests.tools.verify import verify
from tests.helpers.fake_shards import HANDS, make_shards, publish_shards, row, write_shard


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_manifest_and_data_hold_the_same_rows(tmp_path: Path) -> None:
    version = publish_shards(make_shards(tmp_path / "shards"), tmp_path / "out").path
    manifest = pq.read_table(version / "manifest.parquet")
    for name in sorted(set(manifest["shard"].to_pylist())):
        data = pq.read_table(version / name)
        assert (
            data.drop_columns(["image"]).to_pylist()
            == manifest.filter(pc.equal(manifest["shard"], name)).to_pylist()
        )
        assert data["row"].to_pylist() == list(range(len(data)))
        assert [i["path"] for i in data["image"].to_pylist()] == data["file_name"].to_pylist()


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.sampled_from(HANDS), st.integers(1, 5)), min_size=1, max_size=12),
    per_shard=st.integers(1, 30),
)
def test_labels_are_contiguous_splits_disjoint_and_sums_close(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[str, int]], per_shard: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [row(s, hand, c, size=4) for s, (hand, count) in enumerate(sizes) for c in range(count)]
    shards = [
        write_shard(folder / f"{first}.parquet", rows[first : first + per_shard])
        for first in range(0, len(rows), per_shard)
    ]
    version = publish_shards(shards, folder / "out")
    manifest = pq.read_table(version.path / "manifest.parquet")
    identities = pq.read_table(version.path / "identities.parquet")
    labels = dict(zip(manifest["identity_id"].to_pylist(), manifest["label"].to_pylist(), strict=True))
    assert list(labels.values()) == list(range(len(sizes)))
    assert len(identities) == version.identities == len(sizes)
    assert sum(identities["images"].to_pylist()) == version.images == len(manifest) == len(rows)
    for split in set(manifest["split"].to_pylist()):
        part = manifest.filter(pc.equal(manifest["split"], split))
        assert sorted(set(part["split_label"].to_pylist())) == list(
            range(len(set(part["identity_id"].to_pylist())))
        )
    pairs = set(zip(manifest["subject_id"].to_pylist(), manifest["split"].to_pylist(), strict=True))
    assert len(pairs) == len({subject for subject, _ in pairs})
    assert manifest["sample_id"].to_pylist() == [r["sample_id"] for r in rows]
    for name in set(manifest["shard"].to_pylist()):
        for held in pq.read_table(version.path / name).to_pylist():
            assert hashlib.sha256(held["image"]["bytes"]).hexdigest() == held["sha256"]
    assert verify(version.path).ok


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "shards", subjects=8, captures=20)
    one = publish_shards(shards, tmp_path / "one").path
    other = publish_shards(shards, tmp_path / "other").path
    assert tree(one) == tree(other)


def test_content_is_told_by_rows_and_not_by_how_their_files_are_cut(tmp_path: Path) -> None:
    rows = [row(0, "left", number, size=4) for number in range(60)]
    kept = np.flatnonzero(np.arange(60) % 7)
    found = set()
    for group in (3, 20, 60):
        whole = write_shard(tmp_path / f"{group}.parquet", rows)
        pq.write_table(pq.read_table(whole), whole, row_group_size=group)
        found.add(tuple(survey([part], "recipe").content for part in (whole, Part(whole, kept))))
    assert len(found) == 1


def test_pages_of_images_end_where_the_content_says(tmp_path: Path) -> None:
    """As pyarrow's own content-defined chunking cuts them, which pages of equal size are not."""
    shard = write_shard(tmp_path / "s.parquet", [row(0, "left", n, size=160) for n in range(60)])
    file = next((publish_shards([shard], tmp_path / "out").path / "data").glob("*.parquet"))
    sizes = []
    for chunking in (True, False):
        again = tmp_path / "again.parquet"
        plain = {"column_encoding": {"image.bytes": "PLAIN"}, "use_dictionary": False, "compression": "none"}
        more = {"write_statistics": False, "write_page_checksum": True}
        pq.write_table(pq.read_table(file), again, use_content_defined_chunking=chunking, **plain, **more)
        sizes.append(image_column(again).total_compressed_size)
    ours = image_column(file).total_compressed_size  # the header of a page has some 30 bytes
    assert abs(ours - sizes[0]) < 15 and abs(ours - sizes[1]) > 60


def image_column(file: Path) -> pq.ColumnChunkMetaData:
    group = pq.read_metadata(file).row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
    return columns["image.bytes"]


def test_parquet_is_laid_out_for_readers(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "shards", subjects=12, captures=40, size=4)
    version = publish_shards(shards, tmp_path / "out").path
    files = sorted((version / "data").glob("train-*.parquet"))
    assert len(files) > 2
    assert {SHARD_NAME.match(f"data/{f.name}")[3] for f in files} == {f"{len(files):05d}"}
    identities = [set(pq.read_table(f, columns=["identity_id"])["identity_id"].to_pylist()) for f in files]
    assert len(set.union(*identities)) == sum(map(len, identities))  # whole identities
    for file in files:
        metadata = pq.read_metadata(file)
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        assert all(50 <= g.num_rows <= 100 for g in groups)  # as the hub's viewer reads them
        columns = {c.path_in_schema: c for g in groups for c in map(g.column, range(g.num_columns))}
        images = columns.pop("image.bytes")
        assert images.compression == "UNCOMPRESSED" and set(images.encodings) == {"RLE", "PLAIN"}
        assert not images.is_stats_set and images.has_offset_index
        assert all(c.compression == "ZSTD" for c in columns.values())
        assert columns["identity_id"].has_dictionary_page
        assert not columns["sha256"].has_dictionary_page
        assert columns["sample_id"].is_stats_set
        assert columns["label"].has_column_index


def test_parameters_keep_one_type_over_all_shards(tmp_path: Path) -> None:
    first = row(0, "left", 0) | {"identity_scars": None, "capture_light": None, "identity_skin_tone": 20}
    second = row(1, "left", 0) | {"identity_scars": 2, "capture_light": "lamp", "identity_skin_tone": 20.5}
    shards = [write_shard(tmp_path / "a.parquet", [first]), write_shard(tmp_path / "b.parquet", [second])]
    version = publish_shards(shards, tmp_path / "out").path
    manifest = pq.read_table(version / "manifest.parquet")
    assert manifest["identity_skin_tone"].to_pylist() == [20.0, 20.5]
    assert manifest["identity_scars"].to_pylist() == [None, 2]
    assert manifest["capture_light"].to_pylist() == [None, "lamp"]
    assert manifest["source_license"].to_pylist() == ["CC0", "CC0"]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (
            {"sha256": "0" * 64},
            ShardError,
            r"b\.parquet: s000001_left_c000_palm: the image does not match its sha256",
        ),
        ({"split": "dev"}, ShardError, "unknown split 'dev'"),
        ({"identity_id": "s000000_left"}, ShardError, "s000000_left appears twice"),
        ({"subject_id": "s000000", "split": "test"}, ShardError, "subject s000000 is in two splits"),
        ({"label": "x", "hand": None, "capture": "one"}, SchemaError, r"b\.parquet: a column has a type"),
        ({"identity_extra": 1}, SchemaError, r"b\.parquet: columns identity_extra are not in every shard"),
        ({"identity_scars": "many"}, SchemaError, r"b\.parquet: parameter columns differ in type"),
    ],
)
def test_a_wrong_shard_is_named(tmp_path: Path, change: dict, error: type[Exception], said: str) -> None:
    rows = [row(0, "left", 0), row(2, "left", 0), row(1, "left", 0) | change]
    shards = [write_shard(tmp_path / "a.parquet", rows[:2]), write_shard(tmp_path / "b.parquet", rows[2:])]
    with pytest.raises(error, match=said):
        publish_shards(shards, tmp_path / "out")
    assert not list((tmp_path / "out").glob("palms/*/*"))


def test_unreadable_missing_and_incomplete_shards_are_named(tmp_path: Path) -> None:
    good = write_shard(tmp_path / "good.parquet", [row(0, "left", 0)])
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(good.read_bytes()[:-10])
    with pytest.raises(ShardError, match=r"cut\.parquet: unreadable shard.*Run the same command again"):
        publish_shards([good, cut], tmp_path / "out")
    with pytest.raises(ShardError, match=r"gone\.parquet: unreadable shard"):
        publish_shards([good, tmp_path / "gone.parquet"], tmp_path / "out")
    poor = write_shard(tmp_path / "poor.parquet", [{"sample_id": "x"}])
    with pytest.raises(SchemaError, match=r"poor\.parquet: the shard lacks the columns identity_id"):
        publish_shards([poor], tmp_path / "out")
    with pytest.raises(ShardError, match="no images to publish"):
        publish_shards([], tmp_path / "out")


MEASURE = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from tests.helpers.fake_shards import publish_shards
publish_shards(sorted(Path(sys.argv[2]).glob("*.parquet")), Path(sys.argv[2]) / "out")
# VmHWM, because ru_maxrss still holds what the test process had when it forked
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""


def peak_mib(folder: Path) -> int:
    """Peak memory in MiB of a process that publishes the shards of `folder`."""
    arguments = [sys.executable, "-c", MEASURE, str(Path(__file__).parents[3]), str(folder)]
    return int(subprocess.run(arguments, check=True, capture_output=True, text=True, env=os.environ).stdout)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    rows = [row(0, "left", c, size=64) for c in range(100)]
    for name, subjects in (("small", 5), ("large", 65)):  # 6 and 82 MB
        for subject in range(subjects):
            ids = {"identity_id": f"s{subject:06d}_left", "subject_id": f"s{subject:06d}"}
            table = pa.Table.from_pylist([r | ids for r in rows])
            (tmp_path / name).mkdir(exist_ok=True)
            pq.write_table(table, tmp_path / name / f"{subject:03d}.parquet")
    assert peak_mib(tmp_path / "large") - peak_mib(tmp_path / "small") < 50


def test_growing_keeps_labels_and_images(tmp_path):
    columns = ["sample_id", "label", "split", "split_label", "sha256"]
    small = publish_shards(make_shards(tmp_path / "a", subjects=9), tmp_path / "small").path
    large = publish_shards(make_shards(tmp_path / "b", subjects=20), tmp_path / "large").path
    before, after = (
        pq.read_table(v / "manifest.parquet", columns=columns).to_pylist() for v in (small, large)
    )
    assert after[: len(before)] == before and len(after) > len(before)
