"""PalmStream: the iterable twin of PalmDataset, in which each loader worker reads row groups of its own."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from manifests.read.dataset import PalmDataset
from manifests.read.loader import PalmLoader, Reader, loader_of
from manifests.read.orders import WINDOW, EpochOrder


class PalmStream(IterableDataset[Any]):
    """Every chosen item once an epoch, in a shuffled order; in batches when `batch_size` is given.

    An iteration is an epoch from its beginning, also after one that was left in its middle. `set_epoch`
    chooses its order: needed with the workers of torch's own DataLoader; PalmLoader does that by itself.
    Ranks have parts of their own, and within a rank the loader's workers, so that hardly a row group is read
    twice; the order depends on the number of workers. `options` are those of PalmDataset. `state_dict` and
    `load_state_dict` serve torchdata's StatefulDataLoader.
    """

    def __init__(
        self,
        source: Path | str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        ranks: int = 1,
        **options: Any,
    ) -> None:
        self.dataset, self.batch_size = PalmDataset(source, **options), batch_size
        blocks, held = self.dataset.blocks()
        window = min(WINDOW, held)
        self.order = EpochOrder(
            blocks, batch_size or 1, seed=seed, shuffle=shuffle, window=window, rank=rank, ranks=ranks
        )
        self.epoch = 0
        self.position = 0  # rows that the iteration which moved last has handed over, in this worker
        self.following = (
            0,
            0,
            0,
        )

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Any]:
        epoch, position, skip = self.following  # when the first item is asked for, as an Order does
        self.following = epoch + 1, 0, 0
        rows, position = self._part(epoch, position, skip)
        while position < len(rows):
            some = rows[position : position + self.order.batch_size].tolist()
            position += len(some)
            self.epoch, self.position = epoch, position
            if self.batch_size:
                yield self.dataset.batch(some)
            else:
                yield from self.dataset.__getitems__(some)
        self.epoch, self.position, _ = self.following

    def _part(self, epoch: int, position: int, skip: int) -> tuple[NDArray[np.int64], int]:
        """The rows of this worker, a run of whole batches, and how many of them are done."""
        info, step = get_worker_info(), self.order.batch_size
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        turn = (worker + skip) % workers  # the loader takes from its workers in turn, from the first one on
        mine = np.array_split(np.arange(len(self.order)), workers)[turn]
        rows = self.order.rows(epoch)
        rows = rows[mine[0] * step : (mine[-1] + 1) * step] if len(mine) else rows[:0]
        taken = -(-max(0, skip - turn) // workers)
        return rows, max(position, taken * step)

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch."""
        self.load_state_dict({"epoch": epoch})

    def state_dict(self) -> dict[str, int]:
        """Where this copy of the stream stands: in a worker, within the worker's part."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration go on where `state_dict` of this worker, or of a PalmLoader, said."""
        self.epoch, self.position = state["epoch"], state.get("position", 0)
        self.following = self.epoch, self.position, state.get("batch", 0)

    def loader(self, workers: int = 0, **options: Any) -> PalmLoader:
        """Resumable batches of this stream; `options` are those of torch's DataLoader.

        Workers are made for each epoch, for those of a stream cannot be told where to begin.
        """
        options = {**options, "persistent_workers": False}

        def reader() -> Reader:
            stream = copy.copy(self)
            return Reader(stream, loader_of(stream, workers, **options))

        return PalmLoader(len(self), reader, keep=False)
