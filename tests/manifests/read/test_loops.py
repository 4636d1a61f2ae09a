"""Loops over a loader: each begins afresh, however the one before it ended; only a loaded state goes on."""

import itertools

import numpy as np
import pytest
from torch.utils.data import DataLoader

from manifests.read.balanced import PKOrder
from manifests.read.dataset import PalmDataset
from manifests.read.orders import EpochOrder
from manifests.read.stream import PalmStream
from tests.helpers.fake_shards import make_shards, publish_shards

pytestmark = pytest.mark.fresh_process
KINDS = ["map", "pk", "stream"]


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """48 images of 16 identities."""
    folder = tmp_path_factory.mktemp("loops")
    return publish_shards(make_shards(folder / "s", subjects=8), folder / "out").path


def make_loader(version, kind, workers):
    if kind == "stream":
        return PalmStream(version, batch_size=8, columns=["sample_id"]).loader(workers)
    data = PalmDataset(version, columns=["sample_id"])
    return data.loader(8, per_identity=2 * (kind == "pk"), batches=6 * (kind == "pk"), workers=workers)


def samples(batches):
    return [tuple(batch["sample_id"]) for batch in batches]


def check_epoch(epoch, kind):
    """A whole epoch: every image once, or as many balanced batches as it should have."""
    assert len(epoch) == 6 and {len(batch) for batch in epoch} == {8}
    if kind != "pk":
        assert len({sample for batch in epoch for sample in batch}) == 48


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_after_a_broken_one_is_a_whole_epoch(version, kind, workers):
    loader = make_loader(version, kind, workers)
    first = samples([next(iter(loader))])
    with pytest.raises(KeyError):
        for number, _ in enumerate(loader):
            if number == 2:
                raise KeyError("a mistake in a cell")
    for _ in loader:
        break
    epochs = [samples(loader), samples(loader)]
    for epoch in epochs:
        check_epoch(epoch, kind)
    assert epochs[0] != epochs[1] and first[0] not in (epochs[0][0], epochs[1][0])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_loops_within_loops_are_whole_and_differ(version, kind, workers):
    loader = make_loader(version, kind, workers)
    outer, inner = [], []
    for batch in loader:
        outer.append(tuple(batch["sample_id"]))
        if len(outer) in (1, 3):
            inner.append(samples(loader))
    for epoch in (outer, *inner):
        check_epoch(epoch, kind)
    assert len({tuple(epoch) for epoch in (outer, *inner)}) == 3
    assert loader.state_dict() == {"epoch": 3, "batch": 0}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_state_after_a_break_tells_the_place(version, kind, workers):
    whole = samples(make_loader(version, kind, workers))
    left = make_loader(version, kind, workers)
    head = samples(itertools.islice(left, 4))
    state = left.state_dict()
    assert state == {"epoch": 0, "batch": 4} and head == whole[:4]
    resumed = make_loader(version, kind, workers)
    resumed.load_state_dict(state)
    assert samples(resumed) == whole[4:]  # only the first loop goes on in the middle
    check_epoch(samples(resumed), kind)
    left.load_state_dict(state)
    assert samples(left) == whole[4:]


def test_a_chosen_epoch_is_that_epoch(version):
    loader = make_loader(version, "map", 0)
    epochs = [samples(loader) for _ in range(3)]
    next(iter(loader))
    loader.set_epoch(1)
    assert [samples(loader), samples(loader)] == epochs[1:]


@pytest.mark.parametrize(
    "order",
    [
        EpochOrder(np.arange(48) // 4, 8, seed=1),
        PKOrder(np.repeat(np.arange(16), 3), 4, 2, seed=1),
    ],
    ids=["EpochOrder", "PKOrder"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_an_order_in_the_loader_of_torch(version, order, workers):
    order.set_epoch(0)
    data = PalmDataset(version, image="none", columns=["sample_id"])
    loader = DataLoader(data, batch_sampler=order, num_workers=workers, collate_fn=len)
    next(iter(loader))
    assert len(list(loader)) == len(list(loader)) == 6
    order.set_epoch(0)
    assert sum(1 for _ in order for _ in order) == 36
    order.set_epoch(4)
    assert list(order) == [order.batch(4, number).tolist() for number in range(6)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_itself_and_in_the_loader_of_torch(version, workers):
    stream = PalmStream(version, columns=["sample_id"])
    loader = DataLoader(stream, None, num_workers=workers)
    next(iter(loader))
    for _ in range(2):
        assert len({item["sample_id"] for item in loader}) == 48
    seen = [item["sample_id"] for item, _ in zip(stream, range(3), strict=False)]
    assert len(seen) == 3 and len({item["sample_id"] for item in stream}) == 48
    assert sum(1 for _ in itertools.islice(stream, 3) for _ in stream) == 3 * 48
