"""The align task: photos in = aligned + rejected, each with its reason, in order, in the output's pixels."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from manifests.files.layout import PublishError
from palm_models.hand.frame import palm_width, photo_matrix, transform
from palm_models.photo.hand_model import HandModelError
from tasks.photographs.align import (
    REJECTS,
    TABLE,
    Settings,
    _decoded_side,
    _died,
    _inside,
    align_photo,
    align_photos,
)
from tasks.workers.runner import Workers
from tests.helpers.hands import SIZE, drawn_hand, moved, noise

COLUMNS = ["photo_id", "path", "original_name", "width", "height", "status"]


def listed(folder, pictures):
    """photos.parquet as ingest writes it, of {name: RGB picture, or bytes of a file}."""
    rows = []
    for name, picture in pictures.items():
        path = folder / name
        if isinstance(picture, bytes):
            path.write_bytes(picture)
            width, height = 100, 100
        else:
            Image.fromarray(picture).save(path, quality=95)
            height, width = picture.shape[:2]
        rows.append(dict(zip(COLUMNS, [name, str(path), f"folder/{name}", width, height, "ok"], strict=True)))
    rows.append(dict.fromkeys(COLUMNS) | {"photo_id": "refused", "status": "rejected"})
    pq.write_table(pa.Table.from_pylist(rows), folder / "photos.parquet")
    return folder / "photos.parquet"


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """The folder, the report and both tables of a run over good and bad photos."""
    folder = tmp_path_factory.mktemp("align")
    left, right = drawn_hand("left")[0], drawn_hand("right")[0]
    half = np.array([[1.0, 0, 0], [0, 1, 0.46 * SIZE]])
    pictures = {
        "right.jpg": right,
        "nothing.png": noise(),
        "both.jpg": np.hstack([left, right]),
        "broken.jpg": b"\xff\xd8\xff\xe0 no more",
        "half.png": moved(right, half, (SIZE, SIZE)),
        "cut.png": moved(right, [[1, 0, 0], [0, 1, -0.55 * SIZE]], (SIZE, SIZE)),
        "large.jpg": np.asarray(Image.fromarray(left).resize((2000, 2000))),
        "text.jpg": b"not a picture",
    }
    done = []
    report = align_photos(
        listed(folder, pictures),
        folder / "out",
        size=96,
        decode_side=512,
        attempts=2,
        progress=lambda *n: done.append(n),
    )
    assert done == [(n, len(pictures)) for n in range(len(pictures) + 1)]
    tables = [pq.read_table(folder / "out" / name).to_pylist() for name in (TABLE, REJECTS)]
    return folder, report, *tables


def test_every_photo_is_aligned_or_rejected_with_its_reason(aligned):
    _, report, rows, rejects = aligned
    reasons = {row["photo_id"]: row["reason"] for row in rejects}
    assert reasons["nothing.png"] == "no_hand"
    assert reasons["half.png"] == "cut_off"
    assert reasons["cut.png"] in ("unclear_hand", "back_of_hand")  # a palm without fingers reads as either
    assert reasons["broken.jpg"] in ("truncated", "corrupt")
    assert reasons["text.jpg"] == "not_a_picture"
    assert all(row["detail"] for row in rejects)
    assert {row["photo_id"] for row in rows} == {"right.jpg", "both.jpg", "large.jpg"}
    assert report.photos == 8 == report.aligned + sum(report.rejected.values())
    assert report.palms == 4
    assert str(report).startswith("8 photos = 3 aligned (4 palms) + 5 rejected (")
    assert report.facts()["accounting"] == str(report)


def test_rows_come_in_the_order_of_the_photos(aligned):
    _, _, rows, rejects = aligned
    assert [(row["photo_id"], row["hand_index"], row["view"]) for row in rows] == [
        (photo, index, view)
        for photo, index in [("right.jpg", 0), ("both.jpg", 0), ("both.jpg", 1), ("large.jpg", 0)]
        for view in ("palm", "hand")
    ]
    assert [row["photo_id"] for row in rejects] == [
        "nothing.png",
        "broken.jpg",
        "half.png",
        "cut.png",
        "text.jpg",
    ]


def test_hands_are_named(aligned):
    rows = aligned[2]
    hands = {(row["photo_id"], row["hand"]) for row in rows}
    expected = {("right.jpg", "right"), ("both.jpg", "left"), ("both.jpg", "right"), ("large.jpg", "left")}
    assert hands == expected
    assert all(row["handedness_score"] > 0.5 and 0.5 < row["quality"] <= 1 for row in rows)


def test_landmarks_are_in_the_pixels_of_the_view_and_of_the_photo(aligned):
    rows = aligned[2]
    for row in rows:
        here, source = (np.array(row[n]).reshape(21, 2) for n in ("landmarks", "source_landmarks"))
        expected = transform(source, photo_matrix(source, row["view"], 96))
        np.testing.assert_allclose(here, expected, atol=0.05)
    truth = drawn_hand("left")[1] * 2000 / SIZE
    large = np.array(rows[-1]["source_landmarks"]).reshape(21, 2)
    assert np.linalg.norm(large - truth, axis=1).mean() < 0.07 * palm_width(truth)


def test_pictures_show_what_the_landmarks_say(aligned):
    folder, _, rows, _ = aligned
    photo = np.asarray(Image.open(folder / "right.jpg"))
    for row in rows[:2]:
        view = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert view.shape == (96, 96, 3)
        source = np.array(row["source_landmarks"], np.float32).reshape(21, 2)
        matrix = photo_matrix(source, row["view"], 96)
        inner = np.array(row["landmarks"]).reshape(21, 2)
        inner = inner[((inner > 4) & (inner < 91)).all(axis=1)]
        inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        for (x, y), (u, v) in zip(inner.astype(int), transform(inner.astype(int), inverse), strict=True):
            there = photo[round(v) - 2 : round(v) + 3, round(u) - 2 : round(u) + 3].mean(axis=(0, 1))
            assert np.abs(view[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1)) - there).max() < 25


def test_a_second_run_on_dask_gives_the_same_bytes(aligned):
    folder, report, rows, _ = aligned
    again = align_photos(
        folder / "photos.parquet",
        folder / "again",
        size=96,
        decode_side=512,
        attempts=2,
        workers=Workers("dask", 2),
    )
    assert str(again) == str(report)
    assert pq.read_table(again.table).to_pylist() == rows


def test_nothing_to_align_gives_empty_tables(tmp_path):
    report = align_photos(listed(tmp_path, {}), tmp_path / "out")
    assert (report.photos, report.aligned, report.rejected) == (0, 0, {})
    assert pq.read_table(tmp_path / "out" / TABLE).num_rows == 0


def test_model_that_is_none_is_refused_before_any_work(tmp_path):
    (tmp_path / "mine.task").write_bytes(b"not a zip")
    with pytest.raises(HandModelError, match=r"mine\.task: not a task file"):
        align_photos(listed(tmp_path, {}), tmp_path / "out", model=tmp_path / "mine.task")


def test_output_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(PublishError, match="cannot write"):
        align_photos(listed(tmp_path, {}), tmp_path / "out")


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [(1024, 800, 1024), (1400, 900, 1400), (1600, 900, 800), (3000, 4000, 1000), (6000, 10, 750)],
)
def test_large_photos_are_decoded_at_halves(width, height, side):
    assert _decoded_side({"width": width, "height": height}, 1000) == side


def test_photo_whose_process_died_is_rejected():
    outcome = _died({"photo_id": "p", "original_name": "n"})
    assert outcome.reject["reason"] == "worker_died" and not outcome.rows


def test_share_of_the_palm_inside_the_photo():
    from palm_models.photo.landmarks import FoundHand

    rgb, truth = drawn_hand("right")
    assert _inside(FoundHand(truth, "right", 1, 1), rgb) == 1
    assert _inside(FoundHand(truth - [0, 0.55 * SIZE], "right", 1, 1), rgb) < 0.7
    assert Settings().views == ("palm", "hand")


def test_groups_of_large_pictures_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.photographs.align.GROUP_BYTES", 2 * 2 * 96 * 96 * 3)  # two photos of two views
    pictures = {f"{i}.jpg": drawn_hand("right")[0] for i in range(3)}
    report = align_photos(listed(tmp_path, pictures), tmp_path / "out", size=96, attempts=1)
    file = pq.ParquetFile(report.table)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 2]
    assert report.table.stat().st_size < 6 * 96 * 96 * 3, "compressed by the table"


class KnowsTheHand:
    """A finder that is told where the hand is, as the real one finds it in a dim picture."""

    def find_in(self, pyramid):
        from palm_models.photo.landmarks import FoundHand

        return [FoundHand(drawn_hand("right")[1].astype(np.float32), "right", 1, 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rgb: rgb // 16, "nearly_black"),
        (lambda rgb: 255 - rgb // 16, "nearly_white"),
        (lambda rgb: np.full_like(rgb, 128), "flat"),
        (lambda rgb: rgb // 3, ""),
    ],
)
def test_a_palm_that_shows_nothing_is_a_reject(tmp_path, change, reason):
    Image.fromarray(change(drawn_hand("right")[0])).save(tmp_path / "x.png")
    photo = {"photo_id": "p", "original_name": "n", "path": tmp_path / "x.png", "width": SIZE, "height": SIZE}
    outcome = align_photo(KnowsTheHand(), photo, Settings(size=64))
    assert (outcome.reject or {"reason": ""})["reason"] == reason
    assert len(outcome.rows) == (0 if reason else 2)
    assert not reason or "grey levels" in outcome.reject["detail"]
