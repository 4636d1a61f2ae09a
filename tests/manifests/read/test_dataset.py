"""PalmDataset and PalmStream: chosen rows, exact pictures, resumable, in forked and spawned workers."""

import io
import pickle
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from manifests.contract.images import decode, encode, pixels
from manifests.contract.schema import METADATA_KEY, SchemaError
from manifests.read.dataset import PalmDataset
from manifests.read.open import DatasetError
from manifests.read.stream import PalmStream
from tests.helpers.fake_shards import make_shards, publish_shards, row, write_shard


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """140 identities x 3 captures x 2 views, quality in steps, one augmented copy each: 1,680 images."""
    folder = tmp_path_factory.mktemp("loader")
    rows = []
    for subject in range(70):
        for hand in ("left", "right"):
            for number in range(12):
                capture, view, copy = number % 3, ("palm", "hand")[number // 3 % 2], number // 6
                made = row(subject, hand, capture)
                sample = f"{made['identity_id']}_c{capture:03d}_{view}"
                rows.append({
                    **made, "view": view, "sample_id": sample + "_a1" * copy, "augmented": bool(copy),
                    "parent_sample_id": sample if copy else None, "quality": number / 12,
                })  # fmt: skip
    return publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path


@pytest.fixture
def copy(version, tmp_path):
    return shutil.copytree(version, tmp_path / "copy")


def manifest(version):
    return pq.read_table(version / "manifest.parquet").to_pandas()


def files(version):
    """sha256 of the file -> picture, read by pandas and PIL."""
    tables = pd.concat(pd.read_parquet(file) for file in sorted((version / "data").iterdir()))
    return {r.sample_id: np.asarray(Image.open(io.BytesIO(r.image["bytes"]))) for r in tables.itertuples()}


def test_every_image_is_the_published_one_with_its_label(version):
    rows, pictures = manifest(version), files(version)
    dataset = PalmDataset(
        version.parent, columns=["sample_id", "landmarks", "identity_skin_tone"], check=True
    )
    assert len(dataset) == len(rows) == 1680 and dataset.labels.tolist() == rows.label.tolist()
    for index in (0, 17, 1679, -1):
        item, wanted = dataset[index % 1680], rows.iloc[index]
        assert item["image"].shape == (3, 16, 16) and item["image"].dtype == torch.uint8
        assert (item["image"].permute(1, 2, 0).numpy() == pictures[wanted.sample_id]).all()
        assert (item["sample_id"], item["label"]) == (wanted.sample_id, wanted.label)
        assert item["landmarks"].shape == (42,) and item["landmarks"].numpy() == pytest.approx(
            wanted.landmarks
        )
        assert item["identity_skin_tone"].item() == pytest.approx(wanted.identity_skin_tone)
    for item in dataset.loader(100):
        assert item["image"].shape == (len(item["sample_id"]), 3, 16, 16)
        for image, sample in zip(item["image"], item["sample_id"], strict=True):
            assert (image.permute(1, 2, 0).numpy() == pictures[sample]).all()


def test_forms_of_an_image(version):
    pictures = files(version)
    first = manifest(version).iloc[0]
    wanted, data = pictures[first.sample_id], PalmDataset(version, image="bytes")[0][0]
    assert (decode(data) == wanted).all()
    assert (PalmDataset(version, image="numpy")[0][0] == wanted).all()
    floats = PalmDataset(version, image="float32")[0][0]
    assert floats.dtype == torch.float32 and torch.equal(
        (floats * 255).round().byte().permute(1, 2, 0), torch.tensor(wanted)
    )
    halved = PalmDataset(version, transform=lambda image: image[:, ::2, ::2])
    assert halved[0][0].shape == (3, 8, 8) and halved.batch([0, 5])[0].shape == (2, 3, 8, 8)
    shutil_free = PalmDataset(version, image="none")
    assert shutil_free[3] == (None, 0) and not shutil_free.shards._files
    images, labels = PalmDataset(version, image="numpy").batch([0, 13])
    assert images.shape == (2, 16, 16, 3) and labels.tolist() == [0, 1]


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_the_fast_decoder_agrees_with_pillow(image_format):
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)
    picture = np.stack(np.broadcast_arrays(smooth[:, None], smooth, smooth[::-1]), -1)
    data = encode(picture, image_format, 90)
    ours = pixels(np.frombuffer(data, np.uint8)).astype(int)
    assert np.abs(ours - decode(data)).max() <= (0 if image_format == "png" else 3)


def test_choices_are_those_of_pandas(version):
    rows = manifest(version)
    tone = rows.identity_skin_tone
    ids = rows.sample_id[::7].tolist()
    for choice, mask in (
        ({"split": "train"}, rows.split == "train"),
        ({"split": ["validation", "test"]}, rows.split != "train"),
        ({"view": "palm", "hands": "left"}, (rows["view"] == "palm") & (rows.hand == "left")),
        ({"min_quality": 0.5}, rows.quality >= np.float32(0.5)),
        ({"skin_tone": (0, 30)}, (tone >= 0) & (tone <= 30)),
        ({"augmented": False}, ~rows.augmented),
        ({"samples": ids}, rows.sample_id.isin(ids)),
        ({}, rows.label >= 0),
    ):
        dataset = PalmDataset(version, image="none", columns=["sample_id"], **choice)
        assert dataset.rows["sample_id"].to_pylist() == rows.sample_id[mask].tolist(), choice
        again = PalmDataset(version, image="none", relabel=True, **choice)
        assert sorted(set(again.labels)) == list(range(len(again.identities)))
        assert [again.identities[label] for label in again.labels] == rows.identity_id[mask].tolist()


def test_a_file_of_samples(version, tmp_path):
    import duckdb

    query = f"select sample_id from '{version}/manifest.parquet' where hand = 'left' and capture = 1"
    for name in ("chosen.parquet", "chosen.csv"):
        duckdb.sql(f"copy ({query}) to '{tmp_path / name}'")
        assert len(PalmDataset(version, samples=tmp_path / name)) == len(duckdb.sql(query))
    with pytest.raises(DatasetError, match=r"none\.parquet: not a Parquet or CSV file"):
        PalmDataset(version, samples=tmp_path / "none.parquet")


def test_a_view_reads_like_a_version(version, tmp_path):
    from manifests.read.open import open_dataset
    from manifests.tools.select import select

    count = select(open_dataset(version), "hand = 'left' AND capture = 2", tmp_path / "view")
    view, whole = (PalmDataset(path, columns=["sample_id"]) for path in (tmp_path / "view", version))
    assert len(view) == count
    place = whole.rows["sample_id"].to_pylist().index(view[7]["sample_id"])
    assert torch.equal(view[7]["image"], whole[place]["image"]) and view[7]["label"] == whole[place]["label"]


def test_wrong_choices_are_named(version):
    with pytest.raises(DatasetError, match="unknown choice splits; valid: split, view"):
        PalmDataset(version, splits="train")  # type: ignore[call-arg]
    with pytest.raises(DatasetError, match="has no column colour; it has sample_id"):
        PalmDataset(version, columns=["colour"])
    with pytest.raises(DatasetError, match=r"no image is left of \{'view': 'foot'\}"):
        PalmDataset(version, view="foot")


@pytest.mark.fresh_process
@pytest.mark.parametrize(
    ("kind", "context"),  # torch's own loader sends the same dataset to spawned workers as ours of kind map
    [("map", "fork"), ("map", "spawn"), ("stream", "fork"), ("stream", "spawn"), ("torch", "fork")],
)
def test_workers_bring_every_item_once(version, kind, context):
    options = {"columns": ["sample_id"], "split": "train"}
    dataset = PalmDataset(version, **options)
    dataset[0]  # opens a file before the workers are forked
    if kind == "map":
        loader = dataset.loader(32, workers=2, multiprocessing_context=context)
    elif kind == "stream":
        stream = PalmStream(version, batch_size=32, **options)
        loader = stream.loader(workers=2, multiprocessing_context=context)
    else:
        loader = DataLoader(dataset, 32, num_workers=2, multiprocessing_context=context)
    batches = list(loader)
    assert len(batches) == len(loader)
    samples = [sample for batch in batches for sample in batch["sample_id"]]
    assert sorted(samples) == sorted(dataset.rows["sample_id"].to_pylist())
    if kind == "map":
        assert [b["sample_id"] for b in PalmDataset(version, **options).loader(32)] == [
            b["sample_id"] for b in batches
        ]  # the same order whatever the workers


@pytest.mark.fresh_process
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["map", "pk", "stream"])
def test_resume_is_exact_in_the_middle_of_an_epoch(version, kind, workers):
    def loader():
        options = {"columns": ["sample_id"], "view": "palm"}
        if kind == "stream":
            return PalmStream(version, batch_size=50, **options).loader(workers)
        return PalmDataset(version, **options).loader(50, per_identity=5 * (kind == "pk"), workers=workers)

    first = loader()
    told = [[b["sample_id"] for b in first] for _ in range(2)]
    assert told[0] != told[1]
    interrupted = loader()
    for _ in interrupted:
        pass
    for _, _ in zip(range(7), interrupted, strict=False):
        state = pickle.loads(pickle.dumps(interrupted.state_dict()))
    resumed = loader()
    resumed.load_state_dict(state)
    assert [b["sample_id"] for b in resumed] == told[1][7:]
    assert resumed.state_dict() == {"epoch": 2, "batch": 0}


def test_ranks_share_an_epoch_without_overlap(version):
    seen = []
    for rank in range(3):
        stream = PalmStream(version, batch_size=16, columns=["sample_id"], rank=rank, ranks=3)
        part = [sample for batch in stream for sample in batch["sample_id"]]
        assert len(part) == 1680 // 3
        seen += part
    assert len(set(seen)) == 1680


def test_a_stream_of_single_items_and_its_own_state(version):
    stream = PalmStream(version, split="test", columns=["sample_id"])
    samples = [item["sample_id"] for item in stream]
    assert len(samples) == len(set(samples)) == len(stream)
    other = PalmStream(version, split="test", columns=["sample_id"])
    items = iter(other)
    for _ in range(9):
        next(items)
    again = PalmStream(version, split="test", columns=["sample_id"])
    again.load_state_dict(other.state_dict())
    assert [item["sample_id"] for item in again] == samples[9:]
    assert again.state_dict() == {"epoch": 1, "position": 0}


def test_the_cache_is_bounded(version):
    dataset = PalmDataset(version, cache_bytes=1)
    for index in np.random.default_rng(0).permutation(len(dataset))[:50]:
        dataset[index]
    assert len(dataset.shards._groups) == 1
    blocks, held = dataset.blocks()
    assert held == 1 and len(np.unique(blocks)) >= 1680 // 256


def test_a_missing_shard_is_named_and_the_rest_stays_readable(copy, caplog):
    gone = sorted(copy.glob("data/train-*"))[1]
    gone.unlink()
    with pytest.raises(DatasetError, match=f"{gone.name}: this shard is missing"):
        PalmDataset(copy)
    rows = manifest(copy)
    dataset = PalmDataset(copy, on_error="skip", columns=["sample_id"])
    assert f"{gone.name}: this shard is missing" in caplog.text
    left = rows[rows.shard != f"data/{gone.name}"].sample_id.tolist()
    assert sorted(s for b in dataset.loader(64) for s in b["sample_id"]) == sorted(left) and len(left) < 1680
    assert len(PalmDataset(copy, split="test")) == (rows.split == "test").sum()


def damage(copy, file, place, value):
    """Give one row of a shard another value, the Parquet file staying whole."""
    import pyarrow as pa

    table = pq.read_table(file, partitioning=None)
    values = table["image"].to_pylist()
    values[place]["bytes"] = value
    index = table.schema.get_field_index("image")
    table = table.set_column(
        index, table.schema.field("image"), pa.array(values, table.schema.field("image").type)
    )
    pq.write_table(table, file)
    return table["sample_id"][place].as_py()


def test_a_wrong_hash_is_named_and_the_rest_stays_readable(copy, caplog):
    file = sorted(copy.glob("data/test-*"))[0]
    other = encode(np.zeros((16, 16, 3), np.uint8))
    sample = damage(copy, file, 5, other)
    with pytest.raises(
        DatasetError, match=f"{sample}: its bytes in data/{file.name} do not match its sha256"
    ):
        list(PalmDataset(copy, split="test", check=True).loader(64))
    dataset = PalmDataset(copy, split="test", check=True, on_error="skip", columns=["sample_id"])
    samples = [s for b in dataset.loader(64) for s in b["sample_id"]]
    assert len(samples) == len(dataset) - 1 and sample not in samples
    assert f"{sample}: its bytes" in caplog.text and "it is skipped" in caplog.text


def test_bytes_that_are_no_picture_are_named(copy):
    file = sorted(copy.glob("data/test-*"))[0]
    for value in (b"", b"no picture"):
        sample = damage(copy, file, 5, value)
        with pytest.raises(DatasetError, match=f"{sample}: its bytes are no picture"):
            list(PalmDataset(copy, split="test").loader(64, workers=0))


def test_a_torn_shard_is_named(copy):
    file = sorted(copy.glob("data/test-*"))[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=rf"{file.name}: cannot be read.*fetch the version again"):
        list(PalmDataset(copy, split="test").loader(64))
    assert len(list(PalmDataset(copy, split="train").loader(64))) > 1


def test_unknown_schema_versions_are_named(copy):
    file = sorted(copy.glob("data/test-*"))[0]
    for target in (file, copy / "manifest.parquet"):
        table = pq.read_table(target, partitioning=None)
        metadata = table.schema.metadata
        metadata[METADATA_KEY] = metadata[METADATA_KEY].replace(b'"schema_version":1', b'"schema_version":7')
        pq.write_table(table.replace_schema_metadata(metadata), target)
        with pytest.raises((DatasetError, SchemaError), match=rf"{target.name}: unknown schema version 7"):
            list(PalmDataset(copy, split="test").loader(64))


@pytest.mark.parametrize("shard", ["../../elsewhere.parquet", "/etc/passwd"])
def test_a_path_that_leaves_the_dataset_is_named(copy, shard, caplog):
    table = pq.read_table(copy / "manifest.parquet")
    values = table["shard"].to_pylist()
    values[3] = shard
    index = table.schema.get_field_index("shard")
    import pyarrow as pa

    pq.write_table(
        table.set_column(index, table.schema.field("shard"), pa.array(values)), copy / "manifest.parquet"
    )
    with pytest.raises(DatasetError, match=f"the path {shard!r} leaves the dataset"):
        PalmDataset(copy)
    assert len(PalmDataset(copy, on_error="skip")) == 1679 and "leaves the dataset" in caplog.text


def test_views_of_two_sizes_in_one_batch_are_refused(tmp_path):
    rows = [row(0, "left", 0), {**row(0, "left", 1, size=24), "view": "hand"}]
    mixed = publish_shards([write_shard(tmp_path / "s.parquet", rows)], tmp_path / "out").path
    with pytest.raises(DatasetError, match="24 x 24 px beside 16 x 16 in one batch: choose one view"):
        PalmDataset(mixed).batch([0, 1])


def test_a_version_without_judgements_has_no_quality_to_choose_by(tmp_path):
    plain = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out").path
    table = pq.read_table(plain / "manifest.parquet")
    if "quality" in table.schema.names:
        pq.write_table(table.drop_columns(["quality"]), plain / "manifest.parquet")
    with pytest.raises(DatasetError, match="has no column quality"):
        PalmDataset(plain, min_quality=0.5)
