"""Protocols: which pairs of a test set are compared, all of them or those across sessions or devices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from palm_models.measure.scores import PAIRS, Scores
from tasks.evaluate.labelled import Labelled
from tasks.evaluate.recognisers.kind import Matcher
from tasks.photographs.sources.found import SourceError

Where = Literal["any", "same", "differ"]
Places = NDArray[np.int64]
WHOLE = 4_000  # pictures: of fewer, all pairs are listed before some are drawn


@dataclass(frozen=True)
class Protocol:
    """Pairs are compared when their sessions and devices are as it says."""

    name: str
    sessions: Where = "any"
    devices: Where = "any"

    def allows(self, test: Labelled, a: Places, b: Places) -> NDArray[np.bool_]:
        """Of pairs of places, which are compared."""
        out = np.ones(len(a), bool)
        for words, where in ((test.sessions, self.sessions), (test.devices, self.devices)):
            if where != "any":
                out &= (words[a] == words[b]) == (where == "same")
        return out


PROTOCOLS = {
    p.name: p
    for p in (
        Protocol("all"),
        Protocol("cross-session", "differ"),
        Protocol("same-device", devices="same"),
        Protocol("cross-device", devices="differ"),
        Protocol("cross-session same-device", "differ", "same"),
        Protocol("cross-session cross-device", "differ", "differ"),
    )
}


def usual(test: Labelled) -> list[Protocol]:
    """Across sessions where a set has them; of several devices, within one and across two."""
    session = "cross-session" if len(set(test.sessions.tolist()) - {""}) > 1 else ""
    devices = ("same-device", "cross-device") if len(set(test.devices.tolist()) - {""}) > 1 else ("",)
    names = [f"{session} {device}".strip() or "all" for device in devices]
    return [PROTOCOLS[name] for name in names]


@dataclass(frozen=True)
class Pairs:
    """Places of the pairs (k, 2) that are compared, of one identity and of two."""

    genuine: Places
    impostor: Places


def pairs_of(test: Labelled, protocol: Protocol, most: int = PAIRS, seed: int = 0) -> Pairs:
    """All genuine pairs, and of the impostor pairs at most `most`, drawn by seed.

    Raises SourceError when the protocol leaves no pair of either kind.
    """
    _, index = np.unique(test.labels, return_inverse=True)
    genuine = np.concatenate([np.empty((0, 2), np.int64), *_within(index)])
    genuine = genuine[protocol.allows(test, *genuine.T)]
    impostor = _between(test, index, protocol, most, np.random.default_rng(seed))
    if not len(genuine) or not len(impostor):
        kind = "genuine" if not len(genuine) else "impostor"
        raise SourceError(
            "nothing_to_compare",
            f"{test.name}: no {kind} pair under the protocol {protocol.name}; its sessions are "
            f"{_known(test.sessions)}, its devices {_known(test.devices)}",
        )
    return Pairs(genuine, impostor)


def _known(words: NDArray[np.str_]) -> str:
    return ", ".join(sorted(set(words.tolist()) - {""})) or "not known"


def _within(index: Places) -> Iterator[Places]:
    for who in range(int(index.max()) + 1):
        own = np.flatnonzero(index == who)
        a, b = np.triu_indices(len(own), 1)
        yield np.stack([own[a], own[b]], 1)


def _between(
    test: Labelled, index: Places, protocol: Protocol, most: int, rng: np.random.Generator
) -> Places:
    count = len(index)
    if count <= WHOLE:
        a, b = np.triu_indices(count, 1)
        others = np.flatnonzero(index[a] != index[b])
        others = others[protocol.allows(test, a[others], b[others])]
        if len(others) > most:
            others = np.sort(rng.choice(others, most, replace=False))
        return np.stack([a[others], b[others]], 1).astype(np.int64)
    found = np.empty(0, np.int64)  # a pair as one number, so that none is drawn twice
    for _ in range(40):
        a, b = np.sort(rng.integers(0, count, (2, most)), axis=0)
        good = (index[a] != index[b]) & protocol.allows(test, a, b)
        found = np.unique(np.concatenate([found, a[good] * count + b[good]]))
        if len(found) >= most:
            found = np.sort(rng.choice(found, most, replace=False))
            break
    return np.stack(np.divmod(found, count), 1)


def score(matcher: Matcher, templates: NDArray[Any], test: Labelled, pairs: Pairs) -> Scores:
    """Similarities of the pairs, and whose they are, as `error_rates` takes them."""
    known, index = np.unique(test.labels, return_inverse=True)
    return Scores(
        matcher.pairs(templates, *pairs.genuine.T),
        matcher.pairs(templates, *pairs.impostor.T),
        index[pairs.genuine[:, 0]],
        index[pairs.impostor],
        len(known),
        len(index),
    )
