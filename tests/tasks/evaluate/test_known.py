"""Palms of known people: regions of any depth and size, photographs aligned, equal files counted once."""

import cv2
import numpy as np
import pytest
from PIL import Image

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.photo.picture import PictureError
from tasks.evaluate.known import Reading, of_known
from tasks.evaluate.regions import read_region
from tasks.photographs.sources.found import SourceError


def quiet(done, total):
    pass


def slope(size=64, dtype=np.uint8, most=255):
    """Dark at the left, bright at the right."""
    return np.tile(np.linspace(0, most, size).astype(dtype), (size, 1))


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("a.bmp", slope(150)),
        ("a.png", slope(128, np.uint16, 65535)),
        ("a.tiff", slope(128, np.uint16, 1023)),
        ("a.png", np.dstack([slope(100)] * 3)),
        ("a.png", np.dstack([slope(100, np.uint16, 4095)] * 3)),
        ("a.jpg", slope(300)),
    ],
)
def test_regions_of_any_depth_and_size_show_the_same(tmp_path, name, picture):
    write(tmp_path / name, picture)
    found = read_region(tmp_path / name, 64)
    assert np.abs(found.grey.astype(int) - slope(64)).max() <= 5
    assert ("16 bit" in found.shape) == (picture.dtype == np.uint16)


def test_regions_are_turned_clockwise(tmp_path):
    write(tmp_path / "a.png", slope())
    down = read_region(tmp_path / "a.png", 64, 90).grey  # what was left is on top
    np.testing.assert_array_equal(down, slope().T)
    np.testing.assert_array_equal(read_region(tmp_path / "a.png", 64, 180).grey, slope()[:, ::-1])
    np.testing.assert_array_equal(read_region(tmp_path / "a.png", 64, 270).grey, slope().T[::-1])


def test_what_is_no_region_says_so(tmp_path):
    write(tmp_path / "wide.png", np.zeros((100, 200), np.uint8))
    write(tmp_path / "small.png", np.zeros((20, 20), np.uint8))
    (tmp_path / "torn.png").write_bytes((tmp_path / "wide.png").read_bytes()[:60])
    for name, reason in (("wide", "not_a_region"), ("small", "too_small"), ("torn", "truncated")):
        with pytest.raises(PictureError) as wrong:
            read_region(tmp_path / f"{name}.png", 64)
        assert wrong.value.reason == reason, name


def test_a_set_of_regions_is_accounted_for(tmp_path):
    """Two sessions, mixed sizes, an equal file, an unreadable one, one that is alone."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "t"
    for k, n in enumerate((1, 2, 11, 12, 21)):
        for session in (1, 2) if n != 21 else (1,):
            side = 128 if k else 150
            write(folder / f"session{session}/{n:05d}.bmp", rng.integers(0, 255, (side, side), np.uint8))
    (folder / "session2/00003.bmp").write_bytes((folder / "session1/00001.bmp").read_bytes())
    (folder / "session2/00004.bmp").write_bytes(b"BM nothing")
    found = of_known(f"tongji:{folder}", Reading(64, tmp_path / "work"), quiet)
    assert found.name == "tongji" and found.identities == 2 and found.grey.shape == (8, 64, 64)
    assert sorted(found.labels.tolist()) == ["001"] * 4 + ["002"] * 4
    assert sorted(found.sessions.tolist()) == ["1"] * 4 + ["2"] * 4
    assert sorted(reason for _, reason, _ in found.rejects) == ["duplicate_file", "not_a_picture"]
    for said in ("11 pictures = 9 palms + 2 rejected", "7 of 128x128", "2 of 150x150", "1 hands with one"):
        assert said in found.note, found.note
    assert not (tmp_path / "work").exists()  # nothing was aligned


def test_similar_regions_of_a_hand_are_kept(tmp_path):
    """Second captures in one box differ by less than the rule for photographs of strangers allows."""
    rng = np.random.default_rng(1)
    for who in range(2):
        palm = cv2.GaussianBlur(rng.integers(0, 255, (128, 128), np.uint8), (0, 0), 4)
        for k in range(3):
            write(tmp_path / "set" / f"p{who}" / f"{k}.png", palm + np.uint8(k))
    assert len(of_known(str(tmp_path / "set"), Reading(64, tmp_path / "w"), quiet).labels) == 6


def test_one_device_of_a_set(tmp_path):
    rng = np.random.default_rng(2)
    for who in (1, 2):
        for spectrum in ("460", "WHT"):
            for k in (1, 2):
                picture = rng.integers(0, 255, (128, 128), np.uint8)
                write(tmp_path / f"{who:03d}_l_{spectrum}_{k:02d}.png", picture)
    found = of_known(f"casia-ms@wht:{tmp_path}", Reading(64, tmp_path / "w"), quiet)
    assert set(found.devices.tolist()) == {"WHT"} and len(found.labels) == 4
    with pytest.raises(SourceError, match="there is 460, WHT"):
        of_known(f"casia-ms@850:{tmp_path}", Reading(64, tmp_path / "w"), quiet)


def test_halves_share_no_person(tmp_path):
    rng = np.random.default_rng(3)
    for who in range(6):
        for hand in "lr":
            for k in (1, 2):
                picture = rng.integers(0, 255, (64, 64), np.uint8)
                write(tmp_path / f"{who:03d}_{hand}_460_{k:02d}.png", picture)
    one, two = of_known(f"casia-ms:{tmp_path}", Reading(64, tmp_path / "w"), quiet).halves()
    people = [{label.split()[0] for label in half.labels.tolist()} for half in (one, two)]
    assert len(people[0]) == len(people[1]) == 3 and not people[0] & people[1]


def drawn(folder):
    """Two hands, two photographs each and one of these twice."""
    lines = ["path,id"]
    for who in range(2):
        (folder / f"hand_{who}").mkdir(parents=True)
        captures = [
            make_capture(3, who, "right", k, {"background": "plain", "infrared": False}) for k in range(2)
        ]
        drawings = RendererEngine().draw(make_identity(3, who, "right"), captures, "hand", 320)
        for k, drawing in enumerate(drawings):
            Image.fromarray(drawing.image).save(folder / f"hand_{who}" / f"{k}.png")
            lines.append(f"hand_{who}/{k}.png,hand_{who}")
    (folder / "hand_0" / "again.png").write_bytes((folder / "hand_0" / "0.png").read_bytes())
    (folder / "hand_0" / "torn.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return [*lines, "hand_0/again.png,hand_0", "hand_0/torn.jpg,hand_0"]


@pytest.mark.parametrize("kind", ["folder", "csv"])
def test_photographs_of_known_hands_are_aligned_and_labelled(tmp_path, kind):
    source = tmp_path / "set"
    lines = drawn(source)
    if kind == "csv":
        source = source / "list.csv"
        source.write_text("\n".join(lines) + "\n")
    reading = Reading(32, tmp_path / "work", roi=False, workers=1)
    palms = of_known(str(source), reading, quiet)
    assert palms.grey.shape[1:] == (32, 32) and palms.identities == 2 and len(palms.grey) == 4
    assert {label.split(" ")[0] for label in palms.labels.tolist()} == {"hand_0", "hand_1"}
    assert sorted(r for _, r, _ in palms.rejects)[1:] == ["duplicate_file"]
    assert "6 pictures = 4 palms + 2 rejected" in palms.note
    (kept,) = (tmp_path / "work" / "known").iterdir()
    before = (kept / "aligned.parquet").stat().st_mtime_ns
    again = of_known(str(source), reading, quiet)
    assert (kept / "aligned.parquet").stat().st_mtime_ns == before  # nothing is aligned twice
    np.testing.assert_array_equal(again.grey, palms.grey)


def test_a_list_that_is_none_is_named(tmp_path):
    for text, words in (("a,b\n1,2\n", "columns path and id"), ("path,id\nnowhere.jpg,1\n", "not there")):
        (tmp_path / "list.csv").write_text(text)
        with pytest.raises(SourceError, match=words):
            of_known(str(tmp_path / "list.csv"), Reading(32, tmp_path / "work"), quiet)
