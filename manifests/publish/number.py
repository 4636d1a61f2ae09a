"""Gives identities their labels and rows their addresses, in plan order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from manifests.files.layout import SPLITS, shard_name
from manifests.publish.survey import Survey


@dataclass(frozen=True)
class Run:
    """Consecutive rows of one identity in a batch, with their place in the version."""

    start: int  # first row in the batch
    count: int
    label: int
    split_label: int
    shard: str
    row: int  # of the first one in its shard
    begins: bool  # True when the identity has no earlier row


@dataclass
class _Split:
    files: int
    identities: int
    label: int = -1
    shard: str = ""
    rows: int = 0  # in the current shard


class Numbering:
    """Contiguous labels over all and within each split; whole identities in each data file."""

    def __init__(self, survey: Survey) -> None:
        self.label, self.identity = -1, ""
        self.splits = {s: _Split(survey.files(s), survey.identities[s]) for s in SPLITS if survey.rows[s]}

    def runs(self, identities: Sequence[str], splits: Sequence[str]) -> Iterator[Run]:
        """The runs of a batch whose rows have these identities and splits; batches come in plan order."""
        start = 0
        for identity, rows in groupby(identities):
            count, name = sum(1 for _ in rows), splits[start]
            split, begins = self.splits[name], identity != self.identity
            if begins:
                self._begin(identity, name, split)
            yield Run(start, count, self.label, split.label, split.shard, split.rows, begins)
            split.rows += count
            start += count

    def _begin(self, identity: str, name: str, split: _Split) -> None:
        self.identity, self.label, split.label = identity, self.label + 1, split.label + 1
        shard = shard_name(name, split.label * split.files // split.identities, split.files)
        if shard != split.shard:
            split.shard, split.rows = shard, 0
