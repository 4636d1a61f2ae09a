"""Regions of interest as pictures: where they lie on a hand, as docs/evaluating.md says, and their files."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.frame import frame_matrix
from palm_models.hand.identity import make_identity
from tasks.photographs.pictures import write_pictures, write_regions


def test_the_region_is_the_one_that_the_page_describes():
    """Webs at 30 % of the way from MCP to PIP; a square of 1.40 d, 0.04 d below their line, fingers up."""
    capture = make_capture(1, 0, "left", 0)
    (drawing,) = RendererEngine().draw(make_identity(1, 0, "left"), [capture], "hand", 128)
    p = np.asarray(drawing.landmarks, float)

    def web(a, b, c, d):
        return 0.7 * (p[a] + p[b]) / 2 + 0.3 * (p[c] + p[d]) / 2

    one, two = web(5, 9, 6, 10), web(13, 17, 14, 18)
    d = np.linalg.norm(two - one)
    across = (two - one) / d
    down = np.array([-across[1], across[0]])
    down = down if down @ (p[0] - one) > 0 else -down
    right = np.array([down[1], -down[0]])
    corner = (one + two) / 2 + 0.04 * d * down - 0.7 * d * right  # top left
    matrix = frame_matrix(p, "palm", 100)
    np.testing.assert_allclose(matrix[:, :2] @ corner + matrix[:, 2], [-0.5, -0.5], atol=1e-6)
    opposite = corner + 1.4 * d * (right + down)
    np.testing.assert_allclose(matrix[:, :2] @ opposite + matrix[:, 2], [99.5, 99.5], atol=1e-6)


def test_each_palm_becomes_a_file_under_its_photographs_name(tmp_path):
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(out, "PNG")
    cell = {"bytes": out.getvalue(), "path": None}
    rows = [
        {"original_name": name, "hand": hand, "hand_index": index, "view": view, "image": cell}
        for name, hand, index, view in (
            ("p1/a.jpg", "left", 0, "palm"), ("p1/a.jpg", "right", 1, "palm"),
            ("p1/a.jpg", "left", 0, "hand"),
            ("../../b.jpg", "left", 0, "palm"),
            ("p1/a.png", "left", 0, "palm"),
        )
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "aligned.parquet")
    assert write_regions(tmp_path / "aligned.parquet", tmp_path / "roi") == 4
    found = {p.relative_to(tmp_path / "roi").as_posix() for p in (tmp_path / "roi").rglob("*.png")}
    assert found == {"p1/a_left.png", "p1/a_right_1.png", "b_left.png", "p1/a.png_left.png"}
    assert (np.asarray(Image.open(tmp_path / "roi" / "b_left.png")) == 90).all()
    assert write_pictures(tmp_path / "aligned.parquet", tmp_path / "all") == 5
    found = {p.relative_to(tmp_path / "all").as_posix() for p in (tmp_path / "all").rglob("*.png")}
    assert {"p1/a_left_palm.png", "p1/a_left_hand.png", "p1/a_right_1_palm.png"} < found and len(found) == 5


def test_a_name_as_long_as_a_name_may_be_is_cut_and_stays_its_own(tmp_path):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    names = ["n" * 251 + ".png", "n" * 251 + ".jpg", "ü" * 125 + ".jpg", "f" * 400 + "/a.jpg"]
    told = {"hand": "left", "hand_index": 0, "view": "palm", "image": {"bytes": out.getvalue(), "path": None}}
    pq.write_table(
        pa.Table.from_pylist([{"original_name": n, **told} for n in names]), tmp_path / "a.parquet"
    )
    assert write_pictures(tmp_path / "a.parquet", tmp_path / "out") == 4
    found = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert len(found) == 4 and all(
        p.name.endswith("_left_palm.png") or p.name == "a_left_palm.png" for p in found
    )
