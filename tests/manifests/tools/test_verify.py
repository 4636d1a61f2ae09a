"""Verification finds and names every kind of damage."""

import os
import shutil
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.contract.schema import JUDGED, SchemaError
from manifests.files.layout import CHECKSUMS, file_sha256
from manifests.read.dataset import PalmDataset
from manifests.read.open import DatasetError, open_dataset
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    extras = {"contact_sheet.png": b"not a picture, but hashed"}
    return publish_shards(make_shards(folder / "s", subjects=10), folder / "out", extras=extras).path


@pytest.fixture
def version(published, tmp_path):
    return shutil.copytree(published, tmp_path / "copy")


def reseal(version):
    """Make SHA256SUMS agree with the files, as one who tampers with a version would."""
    files = sorted(p for p in version.rglob("*") if p.is_file() and p.name != CHECKSUMS)
    lines = [f"{file_sha256(p)}  {p.relative_to(version).as_posix()}\n" for p in files]
    (version / CHECKSUMS).write_text("".join(lines))


def rewrite(file, change):
    """Rewrite a Parquet file with its table changed and its checksum made good."""
    table = change(pq.read_table(file, partitioning=None))
    pq.write_table(table, file)
    reseal(file.parent if file.parent.name != "data" else file.parent.parent)


def with_value(column, row, value):
    def change(table):
        values = table[column].to_pylist()
        values[row] = value
        index = table.schema.get_field_index(column)
        return table.set_column(
            index, table.schema.field(column), pa.array(values, table.schema.field(column).type)
        )

    return change


def without_row(row):
    return lambda table: pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def test_a_good_version_is_good(version):
    findings = verify(version)
    assert findings.ok and (findings.images, findings.identities) == (60, 20)
    assert findings.files == len(list_files(version)) - 1
    assert "every byte is as it was published" in str(findings)


def list_files(version):
    return [p for p in version.rglob("*") if p.is_file()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_found_and_its_file_named(published, tmp_path_factory, data):
    version = tmp_path_factory.getbasetemp() / "flipped"
    shutil.copytree(published, version, dirs_exist_ok=True)
    file = data.draw(st.sampled_from(sorted(list_files(version))))
    content = bytearray(file.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    findings = verify(version)
    assert not findings.ok
    assert any(file.name in problem for problem in findings.problems)


def test_a_flipped_bit_in_an_image_names_the_sample(version):
    file = sorted((version / "data").glob("train-*"))[0]

    def flip(table):
        images = table["image"].to_pylist()
        images[2]["bytes"] = images[2]["bytes"][:-1] + b"\0"
        return table.set_column(
            table.schema.get_field_index("image"),
            table.schema.field("image"),
            pa.array(images, table.schema.field("image").type),
        )

    sample = pq.read_table(file)["sample_id"][2].as_py()
    rewrite(file, flip)
    assert verify(version).problems == [f"data/{file.name}: {sample}: the image does not match its sha256"]


def test_a_row_missing_from_the_manifest(version):
    row = open_dataset(version).rows().slice(4, 1).to_pylist()[0]
    rewrite(version / "manifest.parquet", without_row(4))
    problems = "\n".join(verify(version).problems)
    assert f"manifest.parquet: row {row['row']} of {row['shard']} is missing" in problems
    assert "identities.parquet: counts other images" in problems


def test_a_row_missing_from_a_shard(version):
    file = sorted((version / "data").glob("train-*"))[0]
    last = pq.read_metadata(file).num_rows - 1
    sample = pq.read_table(file)["sample_id"][last].as_py()
    rewrite(file, without_row(last))
    assert verify(version).problems == [f"data/{file.name}: row {last}, {sample}, of the manifest is missing"]


def test_rows_that_differ_are_named_with_the_column(version):
    file = sorted((version / "data").glob("train-*"))[0]
    sample = pq.read_table(file)["sample_id"][1].as_py()
    rewrite(file, with_value("capture_light", 1, "moon"))
    assert verify(version).problems == [
        f"data/{file.name}: {sample}: differs from the manifest in capture_light"
    ]


def test_a_foreign_file_and_a_link(version):
    (version / "data" / "extra.parquet").write_bytes(b"x")
    (version / "link").symlink_to("/etc/passwd")
    problems = "\n".join(verify(version).problems)
    assert "data/extra.parquet: a foreign file" in problems
    assert "link: not a plain file" in problems


@pytest.mark.parametrize(
    "name", ["data", "manifest.parquet", "identities.parquet", "README.md", "contact_sheet.png"]
)
def test_a_missing_file_is_named_and_the_rest_stays_readable(version, name):
    file = sorted((version / "data").glob("train-*"))[0] if name == "data" else version / name
    file.unlink()
    problems = verify(version).problems if name != "manifest.parquet" else []
    if name == "manifest.parquet":
        with pytest.raises(DatasetError, match=r"no manifest\.parquet"):
            verify(version)
    else:
        assert any(p.startswith(f"{file.relative_to(version)}: missing") for p in problems)
    if name == "data":
        rows = open_dataset(version).rows()
        good = rows.filter(pa.compute.not_equal(rows["shard"], f"data/{file.name}"))
        assert len(list(open_dataset(version).images(good))) == len(good) > 0
        with pytest.raises(DatasetError, match=file.name):
            list(open_dataset(version).images(rows))


@pytest.mark.parametrize(
    "shard", ["../../secret.parquet", "/etc/passwd", "data/../../x.parquet", "data/other.parquet"]
)
def test_a_path_that_leaves_the_dataset(version, shard):
    rewrite(version / "manifest.parquet", with_value("shard", 0, shard))
    sample = open_dataset(version).rows()["sample_id"][0].as_py()
    assert f"manifest.parquet: {sample}: its shard {shard!r} leaves the dataset" in verify(version).problems
    with pytest.raises(DatasetError, match=r"leaves the dataset|cannot be read"):
        list(open_dataset(version).images(open_dataset(version).rows()))


def test_a_file_name_that_leaves_the_dataset(version):
    rewrite(version / "manifest.parquet", with_value("file_name", 0, "../../.bashrc"))
    assert any("its file name '../../.bashrc' leaves the dataset" in p for p in verify(version).problems)


@pytest.mark.parametrize("kind", ["hub", "folder", "one shard"])
def test_a_copy_of_links_is_the_version(version, tmp_path, kind):
    """As a hub's cache, DVC or a full disk keeps it: bytes elsewhere, links in their place."""
    (tmp_path / "blobs").mkdir()
    shards = sorted((version / "data").iterdir())
    if kind == "folder":
        shutil.move(version / "data", tmp_path / "blobs" / "data")
        (version / "data").symlink_to(tmp_path / "blobs" / "data")
    files = {"hub": [p for p in version.rglob("*") if p.is_file()], "one shard": shards[:1]}.get(kind, [])
    for number, file in enumerate(files):
        blob = shutil.move(file, tmp_path / "blobs" / str(number))
        file.symlink_to(os.path.relpath(blob, file.parent) if number % 2 else blob)
    (version / ".cache" / "huggingface").mkdir(parents=True)
    (version / ".cache" / "huggingface" / "CACHEDIR.TAG").write_text("x")
    assert verify(version).ok, verify(version).problems
    rows = open_dataset(version).rows()
    assert [sha256(b).hexdigest() for b in open_dataset(version).images(rows)] == rows["sha256"].to_pylist()
    assert len(PalmDataset(version, check=True).batch(range(len(rows)))[1]) == len(rows)
    target = shards[0].resolve()
    target.write_bytes(target.read_bytes()[:-1] + b"x")
    assert any("its bytes are not those" in p for p in verify(version).problems)
    target.unlink()
    told = "\n".join(verify(version).problems)
    assert (
        "missing" in told if kind == "folder" else f"it is a link to {target.parent}" in told or "../" in told
    )


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("label", 7, "label 7 is not contiguous"),
        ("split_label", 7, "its split_label is not contiguous"),
        ("synthetic", False, "is not marked synthetic"),
        ("subject_id", None, "null in subject_id"),
        ("row", -3, "row -3"),
        ("row", 10**12, f"row {10**12}"),
    ],
)
def test_broken_rules_are_named(version, column, value, said):
    rewrite(version / "manifest.parquet", with_value(column, 0, value))
    assert any(said in problem for problem in verify(version).problems)


def test_a_subject_in_two_splits(version):
    rows = open_dataset(version).rows().to_pylist()
    train = next(r["subject_id"] for r in rows if r["split"] == "train")
    other = next(i for i, r in enumerate(rows) if r["split"] != "train")
    rewrite(version / "manifest.parquet", with_value("subject_id", other, train))
    assert any("its subject is in two splits" in p for p in verify(version).problems)


def test_an_unknown_schema_version_is_refused_by_name(version):
    file = version / "manifest.parquet"
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({b"palmforge": b'{"schema_version": 99}'}), file)
    with pytest.raises(
        SchemaError, match=r"manifest\.parquet: unknown schema version 99; this palmforge reads 1: upgrade"
    ):
        open_dataset(version)
    assert any("unknown schema version 99" in p for p in verify(version).problems)


def test_a_parquet_file_of_another_tool_is_refused(version):
    pq.write_table(pa.table({"a": [1]}), version / "manifest.parquet")
    with pytest.raises(SchemaError, match="not a palmforge table"):
        open_dataset(version)
    (version / "manifest.parquet").write_bytes(b"PAR1garbagePAR1")
    with pytest.raises(DatasetError, match=r"manifest\.parquet: damaged"):
        open_dataset(version)


def test_no_dataset_is_said_plainly(tmp_path):
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(DatasetError, match="neither a version"):
            verify(path)


def test_images_come_in_the_order_asked_for(version):
    dataset = open_dataset(version)
    rows = dataset.rows().take(np.random.default_rng(3).permutation(60))
    assert [sha256(image).hexdigest() for image in dataset.images(rows)] == rows["sha256"].to_pylist()


def test_a_version_wrong_everywhere_is_told_shortly(version):
    rewrite(
        version / "manifest.parquet", lambda t: t.set_column(2, "label", pa.array([5] * len(t), pa.int64()))
    )
    text = str(verify(version))
    assert "and" in text.splitlines()[-1] and "more" in text and len(text.splitlines()) == 22


def test_a_version_made_before_the_gates_still_verifies(version):
    """Columns added later are absent from what was published earlier."""
    for file in [version / "manifest.parquet", *(version / "data").glob("*.parquet")]:
        rewrite(file, lambda table: table.drop_columns(list(JUDGED)))
    assert verify(version).ok, str(verify(version))
