"""PalmLoader: torch's DataLoader with a state that counts the batches that arrived: resumes exactly."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from manifests.read.balanced import PKOrder
from manifests.read.orders import WINDOW, EpochOrder, Order, Place


class Resumable(Protocol):
    """What can be told at which batch of which epoch to go on."""

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a batch of an epoch."""


class Batched(Protocol):
    """What is read in batches: a PalmDataset."""

    image: Any
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Images."""

    def batch(self, indices: Sequence[int]) -> Any:
        """The images at `indices`, as one batch."""

    def blocks(self) -> tuple[NDArray[np.int64], int]:
        """The block of each image that is read at once, and how many blocks are held in memory."""


class Reader(NamedTuple):
    """A torch DataLoader, and the part of it that is told where to begin."""

    place: Resumable
    batches: DataLoader[Any]


class PalmLoader(Place):
    """Batches; each iteration is an epoch from its beginning, also after a loop that was left in its middle.

    Iterations do not disturb each other: one within another reads an epoch of its own. `state_dict` names
    the first batch that the last one has not yet handed over, whatever the workers have read ahead; only
    the first iteration after `load_state_dict`, of a new loader with the same options too, goes on there.
    """

    def __init__(self, length: int, reader: Callable[[], Reader], *, keep: bool) -> None:
        """`length`: batches of an epoch; with `keep` a reader, and so its workers, serve again."""
        self.length, self.reader, self.keep = length, reader, keep
        self.idle: Reader | None = None

    @classmethod
    def of(
        cls,
        palms: Batched,
        batch_size: int = 64,
        *,
        per_identity: int = 0,
        batches: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        **options: Any,
    ) -> "PalmLoader":
        """Every image once an epoch, or batches of batch_size / `per_identity` identities with so many each.

        `batches` is the length of an epoch of the latter. `rank` of `ranks` processes has batches of its own.
        `options` are those of torch's DataLoader. Raises ValueError when the numbers do not divide.
        """
        blocks, held = palms.blocks() if palms.image != "none" else (palms.labels, WINDOW)
        window = min(WINDOW, held)
        order: Order
        if per_identity:
            p, rest = divmod(batch_size, per_identity)
            if rest:
                raise ValueError(f"batch_size {batch_size} is no multiple of per_identity {per_identity}")
            order = PKOrder(
                palms.labels,
                p,
                per_identity,
                seed=seed,
                rank=rank,
                ranks=ranks,
                batches=batches,
                blocks=blocks,
                window=window,
            )
        else:
            order = EpochOrder(
                blocks, batch_size, seed=seed, shuffle=shuffle, window=window, rank=rank, ranks=ranks,
                drop_last=drop_last,
            )  # fmt: skip
        options = {"persistent_workers": workers > 0, **options}

        def reader() -> Reader:
            part = _Part(order)
            return Reader(part, loader_of(_Batches(palms), workers, sampler=part, **options))

        return cls(len(order), reader, keep=True)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return self._epoch(*self.begin())

    def _epoch(self, epoch: int, start: int) -> Iterator[Any]:
        reader, self.idle = self.idle or self.reader(), None
        reader.place.load_state_dict({"epoch": epoch, "batch": start})
        try:
            for number, batch in enumerate(reader.batches, start + 1):
                self.tell(epoch, number)
                yield batch
        except GeneratorExit:  # a loop that was left: its workers are as good as before
            self._done(reader)
            raise
        self.tell(*self.following)
        self._done(reader)

    def _done(self, reader: Reader) -> None:
        if self.keep:
            self.idle = reader


class _Part(Place):
    """The rest of an epoch of an order, as a sampler: DataLoader makes two iterators of it, and uses one."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[int]]:
        return self.order.part(self.epoch, self.start)


class _Batches:
    """A dataset asked for whole batches by lists of row numbers."""

    def __init__(self, palms: Batched) -> None:
        self.palms = palms

    def __len__(self) -> int:
        return len(self.palms)

    def __getitem__(self, rows: Sequence[int]) -> Any:
        return self.palms.batch(rows)


def loader_of(data: Any, workers: int, **options: Any) -> DataLoader[Any]:
    """torch's DataLoader over what comes in whole batches."""
    return DataLoader(data, batch_size=None, num_workers=workers, collate_fn=_as_it_is, **options)


def _as_it_is(batch: Any) -> Any:
    return batch
