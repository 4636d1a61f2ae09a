"""Skin of one colour is called the same wherever it is counted."""

import numpy as np
import pytest

from palm_models.render.skin import BANDS, band


def test_bands_are_those_of_the_scale() -> None:
    angles = (60, 50, 30, 20, 0, -40, -90)
    assert [band(a) for a in angles] == [*BANDS, "dark"]


@pytest.mark.parametrize("name", ["very light", "light", "intermediate", "tan", "brown"])
def test_an_angle_on_the_border_belongs_below(name: str) -> None:
    names = list(BANDS)
    assert band(BANDS[name]) == names[names.index(name) + 1] and band(np.nextafter(BANDS[name], 90)) == name
