"""Orders of reading: batches as a function of seed, epoch and number; shuffled epochs, shared out by rank."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
WINDOW = 16  # row groups that are shuffled together, and so held together


class Place:
    """Where a reading stands: an epoch, and the number of its next batch.

    Each iteration is an epoch of its own, from its first batch on, however the one before it ended, and
    knows its own place; the place that is told is that of the iteration which moved last.
    """

    epoch, start = 0, 0
    following = 0, 0  # where the next iteration begins

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch, as trainers that count epochs call it."""
        self.load_state_dict({"epoch": epoch, "batch": 0})

    def state_dict(self) -> dict[str, int]:
        """Epoch and number of the next batch, also after a loop was left in its middle."""
        return {"epoch": self.epoch, "batch": self.start}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration go on at the batch that `state_dict` named."""
        self.epoch, self.start = self.following = state["epoch"], state["batch"]

    def begin(self) -> tuple[int, int]:
        """Epoch and first batch of an iteration that begins now."""
        self.epoch, self.start = begun = self.following
        self.following = self.epoch + 1, 0
        return begun

    def tell(self, epoch: int, start: int) -> None:
        """An iteration has come so far."""
        self.epoch, self.start = epoch, start


class Order(Place, ABC):
    """Batches of row numbers, each a function of seed, epoch and number alone: a torch batch sampler.

    Iterating yields an epoch, the next iteration the next one. `state_dict` says where the iteration stands:
    with loader workers, which ask ahead, take that of PalmLoader: it counts what arrived.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Batches of an epoch, the same on every rank."""

    @abstractmethod
    def batch(self, epoch: int, number: int) -> Indices:
        """The row numbers of batch `number` of an epoch."""

    def part(self, epoch: int, start: int) -> Iterator[list[int]]:
        """The batches of an epoch from `start` on."""
        return (self.batch(epoch, number).tolist() for number in range(start, len(self)))

    def __iter__(self) -> Iterator[list[int]]:
        epoch, start = (
            self.begin()
        )  # when the first batch is asked for: loaders make iterators they never use
        for number, rows in enumerate(self.part(epoch, start), start + 1):
            self.tell(epoch, number)
            yield rows
        self.tell(*self.following)


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
        self._cached: dict[int, Indices] = {}

    def __len__(self) -> int:
        return self.share // self.batch_size if self.drop_last else -(-self.share // self.batch_size)

    def rows(self, epoch: int) -> Indices:
        """All row numbers of this rank in the order of an epoch."""
        if epoch not in self._cached:
            rng = np.random.default_rng([self.seed, epoch])
            whole = windowed(self.blocks, self.window, rng) if self.shuffle else np.arange(len(self.blocks))
            if len(self._cached) > 1:  # two, for a loop within a loop
                self._cached.pop(next(iter(self._cached)))
            self._cached[epoch] = whole[self.rank * self.share : (self.rank + 1) * self.share]
        return self._cached[epoch]

    def batch(self, epoch: int, number: int) -> Indices:
        """`batch_size` row numbers; the last batch may have fewer."""
        return self.rows(epoch)[number * self.batch_size : (number + 1) * self.batch_size]


def windowed(blocks: Indices, window: int, rng: np.random.Generator) -> Indices:
    """A random order in which rows of one block come near each other: `window` blocks at a time."""
    distinct, block = np.unique(blocks, return_inverse=True)
    turn = (rng.permutation(len(distinct)) // window)[block]
    return np.lexsort((rng.random(len(blocks), np.float32), turn))
