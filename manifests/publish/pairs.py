"""Draws the verification pairs of a version: which two images to compare, and whether one hand made both."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.schema import pairs_schema, read_metadata
from manifests.files.layout import MANIFEST, PAIRS
from manifests.files.remote import Location, parquet_source

SPLITS = ("validation", "test")  # nobody is verified on what a recogniser learned from
MATED, NON_MATED = 6_000, 60_000  # pairs of a view in a split at most
SEED = 0
DEVICE, SESSION = "capture_device", "capture_session"

Indices = NDArray[np.int64]


def write_pairs(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write pairs.parquet of the version in `folder`, whose manifest is there; the same one gives the same.

    Mated pairs show one identity in two captures, non-mated ones two identities of different subjects: what
    the left and the right hand of one person share says nothing about strangers (ISO/IEC 19795-1 keeps such
    comparisons apart). Both images are of one view, and no augmented copies. Where captures have a device and
    a session, each pair says whether it crosses them. Memory: a few numbers an image of the two splits.
    """
    known = [name for name in (DEVICE, SESSION) if name in pq.read_schema(folder / MANIFEST).names]
    columns = ["identity_id", "subject_id", "split", "view", "augmented", *known]
    rows = pq.read_table(folder / MANIFEST, columns=columns, partitioning=None)
    place = pc.indices_nonzero(
        pc.and_(pc.invert(rows["augmented"]), pc.is_in(rows["split"], pa.array(SPLITS)))
    )
    rows = rows.take(place)
    identity, subject = _codes(rows["identity_id"]), _codes(rows["subject_id"])
    taken = {name: _codes(rows[name]) for name in known}
    ids = pq.read_table(folder / MANIFEST, columns=["sample_id"], partitioning=None)["sample_id"].take(place)
    tables = [pairs_schema(metadata).empty_table()]
    for number, split in enumerate(SPLITS):
        for view in sorted(pc.unique(rows["view"]).to_pylist()):
            here = pc.and_(pc.equal(rows["split"], split), pc.equal(rows["view"], view))
            chosen = np.flatnonzero(here.to_numpy())
            rng = np.random.default_rng([SEED, number, view == "palm"])
            for mated, pairs in (
                (True, mated_pairs(identity[chosen], MATED, rng)),
                (False, non_mated_pairs(subject[chosen], NON_MATED, rng)),
            ):
                first, second = (ids.take(chosen[side]).combine_chunks() for side in pairs)
                constant = [pa.repeat(pa.scalar(value), len(first)) for value in (mated, split, view)]
                crossed = [
                    _differs(taken.get(DEVICE), chosen, pairs),
                    _differs(taken.get(SESSION) if mated else None, chosen, pairs),
                ]
                tables.append(pa.table([first, second, *constant, *crossed], schema=tables[0].schema))
    pq.write_table(pa.concat_tables(tables), folder / PAIRS, compression="zstd", row_group_size=1 << 16)


def check_pairs(folder: Location) -> Iterator[str]:
    """A line for each pair whose images or whose truth the manifest does not bear out."""
    pairs = pq.read_table(parquet_source(folder / PAIRS), partitioning=None)
    read_metadata(PAIRS, pairs.schema)
    columns = ["sample_id", "identity_id", "subject_id", "split", "view"]
    rows = pq.read_table(parquet_source(folder / MANIFEST), columns=columns, partitioning=None)
    sides = []
    for samples in (pairs["sample_id_1"], pairs["sample_id_2"]):
        place = pc.index_in(samples, rows["sample_id"].combine_chunks())
        for missing in samples.filter(pc.is_null(place)).to_pylist():
            yield f"{PAIRS}: {missing} is not in the manifest"
        sides.append(rows.take(place))
    same = {name: pc.equal(sides[0][name], sides[1][name]) for name in columns}
    true = pc.if_else(pairs["mated"], same["identity_id"], pc.invert(same["subject_id"]))
    for side in sides:
        for name in ("split", "view"):
            true = pc.and_(true, pc.equal(side[name], pairs[name]))
    for pair in pairs.filter(pc.invert(pc.and_(true, pc.invert(same["sample_id"])))).to_pylist():
        yield f"{PAIRS}: {pair['sample_id_1']} and {pair['sample_id_2']} are not what their row says"


def mated_pairs(identity: Indices, limit: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Places (first < second) of two rows of one identity: all such pairs, or `limit` distinct ones."""
    order = np.argsort(identity, kind="stable")
    _, starts, counts = np.unique(identity[order], return_index=True, return_counts=True)
    ends = np.cumsum(counts * (counts - 1) // 2)  # pairs of the identities up to here
    number = _some(int(ends[-1]) if len(ends) else 0, limit, rng)
    group = np.searchsorted(ends, number, side="right")
    first, second = _unrank(number - np.concatenate([[0], ends])[group])
    return order[starts[group] + first], order[starts[group] + second]


def non_mated_pairs(subject: Indices, limit: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Places (first < second) of two rows of different subjects: all such pairs, or `limit` distinct ones.

    The share of pairs that is of one subject is looked at first, so that enough are left.
    """
    total = len(subject) * (len(subject) - 1) // 2
    _, counts = np.unique(subject, return_counts=True)
    good = total - int((counts * (counts - 1) // 2).sum())
    if not good:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    number = _some(total, int(min(limit, good) * total / good * 1.1) + 100, rng)
    first, second = _unrank(number)
    apart = np.flatnonzero(subject[first] != subject[second])
    keep = apart[_some(len(apart), limit, rng)]
    return first[keep], second[keep]


def _differs(codes: Indices | None, chosen: Indices, pairs: tuple[Indices, Indices]) -> pa.Array:
    """For each pair of places in `chosen`, whether the codes of its rows differ; nulls without codes."""
    if codes is None:
        return pa.nulls(len(pairs[0]), pa.bool_())
    first, second = (codes[chosen[side]] for side in pairs)
    return pa.array(first != second)


def _codes(column: pa.ChunkedArray) -> Indices:
    return np.asarray(column.combine_chunks().dictionary_encode().indices, np.int64)


def _some(total: int, limit: int, rng: np.random.Generator) -> Indices:
    """Distinct numbers below `total`, ascending: all of them, or `limit` drawn."""
    return np.sort(rng.choice(total, min(limit, total), replace=False, shuffle=False)).astype(np.int64)


def _unrank(number: Indices) -> tuple[Indices, Indices]:
    """Pair number n of 0-1, 0-2, 1-2, 0-3, …: second * (second - 1) / 2 + first = n, first < second."""
    second = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.int64)
    second -= (second * (second - 1) // 2 > number).astype(np.int64)  # the root may round up
    second += ((second + 1) * second // 2 <= number).astype(np.int64)  # or down
    return number - second * (second - 1) // 2, second
