"""The table of random draws: nothing is drawn twice, and every draw is that of 0.1.0."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.seeds import Draw, generator, sequence
from tasks.draw.samples import augmentation_seed

ROOT = Path(__file__).parents[2]
BEFORE = {  # as six files of 0.1.0 had them
    "IDENTITY": 1, "CAPTURE": 2, "AUGMENTATION": 3, "DIFFUSION_NOISE": 4, "BASELINE": 7, "EPOCH_ORDER": 8,
    "STEP_NOISE": 9,
}  # fmt: skip
PLAIN = re.compile(r"spawn_key=(?!\(int\(draw\), \*counter\)|\(1,\)|\(step, part\))")


def test_the_keys_are_those_of_the_first_release_and_no_two_are_one():
    assert {name: int(Draw[name]) for name in BEFORE} == BEFORE
    assert Counter(member.value for name, member in Draw.__members__.items()).most_common(1)[0][1] == 1


def test_no_other_file_makes_a_spawn_key_of_its_own():
    files = [f for part in ("palm_models", "tasks", "manifests") for f in (ROOT / part).rglob("*.py")]
    assert len(files) > 100
    own = [str(f.relative_to(ROOT)) for f in files if PLAIN.search(f.read_text(encoding="utf-8"))]
    assert own == []


@pytest.mark.parametrize("counter", [(5,), (5, 1), (5, 1, 3), (5, 1, 3, 2)])
def test_a_generator_is_that_of_its_spawn_key_and_unlike_every_other(counter):
    plain = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(4, *counter)))
    assert generator(7, Draw.DIFFUSION_NOISE, *counter).integers(2**62) == plain.integers(2**62)
    firsts = {int(sequence(7, draw, *counter).generate_state(1, np.uint64)[0]) for draw in Draw}
    assert len(firsts) == len(Draw)


def test_individuals_and_copies_are_those_of_the_first_release():
    identity, capture = make_identity(5, 3, "right"), make_capture(5, 3, "right", 2)
    assert (identity.texture_seed, capture.skin_seed, augmentation_seed(capture, 1)) == (
        964210417,
        401388623,
        3846131076,
    )
