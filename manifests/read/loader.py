"""PalmLoader: torch's DataLoader with a state that counts the batches that arrived: resumes exactly."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from manifests.read.balanced import PKOrder
from manifests.read.orders import WINDOW, EpochOrder, Order, Place


class Resumable(Protocol):
    """What can be told at which batch of which epoch to go on."""

    def __len__(self) -> int:
        """Batches of an epoch."""

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


class PalmLoader(Place):
    """Batches; one iteration is (the rest of) one epoch, and the next one goes on from there.

    `state_dict` names the first batch that was not yet handed over, whatever the workers have read ahead, so
    that a new loader with the same options goes on exactly there after `load_state_dict`.
    """

    def __init__(self, data: Any, place: Resumable, workers: int = 0, **options: Any) -> None:
        """`data` is what DataLoader reads, `place` (an Order, or the stream itself) decides what comes."""
        self.place = place
        if isinstance(place, Order):
            options = {"sampler": place, "persistent_workers": workers > 0, **options}
        self.batches: DataLoader[Any] = DataLoader(
            data, batch_size=None, num_workers=workers, collate_fn=_as_it_is, **options
        )

    @classmethod
    def of(
        cls,
        dataset: Batched,
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
        blocks, held = dataset.blocks() if dataset.image != "none" else (dataset.labels, WINDOW)
        window = min(WINDOW, held)
        order: Order
        if per_identity:
            p, rest = divmod(batch_size, per_identity)
            if rest:
                raise ValueError(f"batch_size {batch_size} is not a multiple of per_identity {per_identity}")
            order = PKOrder(
                dataset.labels,
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
        return cls(_Batches(dataset), order, workers, **options)

    def __len__(self) -> int:
        return len(self.place)

    def __iter__(self) -> Iterator[Any]:
        self.place.load_state_dict(self.state_dict())
        for batch in self.batches:
            self.start += 1
            yield batch
        self.set_epoch(self.epoch + 1)


class _Batches:
    """A dataset asked for whole batches by lists of row numbers."""

    def __init__(self, dataset: Batched) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, rows: Sequence[int]) -> Any:
        return self.dataset.batch(rows)


def _as_it_is(batch: Any) -> Any:
    return batch
