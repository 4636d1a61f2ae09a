"""Turns decoded pictures and manifest rows into the items and batches that a training job takes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from manifests.contract.images import pixels

ImageAs = Literal["uint8", "float32", "numpy", "bytes", "none"]
PIXELS = ("uint8", "float32", "numpy")  # the ones that decode


def deliver(picture: NDArray[np.uint8], image: ImageAs) -> Any:
    """One picture (h, w, 3), or pictures (n, h, w, 3), as asked: an array, or a tensor of (…, 3, h, w)."""
    if image == "numpy":
        return picture
    import torch

    tensor = torch.from_numpy(picture).movedim(-1, -3)
    return tensor.float().div_(255) if image == "float32" else tensor


class Stack:
    """The memory of a batch of `count` pictures of one size, each decoded into its place."""

    def __init__(self, count: int, image: ImageAs) -> None:
        self.count, self.image, self.filled = count, image, 0
        self.memory: NDArray[np.uint8] | None = None

    def add(self, data: NDArray[np.uint8]) -> None:
        """Decode one more. Raises OSError when it is no picture, ValueError when its size is another one."""
        picture = pixels(data)
        if self.memory is None:
            self.memory = self._allocate((self.count, *picture.shape))
        (height, width), (rows, columns) = picture.shape[:2], self.memory.shape[1:3]
        if (height, width) != (rows, columns):
            raise ValueError(
                f"{width} x {height} px beside {columns} x {rows} in one batch: choose one view, "
                "or a transform that makes them equal"
            )
        self.memory[self.filled] = picture
        self.filled += 1

    def _allocate(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        if self.image != "uint8":
            return np.empty(shape, np.uint8)
        import torch

        batch = torch.empty(shape, dtype=torch.uint8)
        if torch.utils.data.get_worker_info():
            batch.share_memory_()  # type: ignore[no-untyped-call]  # so that the worker hands it over without a copy
        return batch.numpy()

    def images(self) -> Any:
        """The pictures as asked; tensors are (n, 3, h, w) with channels-last memory."""
        assert self.memory is not None
        return deliver(self.memory[: self.filled], self.image)


def stacked(images: Sequence[Any]) -> Any:
    """Transformed or encoded images as one tensor or array where that is possible, else as a list."""
    if hasattr(images[0], "untyped_storage"):
        import torch

        return torch.stack(list(images))
    same = isinstance(images[0], np.ndarray) and len({image.shape for image in images}) == 1
    return np.stack(images) if same else list(images)


def columns_of(rows: pa.Table, image: ImageAs) -> dict[str, Any]:
    """The columns of a batch: numbers as tensors (arrays where images are), lists too, text as lists."""
    return {name: _column(rows[name], image) for name in rows.schema.names}


def _column(column: pa.ChunkedArray, image: ImageAs) -> Any:
    kind: pa.DataType = column.type
    shape: tuple[int, ...] = (len(column),)
    if pa.types.is_list(kind):
        lengths = set(pc.list_value_length(column).to_pylist())
        if len(lengths) != 1 or None in lengths:
            return column.to_pylist()
        kind, shape, column = kind.value_type, (len(column), lengths.pop()), pc.list_flatten(column)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return column.to_pylist()
    return numbers(column.to_numpy().reshape(shape), image)


def numbers(values: NDArray[Any], image: ImageAs) -> Any:
    """An array as it goes with images of this kind: a tensor beside tensors."""
    if image not in ("uint8", "float32"):
        return values
    import torch

    return torch.from_numpy(np.array(values))  # a copy: Arrow's memory is read-only
