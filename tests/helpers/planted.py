"""Faults planted into drawn shards: what the gates must find."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.images import decode, encode
from tasks.work.place import Place

Rows = dict[str, dict[str, Any]]  # by sample


def rewrite(shards: list[Path], change: Callable[[Rows], None]) -> None:
    """Let `change` alter the rows of all shards, and make markers and checksums good."""
    tables = [pq.read_table(path).to_pylist() for path in shards]
    change({row["sample_id"]: row for rows in tables for row in rows})
    for path, rows in zip(shards, tables, strict=True):
        table, group = (
            pa.Table.from_pylist(rows, schema=pq.read_schema(path)),
            pq.read_metadata(path).row_group(0),
        )
        pq.write_table(table, path, row_group_size=group.num_rows)
        Place(path.parent).finish([path], {"images": len(rows)})


def put(row: dict[str, Any], picture: np.ndarray) -> None:
    """Another picture in a row, everything else as it was."""
    data = encode(picture)
    row["image"] = {"bytes": data, "path": row["image"]["path"]}
    row["sha256"] = hashlib.sha256(data).hexdigest()


def copy_picture(to: dict[str, Any], of: dict[str, Any]) -> None:
    """The bytes of one row under the name of another, with the landmarks that belong to them."""
    to["image"] = {"bytes": of["image"]["bytes"], "path": to["image"]["path"]}
    to["sha256"], to["landmarks"] = of["sha256"], of["landmarks"]


def picture(row: dict[str, Any]) -> np.ndarray:
    """The row's picture."""
    return decode(row["image"]["bytes"])
