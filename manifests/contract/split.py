"""Assigns each subject to a split by hash, so that growing a dataset moves nobody."""

import hashlib
from typing import Literal, Protocol

Split = Literal["train", "validation", "test"]


class Shares(Protocol):
    """Shares of the subjects in each split; together 1."""

    @property
    def train(self) -> float: ...
    @property
    def validation(self) -> float: ...
    @property
    def test(self) -> float: ...


def split_of(subject_id: str, splits: Shares, seed: int) -> Split:
    """The split of a subject: a function of its id, the seed and the shares, not of the number of subjects.

    The hash, read as a fraction in [0, 1), falls into one of three intervals as long as the shares. Both
    hands of a subject are in one split, because a recogniser learns what they share.
    """
    digest = hashlib.sha256(f"{seed}/{subject_id}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    if fraction < splits.train:
        return "train"
    return "validation" if fraction < splits.train + splits.validation or not splits.test else "test"
