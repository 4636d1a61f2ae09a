"""PalmDataset: a published version as a torch map-style dataset that decodes only what is asked for."""

import hashlib
import logging
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.images import pixels
from manifests.contract.schema import SchemaError
from manifests.extras import naming_extras
from manifests.files.layout import MANIFEST
from manifests.files.remote import Location, parquet_source
from manifests.read.batch import PIXELS, ImageAs, Stack, columns_of, deliver, filled, numbers, stacked
from manifests.read.open import DatasetError, data_root, open_dataset
from manifests.read.selection import Choice, choose, readable
from manifests.read.shards import Shards
from manifests.read.unknown import unknown

if TYPE_CHECKING:
    from manifests.read.loader import PalmLoader

NEEDED = ("shard", "row", "label", "identity_id")
Decode = Callable[[NDArray[np.uint8]], Any]
log = logging.getLogger("palmforge")
ON_ERROR = ("raise", "skip")
CACHE = 64 << 20  # bytes of encoded images that each process holds


class PalmDataset:
    """Images and labels of the chosen rows of a version, by index, in label order.

    An item is (image, label), or a dict with `image`, `label` and the asked `columns` when there are any.
    `image`: "uint8" (3, h, w) tensor, "float32" the same in [0, 1], "numpy" (h, w, 3) uint8, "bytes" the
    encoded file, "none" no image: no data file is opened then. `label` is the manifest's label over the whole
    dataset, or 0, 1, 2, … over the chosen identities when `relabel`. `transform` is applied to each image.
    Where a column is null there is "" for text and NaN for a number, as torch collates no None.

    `check` compares each image with its sha256. With `on_error` "skip" what cannot be read is left out with
    a line in the log: missing shards at once, damaged images from their batch. It forks, spawns and pickles.
    """

    def __init__(
        self,
        source: Location | str,
        *,
        image: ImageAs = "uint8",
        columns: Sequence[str] = (),
        transform: Callable[[Any], Any] | None = None,
        relabel: bool = False,
        check: bool = False,
        on_error: Literal["raise", "skip"] = "raise",
        cache_bytes: int = CACHE,
        **choice: Unpack[Choice],
    ) -> None:
        """Open the version at `source`: its folder, a folder with LATEST, or a view that `select` wrote.

        Raises DatasetError naming what is missing or wrong, SchemaError for an unknown schema version.
        """
        for name, value, valid in (("image", image, get_args(ImageAs)), ("on_error", on_error, ON_ERROR)):
            if value not in valid:
                raise DatasetError(unknown(name, [str(value)], valid, "PalmDataset"))
        columns = (columns,) if isinstance(columns, str) else columns
        self.version = open_dataset(source)
        self.image, self.columns, self.transform = image, tuple(columns), transform
        self.check, self.on_error = check, on_error
        wanted = [*NEEDED, *columns, *(["sha256"] if check else [])]
        rows = choose(self.version, wanted, choice).combine_chunks()
        self.rows: pa.Table = rows if image == "none" else readable(self.version, rows, on_error)
        label = self.rows["label"].to_numpy()
        _, first, contiguous = np.unique(label, return_index=True, return_inverse=True)
        self.labels: NDArray[np.int64] = contiguous.astype(np.int64) if relabel else label
        self.identities: list[str] = self.rows["identity_id"].take(first).to_pylist()  # in label order
        shard = self.rows["shard"].combine_chunks()
        self._shard_names: list[str] = shard.dictionary.to_pylist()
        self._shard = shard.indices.to_numpy()
        self._row = self.rows["row"].to_numpy()
        self.shards = Shards(data_root(self.version.path), cache_bytes)
        self.rows = filled(self.rows.select([*self.columns, *(["sha256"] if check else [])]))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        """Item number `index`, from the end when it is negative: any integer, also a tensor or of numpy.

        Raises DatasetError naming the image that cannot be read.
        """
        index = self._place(index)
        return self._item(index, self._read(index, self._picture))

    def _place(self, index: int) -> int:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"no item {place}: there are {len(self)}")
        return place % len(self)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The items of a batch, as torch's DataLoader fetches them."""
        return [self._item(index, image) for index, image in self._readable(indices, self._picture)]

    def batch(self, indices: Sequence[int]) -> Any:
        """The items of a batch already collated: images (n, 3, h, w) or (n, h, w, 3), labels (n,) int64.

        Faster than collating items: pictures are decoded straight into their place in the batch.
        Raises DatasetError when the pictures differ in size: choose one view then.
        """
        direct = self.image in PIXELS and not self.transform
        stack = Stack(len(indices), self.image)
        found = list(self._readable(indices, stack.add if direct else self._picture))
        if not found:
            raise DatasetError(f"{self.version.path}: no image of a batch of {len(indices)} can be read")
        kept = np.array([index for index, _ in found])
        images = stack.images() if direct else stacked([image for _, image in found])
        labels = numbers(self.labels[kept], self.image)
        if not self.columns:
            return images, labels
        return {"image": images, "label": labels, **columns_of(self._chosen(kept), self.image)}

    def loader(self, batch_size: int = 64, **options: Any) -> "PalmLoader":
        """Shuffled, resumable batches of this dataset; the options are those of `PalmLoader.of`."""
        with naming_extras():
            from manifests.read.loader import PalmLoader

        return PalmLoader.of(self, batch_size, **options)

    def encoded(self, index: int) -> NDArray[np.uint8]:
        """The file of image `index`, bytes (n,), not decoded. Raises DatasetError that names it."""
        try:
            data = self.shards.image(self._shard_names[self._shard[index]], int(self._row[index]))
        except (DatasetError, SchemaError) as error:
            raise DatasetError(f"{self.name(index)}: {error}") from error
        if self.check and hashlib.sha256(data.data).hexdigest() != self.rows["sha256"][index].as_py():
            raise DatasetError(
                f"{self.name(index)}: its bytes in {self._shard_names[self._shard[index]]} do not match its "
                "sha256; fetch the version again"
            )
        return data

    def _readable(self, indices: Iterable[int], decode: Decode) -> Iterator[tuple[int, Any]]:
        """Each index with its image; one that cannot be read is an error, or a line in the log."""
        for index in map(self._place, indices):
            try:
                yield index, self._read(index, decode)
            except DatasetError as error:
                if self.on_error == "raise":
                    raise
                log.warning("%s; it is skipped", error)

    def _read(self, index: int, decode: Decode) -> Any:
        if self.image == "none":
            return None
        data = self.encoded(index)
        try:
            return decode(data)
        except (OSError, ValueError) as error:
            raise DatasetError(f"{self.name(index)}: {error}") from error

    def _picture(self, data: NDArray[np.uint8]) -> Any:
        image = data.tobytes() if self.image == "bytes" else deliver(pixels(data), self.image)
        return self.transform(image) if self.transform else image

    def _item(self, index: int, image: Any) -> Any:
        if not self.columns:
            return image, int(self.labels[index])
        values = columns_of(self._chosen(np.array([index])), self.image)
        return {"image": image, "label": int(self.labels[index]), **{k: v[0] for k, v in values.items()}}

    def _chosen(self, indices: NDArray[np.int64]) -> pa.Table:
        return self.rows.select(self.columns).take(indices)

    def name(self, index: int) -> str:
        """The sample id of image `index`, looked up in the manifest."""
        here = [("shard", "==", self._shard_names[self._shard[index]]), ("row", "==", int(self._row[index]))]
        manifest = parquet_source(self.version.path / MANIFEST)
        found = pq.read_table(manifest, columns=["sample_id"], filters=here, partitioning=None)
        return str(found["sample_id"][0])

    def blocks(self) -> tuple[NDArray[np.int64], int]:
        """Which row group each image lies in, as a number, and how many of them the cache holds.

        Row groups of a version are alike but for the last of a file, so one file tells their size.
        """
        rows, size = self.shards.group_size(self._shard_names[self._shard[0]])
        return self._shard.astype(np.int64) << 32 | self._row // rows, max(1, self.shards.cache_bytes // size)
