"""Identity-balanced batches, P identities of K images each, from labels alone: what metric learning needs."""

import numpy as np
from numpy.typing import NDArray

from manifests.read.orders import WINDOW, Indices, Order, windowed


class PKOrder(Order):
    """Batches of exactly P identities with K images each, every identity equally often: for metric learning.

    `labels` (n,): the identity of each row; pictures are never looked at. Identities take turns: none comes
    again before all others came, across batches, epochs and ranks, so the numbers of their turns differ by
    one at most at any time. An identity's images take turns too: its K differ while it has K, and all but a
    remainder, another one each time, are shown before one is shown again; of fewer than K each is repeated.
    The ranks of one step have different identities. `blocks` (n,), the row group of each row, lets
    identities that lie near each other come together, `window` row groups at a time: faster to read.
    An epoch has `batches` batches, by default as many as show about as many images as there are.
    """

    def __init__(
        self,
        labels: Indices,
        p: int,
        k: int,
        *,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        batches: int = 0,
        blocks: Indices | None = None,
        window: int = WINDOW,
    ) -> None:
        """Raises ValueError when there are fewer than P identities for each rank."""
        self.p, self.k, self.seed, self.rank, self.step, self.window = p, k, seed, rank, p * ranks, window
        self.order = np.argsort(labels, kind="stable")
        changes = np.diff(labels[self.order], prepend=-1, append=-1)  # labels are not negative
        edges = np.flatnonzero(changes)
        self.starts, self.counts = edges[:-1], np.diff(edges)
        self.identities = len(self.starts)
        if not self.step <= self.identities:
            raise ValueError(
                f"{self.step} identities a step are asked for, there are {self.identities}: "
                "take a smaller batch_size or a larger per_identity"
            )
        self.blocks = None if blocks is None else blocks[self.order[self.starts]]
        self.batches = batches or max(1, round(len(labels) / (self.step * k)))
        # after this many rounds a step ends where a round ends, so that it can be gone to directly
        self.rounds = self.step // np.gcd(self.step, self.identities)
        self._round: tuple[int, Indices] = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return self.batches

    def batch(self, epoch: int, number: int) -> Indices:
        """P * K row numbers, the K of an identity together."""
        first = (epoch * self.batches + number) * self.step + self.rank * self.p
        turn, place = np.divmod(np.arange(first, first + self.p), self.identities)
        chosen = np.concatenate([self._turns(int(t))[place[turn == t]] for t in np.unique(turn)])
        return self._images(chosen, turn)

    def _turns(self, number: int) -> Indices:
        """The identities in the order of round `number`."""
        if self._round[0] != number:
            begin = number - number % self.rounds
            if not begin <= self._round[0] < number:
                self._round = begin, self._shuffled(begin)
            for later in range(self._round[0] + 1, number + 1):
                self._round = later, self._continued(later, self._round[1])
        return self._round[1]

    def _shuffled(self, number: int) -> Indices:
        rng = np.random.default_rng([self.seed, number])
        if self.blocks is None:
            return rng.permutation(self.identities)
        return windowed(self.blocks, self.window, rng)

    def _continued(self, number: int, before: Indices) -> Indices:
        """Round `number`, its first identities not those with which they share a step."""
        order, open_step = self._shuffled(number), number * self.identities % self.step
        if not open_step:
            return order
        free = np.flatnonzero(~np.isin(order, before[-open_step:]))[: self.step - open_step]
        return np.concatenate([order[free], np.delete(order, free)])

    def _images(self, chosen: Indices, turn: Indices) -> Indices:
        """K rows of each chosen identity at its turn of this number: a slice of its shuffled images."""
        counts = self.counts[chosen]
        slices = np.maximum(counts // self.k, 1)
        owner = np.repeat(np.arange(len(chosen)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = self.starts[chosen][owner] + within
        salt = _mixed(
            _mixed(np.uint64(self.seed) + chosen.astype(np.uint64)) + (turn // slices).astype(np.uint64)
        )
        shuffled = rows[np.lexsort((_mixed(salt[owner] + rows.astype(np.uint64)), owner))]
        at = (turn % slices * self.k)[:, None] + np.arange(self.k)
        place = (np.cumsum(counts) - counts)[:, None] + at % counts[:, None]
        return np.asarray(self.order[shuffled[place].ravel()], np.int64)


def _mixed(x: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): well-spread 64-bit numbers of a counter."""
    with np.errstate(over="ignore"):
        z = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
