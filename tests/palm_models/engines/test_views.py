"""A further view needs its square alone: whoever draws, draws it."""

from typing import Any, get_args

import numpy as np
import pytest

from manifests.words import VIEWS, View
from palm_models.hand import frame
from tasks.engines.registry import ENGINES


def test_every_view_has_a_square():
    assert set(frame.SQUARES) == set(VIEWS) == set(get_args(View))


@pytest.mark.parametrize("name", [name for name in ENGINES.ours if not ENGINES.get(name).learned])
def test_a_view_that_nobody_names_is_drawn(name, monkeypatch):
    def half(landmarks):
        down, centre, side = frame.SQUARES["hand"](landmarks)
        return down, centre, side / 2

    squares: dict[str, Any] = {**frame.SQUARES, "half": half}
    monkeypatch.setattr(frame, "SQUARES", squares)
    engine = ENGINES.get(name)
    drawer = engine.load(None, None)
    identity, capture = engine.identity(3, 1, "left", {}), engine.capture(3, 1, "left", 0, {})
    whole, part = (drawer.draw(identity, [capture], view, 64)[0] for view in ("hand", "half"))
    assert part.image.shape == (64, 64, 3) and part.image.std() > 5

    def width(drawing):
        return np.linalg.norm(drawing.landmarks[5] - drawing.landmarks[17])

    assert width(part) == pytest.approx(2 * width(whole), rel=0.05)
