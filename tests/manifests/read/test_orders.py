"""Orders: exact P and K, identities equally often, ranks disjoint, resumable anywhere, in little memory."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.read.balanced import PKOrder
from manifests.read.orders import EpochOrder, windowed

SHAPES = st.tuples(st.lists(st.integers(1, 9), min_size=6, max_size=40), st.integers(1, 3), st.integers(1, 4))


def labels_of(counts, seed=0):
    """Labels, not in order, with gaps, `counts` images each."""
    labels = np.repeat(np.arange(len(counts)) * 3, counts)
    return np.random.default_rng(seed).permutation(labels)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 2), st.integers(0, 99), st.booleans())
def test_p_identities_of_k_images_each_equally_often_on_disjoint_ranks(shape, ranks, seed, near):
    counts, p, k = shape
    labels = labels_of(counts)
    blocks = np.arange(len(labels)) // 4 if near else None
    orders = [
        PKOrder(labels, p, k, seed=seed, rank=r, ranks=ranks, batches=7, blocks=blocks, window=2)
        for r in range(ranks)
    ]
    turns = Counter({int(label): 0 for label in labels})
    steps = len(counts) * 2  # a whole number of rounds
    for step in range(steps):
        batches = [order.batch(*divmod(step, 7)) for order in orders]
        chosen = np.concatenate([labels[b].reshape(p, k) for b in batches])
        assert (chosen == chosen[:, :1]).all()  # K of each, together
        assert len(set(chosen[:, 0])) == p * ranks  # P of each rank, and no identity on two ranks
        turns.update(chosen[:, 0].tolist())
        assert max(turns.values()) - min(turns.values()) <= 1
        for rows, identity in zip(np.concatenate(batches).reshape(-1, k), chosen[:, 0], strict=True):
            assert len(set(rows)) == min(k, counts[identity // 3])  # different while there are enough
    assert set(turns.values()) == {2 * p * ranks}


def test_all_images_are_shown_before_one_is_shown_again():
    labels = np.repeat(np.arange(10), 8)
    order = PKOrder(labels, 5, 4, seed=3, batches=4)
    for epoch in range(3):
        rows = np.concatenate([order.batch(epoch, n) for n in range(4)])
        assert sorted(rows) == list(range(80))
    other = [PKOrder(labels, 5, 4, seed=4, batches=4).batch(0, n).tolist() for n in range(4)]
    assert other != [order.batch(0, n).tolist() for n in range(4)]


def test_same_seed_same_batches_from_any_batch_on():
    labels = labels_of([3, 5, 4, 8, 2, 6, 7])
    whole = PKOrder(labels, 3, 2, seed=1)
    told = [list(whole) for _ in range(3)]
    for epoch in range(3):
        for number in (0, 1, len(whole) - 1):
            again = PKOrder(labels, 3, 2, seed=1)
            again.load_state_dict({"epoch": epoch, "batch": number})
            assert list(again) == told[epoch][number:] and again.state_dict() == {
                "epoch": epoch + 1,
                "batch": 0,
            }
    assert told[0] != told[1]


def test_too_few_identities_are_refused():
    with pytest.raises(ValueError, match="12 identities a step are asked for, there are 10"):
        PKOrder(np.arange(10), 6, 2, ranks=2)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 17), st.integers(1, 4), st.integers(0, 9), st.booleans())
def test_an_epoch_has_every_row_once_and_ranks_share_it(rows, batch_size, ranks, seed, shuffle):
    blocks = np.arange(rows) // 16
    orders = [
        EpochOrder(blocks, batch_size, seed=seed, shuffle=shuffle, window=2, rank=r, ranks=ranks)
        for r in range(ranks)
    ]
    for epoch in range(2):
        parts = [[row for number in range(len(o)) for row in o.batch(epoch, number)] for o in orders]
        assert {len(part) for part in parts} == {rows // ranks}
        seen = [row for part in parts for row in part]
        assert len(set(seen)) == len(seen) == rows // ranks * ranks
        assert [list(o) for o in orders] == [
            [o.batch(epoch, n).tolist() for n in range(len(o))] for o in orders
        ]
    if not shuffle:
        assert sorted(seen) == seen


def test_a_window_holds_few_blocks_and_mixes_them():
    blocks = np.repeat(np.arange(100), 50)
    order = windowed(blocks, 8, np.random.default_rng(0))
    assert sorted(order) == list(range(5000))
    for first in range(0, 4800, 400):
        assert len(set(blocks[order[first : first + 400]])) == 8
        assert len(set(blocks[order[first : first + 40]])) >= 6
    assert len(EpochOrder(blocks, 64, drop_last=True)) == 78


LARGE = """
import sys
import numpy as np
from manifests.read.balanced import PKOrder
labels = np.repeat(np.arange(1_000_000), 10)
order = PKOrder(labels, 64, 4, seed=1)
order.load_state_dict({"epoch": 0, "batch": 20_000})
seen = [labels[np.array(rows)] for _, rows in zip(range(200), order)]
assert all(len(np.unique(s)) == 64 and len(s) == 256 for s in seen)
assert "torch" not in sys.modules
# VmHWM, because ru_maxrss still holds what the test process had when it forked
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""


def test_ten_million_rows_take_less_than_a_gigabyte():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 1024
