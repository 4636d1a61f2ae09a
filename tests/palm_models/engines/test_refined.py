"""The refined engine: skin drawn once an identity, the same in every capture, view and size."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from palm_models.atlas.atlas import PALM, draw_atlas
from palm_models.atlas.capture import Capture, make_capture
from palm_models.atlas.identity import Identity, make_identity
from palm_models.engines.base import CheckpointError
from palm_models.engines.refined.engine import RefinedEngine, refined
from palm_models.engines.refined.network import load_skin
from palm_models.engines.refined.skin import SIDE, from_canvas, sketch, start, times, tone
from palm_models.shipped import SHIPPED

WEIGHTS = SHIPPED / "skin"
STILL = {"device": "contactless_box", "deformation": 0.0, "rotation": 0.0, "scale": 1.0, "shift_x": 0.0,
         "shift_y": 0.0, "tilt_x": 0.0, "tilt_y": 0.0, "noise": 0.5, "grey": True, "jpeg": 100.0}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> RefinedEngine:
    return RefinedEngine(WEIGHTS, steps=2)  # two steps draw soft skin, but skin


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity(3, 1, "left")


def shots(identity: Identity, count: int, **controls: object) -> list[Capture]:
    return [make_capture(3, 1, identity.hand, k, controls) for k in range(count)]


def test_the_same_bytes_again_in_any_company(engine: RefinedEngine, identity: Identity) -> None:
    three = engine.draw(identity, shots(identity, 3), "palm", 64)
    fresh = RefinedEngine(WEIGHTS, steps=2)
    fresh.draw(make_identity(3, 2, "left"), shots(identity, 1), "palm", 64)
    alone = fresh.draw(identity, shots(identity, 3)[2:], "palm", 64)[0]
    assert (three[2].image == alone.image).all() and (three[2].landmarks == alone.landmarks).all()


def test_one_skin_at_every_size(engine: RefinedEngine, identity: Identity) -> None:
    small, large = (
        engine.draw(identity, shots(identity, 1, **STILL), "palm", size)[0].image[..., 0].astype(float)
        for size in (64, 192)
    )
    reduced = large.reshape(64, 3, 64, 3).mean((1, 3))
    assert np.corrcoef(reduced.ravel(), small.ravel())[0, 1] > 0.9


def test_skin_differs_from_the_plain_atlas_and_between_identities(identity: Identity) -> None:
    weights = load_skin(WEIGHTS)
    own, other = (tone(one, weights, 2) for one in (identity, make_identity(3, 2, "left")))
    assert own.shape == (SIDE, SIDE) and own.dtype == np.float32 and abs(float(np.median(own))) < 1e-3
    assert abs(np.corrcoef(own.ravel(), other.ravel())[0, 1]) < 0.5
    assert (own == tone(identity, weights, 2)).all()


def test_the_network_is_shown_the_creases_where_the_atlas_has_them(identity: Identity) -> None:
    plain = draw_atlas(identity, "palm", 300.0)
    drawn = sketch(identity)
    at = from_canvas(identity, plain.origin, plain.density)
    y, x = np.nonzero(plain.deep[..., 0] > 0.3)
    places = np.round(np.stack([x, y], 1) @ at[:, :2].T + at[:, 2]).astype(int)
    inside = places[((places >= 0) & (places < SIDE)).all(axis=1)]
    assert len(inside) > 200
    assert np.median(drawn[inside[:, 1], inside[:, 0]]) < np.median(drawn) - 8
    lines = start(identity).lines
    assert lines.shape == (2, SIDE, SIDE) and lines.min() >= 0 and lines.max() <= 1


def test_moles_and_scars_stay_where_they_were_drawn() -> None:
    marked = make_identity(3, 1, "right", {"moles": 3, "scars": 1})
    plain = draw_atlas(marked, "palm", 200.0)
    changed = refined(plain, marked, np.zeros((SIDE, SIDE), np.float32), "palm")
    assert (changed.colour[..., 2] == plain.colour[..., 2]).all()  # scars
    for mark in (mark for mark in marked.marks if mark.kind == "mole"):
        x, y = (int((v - low) * 200) for v, low in zip((mark.x, mark.y), PALM[:2], strict=True))
        assert changed.colour[y, x, 1] > 0.5 * mark.strength


def test_fingers_are_the_plain_atlas(identity: Identity) -> None:
    plain = draw_atlas(identity, "hand", 60.0)
    changed = refined(plain, identity, tone(identity, load_skin(WEIGHTS), 2), "hand")
    fingers = slice(0, int(0.9 * 60))  # the atlas of view hand begins far above the palm
    assert np.allclose(changed.lines[fingers], plain.lines[fingers], atol=1e-5)
    assert np.allclose(changed.colour[fingers], plain.colour[fingers], atol=1e-5)
    assert not np.allclose(changed.colour, plain.colour, atol=0.05)


def test_steps_fall_from_noise_to_skin() -> None:
    assert times(4)[0] == 1 and times(4)[-1] == 0 and sorted(times(8), reverse=True) == times(8)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "skin"
    shutil.copytree(WEIGHTS, folder)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not the file"):
        load_skin(folder)
    with pytest.raises(CheckpointError, match="engine diffusion"):
        load_skin(SHIPPED)
