"""PalmStream: the iterable twin of PalmDataset, in which each loader worker reads row groups of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from manifests.read.dataset import PalmDataset
from manifests.read.loader import PalmLoader
from manifests.read.orders import WINDOW, EpochOrder


class PalmStream(IterableDataset[Any]):
    """Every chosen item once an epoch, in a shuffled order; in batches when `batch_size` is given.

    An iteration is an epoch; `set_epoch` chooses its order, PalmLoader does that by itself. Ranks have parts
    of their own, and within a rank the loader's workers, so that hardly a row group is read twice; the order
    depends on the number of workers. `options` are those of PalmDataset. `state_dict` and `load_state_dict`
    serve torchdata's StatefulDataLoader.
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
        self.position = 0  # rows that this worker has handed over
        self.skip = 0  # batches that all workers together have handed over

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Any]:
        rows, position = self._part()
        while position < len(rows):
            some = rows[position : position + self.order.batch_size].tolist()
            self.position = position = position + len(some)
            if self.batch_size:
                yield self.dataset.batch(some)
            else:
                yield from self.dataset.__getitems__(some)
        self.set_epoch(self.epoch + 1)

    def _part(self) -> tuple[NDArray[np.int64], int]:
        """The rows of this worker, a run of whole batches, and how many of them are done."""
        info, step = get_worker_info(), self.order.batch_size
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        turn = (
            worker + self.skip
        ) % workers  # the loader takes from its workers in turn, from the first one on
        mine = np.array_split(np.arange(len(self.order)), workers)[turn]
        rows = self.order.rows(self.epoch)
        rows = rows[mine[0] * step : (mine[-1] + 1) * step] if len(mine) else rows[:0]
        taken = -(-max(0, self.skip - turn) // workers)
        return rows, max(self.position, taken * step)

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch."""
        self.epoch, self.position, self.skip = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Where this copy of the stream stands: in a worker, within the worker's part."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` of this worker, or of a PalmLoader, said."""
        self.epoch, self.position, self.skip = state["epoch"], state.get("position", 0), state.get("batch", 0)

    def loader(self, workers: int = 0, **options: Any) -> PalmLoader:
        """Resumable batches of this stream; `options` are those of torch's DataLoader."""
        return PalmLoader(self, self, workers, **options)
