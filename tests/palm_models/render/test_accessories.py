import numpy as np
import pytest

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity

BARE = {"ring": False, "bracelet": "none", "sleeve": False, "noise": 0.0, "jpeg": 100.0, "infrared": False,
        "bend": 0.0, "spread": 5.0}  # fmt: skip


@pytest.mark.parametrize(
    ("worn", "joints"),
    [({"ring": True, "ring_finger": "ring"}, (13, 14)), ({"ring": True, "ring_finger": "index"}, (5, 6)),
     ({"bracelet": "bracelet"}, (0, 0)), ({"bracelet": "watch"}, (0, 0)), ({"sleeve": True}, (0, 0))],
)  # fmt: skip
def test_what_is_worn_is_seen_in_its_place(worn: dict[str, object], joints: tuple[int, int]) -> None:
    identity = make_identity(4, 1, "left")
    bare, dressed = (
        RendererEngine().draw(identity, [make_capture(4, 1, "left", 0, BARE | more)], "hand", 192)[0]
        for more in ({}, worn)
    )
    changed = np.abs(bare.image.astype(int) - dressed.image).max(axis=2) > 25
    assert changed.sum() > 20
    y, x = (float(np.median(axis)) for axis in np.nonzero(changed))
    place = dressed.landmarks[list(joints)].mean(axis=0)
    reach = np.linalg.norm(dressed.landmarks[5] - dressed.landmarks[17])
    assert np.linalg.norm(place - (x, y)) < (0.3 if joints[0] else 0.9) * reach


def test_palm_view_shows_no_accessories() -> None:
    identity = make_identity(4, 1, "left")
    still = BARE | {"shift_x": 0.0, "shift_y": 0.0, "rotation": 0.0, "scale": 1.0}
    bare, dressed = (
        RendererEngine().draw(identity, [make_capture(4, 1, "left", 0, still | more)], "palm", 96)[0].image
        for more in ({}, {"bracelet": "watch", "sleeve": True})
    )
    assert np.array_equal(bare, dressed)
