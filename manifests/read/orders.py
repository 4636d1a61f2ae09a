"""Orders of reading: batches as a function of seed, epoch and number; shuffled epochs, shared out by rank."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
WINDOW = 16  # row groups that are shuffled together, and so held together


class Place:
    """Where a reading stands: an epoch, and the number of its next batch."""

    epoch, start = 0, 0

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch, as trainers that count epochs call it."""
        self.epoch, self.start = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Epoch and number of the next batch."""
        return {"epoch": self.epoch, "batch": self.start}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at the batch that `state_dict` named."""
        self.epoch, self.start = state["epoch"], state["batch"]


class Order(Place, ABC):
    """Batches of row numbers, each a function of seed, epoch and number alone: a torch batch sampler.

    Iterating yields the rest of the current epoch and then moves on to the next. `state_dict` says where the
    iteration stands: with loader workers, which ask ahead, take that of PalmLoader: it counts what arrived.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Batches of an epoch, the same on every rank."""

    @abstractmethod
    def batch(self, epoch: int, number: int) -> Indices:
        """The row numbers of batch `number` of an epoch."""

    def __iter__(self) -> Iterator[list[int]]:
        for number in range(self.start, len(self)):
            self.start = number + 1
            yield self.batch(self.epoch, number).tolist()
        self.set_epoch(self.epoch + 1)


class EpochOrder(Order):
    """Every row once an epoch: row groups in random order, the rows of `window` groups shuffled together.

    `blocks` (n,): the row group of each row. Each of `ranks` processes reads a part of its own, all equally
    long: up to ranks - 1 rows, others in each epoch, are left out for that. Without `shuffle` rows come in
    their own order.
    """

    def __init__(
        self,
        blocks: Indices,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        window: int = WINDOW,
        rank: int = 0,
        ranks: int = 1,
        drop_last: bool = False,
    ) -> None:
        self.blocks, self.batch_size, self.seed, self.shuffle = blocks, batch_size, seed, shuffle
        self.window, self.rank, self.share, self.drop_last = window, rank, len(blocks) // ranks, drop_last
        self._cached: tuple[int, Indices] | None = None

    def __len__(self) -> int:
        return self.share // self.batch_size if self.drop_last else -(-self.share // self.batch_size)

    def rows(self, epoch: int) -> Indices:
        """All row numbers of this rank in the order of an epoch."""
        if self._cached is None or self._cached[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            whole = windowed(self.blocks, self.window, rng) if self.shuffle else np.arange(len(self.blocks))
            self._cached = epoch, whole[self.rank * self.share : (self.rank + 1) * self.share]
        return self._cached[1]

    def batch(self, epoch: int, number: int) -> Indices:
        """`batch_size` row numbers; the last batch may have fewer."""
        return self.rows(epoch)[number * self.batch_size : (number + 1) * self.batch_size]


def windowed(blocks: Indices, window: int, rng: np.random.Generator) -> Indices:
    """A random order in which rows of one block come near each other: `window` blocks at a time."""
    distinct, block = np.unique(blocks, return_inverse=True)
    turn = (rng.permutation(len(distinct)) // window)[block]
    return np.lexsort((rng.random(len(blocks), np.float32), turn))
