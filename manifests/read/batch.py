"""Turns decoded pictures and manifest rows into the items and batches that a training job takes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from manifests.contract.images import pixels
from manifests.extras import naming_extras

ImageAs = Literal["uint8", "float32", "numpy", "bytes", "none"]
PIXELS = ("uint8", "float32", "numpy")  # the ones that decode


def _torch() -> Any:
    """Imported when a tensor is asked for: arrays and bytes are read without it."""
    with naming_extras():
        import torch

    return torch


def deliver(picture: NDArray[np.uint8], image: ImageAs) -> Any:
    """One picture (h, w, 3) as asked: the array, or a tensor (3, h, w), contiguous for `view`."""
    if image == "numpy":
        return picture
    return _tensor(np.ascontiguousarray(picture.transpose(2, 0, 1)), image)


def _tensor(planes: NDArray[np.uint8], image: ImageAs) -> Any:
    tensor = _torch().from_numpy(planes)
    return tensor.float().div_(255) if image == "float32" else tensor


class Stack:
    """The memory of a batch of `count` pictures of one size, each decoded into its place."""

    def __init__(self, count: int, image: ImageAs) -> None:
        self.count, self.image, self.filled = count, image, 0
        self.memory: NDArray[np.uint8] | None = None

    def add(self, data: NDArray[np.uint8]) -> None:
        """Decode one more. Raises OSError when it is no picture, ValueError when its size is another one."""
        picture = pixels(data)
        held = picture if self.image == "numpy" else picture.transpose(2, 0, 1)
        if self.memory is None:
            self.memory = self._allocate((self.count, *held.shape))
        if held.shape != self.memory.shape[1:]:
            rows, columns = (self.memory[0] if self.image == "numpy" else self.memory[0, 0]).shape[:2]
            raise ValueError(
                f"{picture.shape[1]} x {picture.shape[0]} px beside {columns} x {rows} in one batch: choose "
                "one view, or a transform that makes them equal"
            )
        self.memory[self.filled] = held
        self.filled += 1

    def _allocate(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        if self.image != "uint8":
            return np.empty(shape, np.uint8)
        torch = _torch()
        batch = torch.empty(shape, dtype=torch.uint8)
        if torch.utils.data.get_worker_info():
            batch.share_memory_()  # so that the worker hands it over without a copy
        memory: NDArray[np.uint8] = batch.numpy()
        return memory

    def images(self) -> Any:
        """The pictures as asked: an array (n, h, w, 3), or a contiguous tensor (n, 3, h, w)."""
        assert self.memory is not None
        filled = self.memory[: self.filled]
        return filled if self.image == "numpy" else _tensor(filled, self.image)


def stacked(images: Sequence[Any]) -> Any:
    """Transformed or encoded images as one tensor or array where that is possible, else as a list."""
    if hasattr(images[0], "untyped_storage"):
        return _torch().stack(list(images))
    same = isinstance(images[0], np.ndarray) and len({image.shape for image in images}) == 1
    return np.stack(images) if same else list(images)


def filled(rows: pa.Table) -> pa.Table:
    """The rows without nulls, which torch collates no batch of: text becomes "", what is a number, NaN."""
    for index, name in enumerate(rows.schema.names):
        column = rows[name]
        if not column.null_count:
            continue
        kind: pa.DataType = column.type
        if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
            column = pc.fill_null(column.cast(pa.string()), "")
        elif pa.types.is_list(kind):
            lengths = pc.unique(pc.list_value_length(column)).drop_null().to_pylist()
            blank = [float("nan")] * (lengths[0] if len(lengths) == 1 else 0)
            values = [blank if value is None else value for value in column.to_pylist()]
            column = pa.chunked_array([pa.array(values, pa.list_(_floating(kind.value_type)))])
        elif _is_number(kind):
            column = pc.fill_null(column.cast(_floating(kind)), float("nan"))
        rows = rows.set_column(index, name, column)
    return rows


def _floating(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_integer(kind) else kind if pa.types.is_floating(kind) else pa.float32()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


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
    if not _is_number(kind):
        return column.to_pylist()
    return numbers(column.to_numpy().reshape(shape), image)


def numbers(values: NDArray[Any], image: ImageAs) -> Any:
    """An array as it goes with images of this kind: a tensor beside tensors."""
    if image not in ("uint8", "float32"):
        return values
    return _torch().from_numpy(np.array(values))  # a copy: Arrow's memory is read-only
