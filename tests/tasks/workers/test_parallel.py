"""The process map keeps order, reads ahead little, and loses nothing but the item that kills its process."""

import os
from collections.abc import Generator, Iterator
from typing import cast

import pytest

from tasks.workers.parallel import AHEAD, available_cores, in_order


def work(item: int) -> str:
    if item % 10 == 7:
        os._exit(9)  # as the out-of-memory killer does
    if item == 100:
        raise ValueError("a fault of ours")
    return f"{item} done"


def crashed(item: int) -> str:
    return f"{item} crashed"


def test_order_is_kept_and_a_crash_costs_one_item() -> None:
    """Two crashes that a pool sees at once, and one that meets the pool started after them."""
    items = [0, 7, 17, *range(20, 27), 37, 1]
    assert list(in_order(work, items, 2, crashed)) == [
        crashed(i) if i % 10 == 7 else f"{i} done" for i in items
    ]


def test_one_worker_needs_no_process() -> None:
    assert list(in_order(os.getpid.__class__.__call__, [os.getpid], 1, lambda _: 0)) == [os.getpid()]


def test_it_reads_only_a_little_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(1000):
            taken.append(i)
            yield i * 10

    results = cast(Generator[str], in_order(work, items(), 2, crashed))
    assert next(results) == "0 done"
    assert len(taken) <= 2 * AHEAD
    results.close()


def test_an_exception_is_raised() -> None:
    with pytest.raises(ValueError, match="a fault of ours"):
        list(in_order(work, [1, 100, 2], 2, crashed))
    assert available_cores() >= 1
