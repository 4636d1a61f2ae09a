"""Items and batches as torch users take them: from the end, contiguous, without None."""

import math

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, random_split

from manifests.read.dataset import PalmDataset
from tests.helpers.fake_shards import publish_shards, row, write_shard


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """12 images; some columns are null in every row but one."""
    folder = tmp_path_factory.mktemp("items")
    rows = [
        row(subject, hand, number) for subject in (0, 1, 2) for hand in ("left", "right") for number in (0, 1)
    ]
    rows = [{**made, "quality": None, "parent_sample_id": None} for made in rows]
    rows[0] |= {"quality": 0.5, "parent_sample_id": rows[1]["sample_id"]}
    return publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path


@pytest.mark.parametrize("index", [-1, -12, np.int64(-1), np.uint8(3), torch.tensor(-2)])
@pytest.mark.parametrize("columns", [[], ["sample_id", "landmarks", "quality"]])
def test_any_integer_is_an_index(version, index, columns):
    data = PalmDataset(version, columns=columns)
    items = [data[index], data[int(index) % 12], data.__getitems__([index])[0]]
    images = [item["image"] if columns else item[0] for item in items]
    assert torch.equal(images[0], images[1]) and torch.equal(images[0], images[2])
    if columns:
        assert len({item["sample_id"] for item in items}) == 1
        assert data.batch([index])["sample_id"] == [items[0]["sample_id"]]


@pytest.mark.parametrize("image", ["uint8", "none"])
@pytest.mark.parametrize("columns", [[], ["sample_id"]])
def test_an_index_too_far_ends_a_loop(version, image, columns):
    data = PalmDataset(version, image=image, columns=columns)
    for index in (12, -13):
        with pytest.raises(IndexError, match=f"no item {index}: there are 12"):
            data[index]
    assert len(list(data)) == 12


@pytest.mark.parametrize("image", ["uint8", "float32"])
def test_images_are_contiguous(version, image):
    data = PalmDataset(version, image=image, view="palm")
    for loader in (data.loader(4), DataLoader(data, 4)):
        images, _ = next(iter(loader))
        assert images.is_contiguous() and images.view(len(images), -1).shape == (4, 3 * 16 * 16)
        features = torch.nn.Conv2d(3, 2, 3)(images.float())
        assert (
            features.view(len(images), -1).shape[0] == 4
        )  # channels-last memory would come out of it as it is
    assert data[0][0].view(-1).shape == (3 * 16 * 16,)
    assert np.array_equal(data.batch([0])[0][0], data[0][0])


def test_columns_that_are_null_are_collated(version):
    columns = ["parent_sample_id", "quality", "augmentation", "leak_score"]
    data = PalmDataset(version, columns=columns)
    ours = next(iter(data.loader(12, shuffle=False)))
    theirs = next(iter(DataLoader(data, 12)))
    for batch in (ours, theirs):
        assert batch["augmentation"] == [""] * 12 and batch["leak_score"].isnan().all()
        known = (~batch["quality"].isnan()).nonzero().ravel().tolist()
        assert len(known) == 1 and batch["quality"][known[0]] == 0.5
        assert batch["quality"].dtype == torch.float32
        assert [bool(parent) for parent in batch["parent_sample_id"]].count(True) == 1
    assert torch.equal(ours["image"], theirs["image"]) and math.isnan(data[0]["leak_score"])


def test_parts_of_a_dataset(version):
    data = PalmDataset(version, columns=["sample_id"])
    one, other = random_split(data, [8, 4], generator=torch.Generator().manual_seed(0))
    found = [name for part in (one, other) for batch in DataLoader(part, 3) for name in batch["sample_id"]]
    assert len(set(found)) == 12
    assert Subset(data, [-1])[0]["sample_id"] == data[11]["sample_id"]
