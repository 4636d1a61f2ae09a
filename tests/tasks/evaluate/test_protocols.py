"""Protocols: pairs across sessions and devices, some drawn of too many, refused where there are none."""

import numpy as np
import pytest

from tasks.evaluate import protocols
from tasks.evaluate.labelled import Labelled
from tasks.evaluate.protocols import PROTOCOLS, pairs_of, score, usual
from tasks.evaluate.recognisers.kind import Vectors
from tasks.photographs.sources.found import SourceError


def labelled(identities=3, sessions=2, devices=2, captures=2):
    shots = [
        (f"p{i}", str(s) if sessions > 1 else "", f"d{d}" if devices > 1 else "")
        for i in range(identities) for s in range(sessions) for d in range(devices) for _ in range(captures)
    ]  # fmt: skip
    labels, of, by = (np.array(words) for words in zip(*shots, strict=True))
    return Labelled("made", np.zeros((len(shots), 2, 2), np.uint8), labels, "", of, by)


def plainly(test, protocol):
    """Pairs by the words of the protocol's name, one at a time."""
    kinds = {True: set(), False: set()}
    for a in range(len(test.labels)):
        for b in range(a):
            across, same = test.sessions[a] != test.sessions[b], test.devices[a] == test.devices[b]
            if "cross-session" in protocol and not across:
                continue
            if ("same-device" in protocol and not same) or ("cross-device" in protocol and same):
                continue
            kinds[bool(test.labels[a] == test.labels[b])].add((b, a))
    return kinds[True], kinds[False]


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("whole", [0, 4000])
def test_pairs_are_those_of_the_plain_form(monkeypatch, name, whole):
    monkeypatch.setattr(protocols, "WHOLE", whole)  # 0: drawn, not listed
    test = labelled()
    pairs = pairs_of(test, PROTOCOLS[name])
    genuine, impostor = plainly(test, name)
    assert set(map(tuple, pairs.genuine.tolist())) == genuine and len(pairs.genuine) == len(genuine)
    assert set(map(tuple, pairs.impostor.tolist())) == impostor and len(pairs.impostor) == len(impostor)


@pytest.mark.parametrize("whole", [0, 4000])
def test_of_too_many_impostors_some_are_drawn_once_each(monkeypatch, whole):
    monkeypatch.setattr(protocols, "WHOLE", whole)
    test = labelled(8)
    first, again = (pairs_of(test, PROTOCOLS["cross-session"], most=50).impostor for _ in range(2))
    assert len(set(map(tuple, first.tolist()))) == 50 and (first == again).all()
    assert (test.labels[first[:, 0]] != test.labels[first[:, 1]]).all()
    assert (test.sessions[first[:, 0]] != test.sessions[first[:, 1]]).all()


def test_the_usual_protocol_follows_what_a_set_knows():
    assert [p.name for p in usual(labelled(sessions=1, devices=1))] == ["all"]
    assert [p.name for p in usual(labelled(devices=1))] == ["cross-session"]
    assert [p.name for p in usual(labelled(sessions=1))] == ["same-device", "cross-device"]
    wanted = ["cross-session same-device", "cross-session cross-device"]
    assert [p.name for p in usual(labelled())] == wanted


def test_nothing_to_compare_is_refused_and_says_what_there_is():
    with pytest.raises(SourceError, match="cross-session; its sessions are not known, its devices d0, d1"):
        pairs_of(labelled(sessions=1), PROTOCOLS["cross-session"])


def test_scores_know_whose_they_are():
    test = labelled(devices=1)
    vectors = np.eye(3, dtype=np.float32)[np.unique(test.labels, return_inverse=True)[1]]
    pairs = pairs_of(test, PROTOCOLS["cross-session"])
    found = score(Vectors(lambda grey: vectors), vectors, test, pairs)
    assert (found.genuine == 1).all() and (found.impostor == 0).all()
    assert np.bincount(found.genuine_of).tolist() == [4, 4, 4] and found.identities == 3
    assert (found.impostor_of[:, 0] != found.impostor_of[:, 1]).all()
