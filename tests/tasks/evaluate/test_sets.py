"""Test sets: trees in the form of their authors are read and counted right, and wrong folders are refused."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.evaluate.known import Reading, of_known
from tasks.evaluate.sets.folder import PATTERN, person
from tasks.evaluate.sets.registry import TESTSETS, parse_set
from tasks.photographs.sources.found import SourceError

# name -> (pictures of a tiny tree, identities, sessions, devices, label of the first by name)
FORMS = {
    "tongji": (
        [f"ROI/{s}/{n:05d}.bmp" for s in ("session1", "session2") for n in (1, 10, 11, 20, 21)],
        3, {"1", "2"}, {""}, "001",
    ),
    "iitd": (
        ["Segmented/Left/001_1.bmp", "Segmented/Left/001_2.bmp", "Segmented/Right/001_1.bmp",
         "Segmented/Right/001_2.bmp", "Segmented/Right/r002_1.bmp", "Segmented/l003_1.bmp",
         "Segmented/r003_2.bmp"],
        5, {""}, {""}, "001 left",
    ),
    "casia-ms": (
        [f"{b}00{p}_{h}_{d}_0{k}.jpg" for b, p in (("", 1), ("ROI_", 2)) for h in "lr"
         for d in ("460", "WHT") for k in (1, 6)],
        4, {""}, {"460", "WHT"}, "001 left",
    ),
    "polyu-ms": (
        [f"{c}/{c}_00{p}_{k:02d}.bmp" for c in "RGBN" for p in (1, 2) for k in (1, 6, 7, 12)],
        2, {"1", "2"}, {"R", "G", "B", "N"}, "001",
    ),
    "coep": ([f"{p}_x ({k}).JPG" for p in (1, 2) for k in range(1, 9)], 2, {""}, {""}, "1"),
    "mpdv2": (
        [f"00{p}_{s}_{d}_{h}_{k}.jpg" for p in (1, 2) for s in (1, 2) for d in "hm" for h in "lr"
         for k in (1, 2)],
        4, {"1", "2"}, {"h", "m"}, "001 left",
    ),
    "xjtu-up": (
        [f"{d}/{c}/{h}_001/{k}.JPG" for d in ("iPhone", "huawei") for c in ("Flash", "Nature")
         for h in "LR" for k in (1, 2)],
        2, {""}, {"iPhone/Flash", "iPhone/Nature", "huawei/Flash", "huawei/Nature"}, "001 left",
    ),
}  # fmt: skip


def tree(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name", FORMS)
def test_each_set_is_read_as_its_authors_name_it(tmp_path, name):
    names, palms, sessions, devices, first = FORMS[name]
    listed = TESTSETS.get(name).listed(tree(tmp_path / "set", [*names, "note.jpg", "readme.txt"]))
    assert len(listed.shots) == len(names)
    assert {s.session for s in listed.shots} == sessions and {s.device for s in listed.shots} == devices
    assert len({s.label for s in listed.shots}) == palms
    assert min(s.label for s in listed.shots) == first
    assert "INCOMPLETE" in listed.note and "1 pictures with other names left out" in listed.note
    assert all(f"{len(names) // len(values)}" in listed.note for values in (sessions, devices))


@pytest.mark.parametrize("name", [*FORMS, "11k"])
def test_a_wrong_folder_is_told_what_was_looked_for(tmp_path, name):
    kind = TESTSETS.get(name)
    with pytest.raises(SourceError, match="no such folder") if name != "11k" else pytest.raises(SourceError):
        kind.listed(tmp_path / "nowhere")
    with pytest.raises(SourceError) as wrong:
        kind.listed(tree(tmp_path / "other", ["holiday/beach.jpg"]))
    assert kind.form in str(wrong.value) and name in str(wrong.value)


def test_a_whole_set_is_not_called_incomplete_and_a_missing_session_is_seen(tmp_path):
    """Tongji at its published size; then only its first session, given as the folder itself."""
    names = [f"session{s}/{n:05d}.tiff" for s in (1, 2) for n in range(1, 6001)]
    folder = tree(tmp_path / "Tongji", names)
    whole = TESTSETS.get("tongji").listed(folder)
    assert whole.note == "600 of 600 palms, 12000 of 12000 pictures; session 1 6000, 2 6000"
    half = TESTSETS.get("tongji").listed(folder / "session1")
    assert "6000 of 12000 pictures; session 1 6000; INCOMPLETE" in half.note


PUBLISHED = {
    "tongji": (f"session{s}/{n:05d}.bmp" for s in (1, 2) for n in range(1, 6001)),
    "iitd": (
        f"{h}/{s:03d}_{k}.bmp" for h in ("Left", "Right") for s in range(1, 231)
        for k in range(1, 6 + (s <= 150) + (h == "Left" and s == 1))
    ),
    "casia-ms": (
        f"{s:03d}_{h}_{d}_{k:02d}.jpg" for s in range(1, 101) for h in "lr"
        for d in ("460", "630", "700", "850", "940", "WHT") for k in range(1, 7)
    ),
    "polyu-ms": (f"{c}_{p:03d}_{k:02d}.bmp" for c in "RGBN" for p in range(1, 501) for k in range(1, 13)),
    "coep": (f"{s}_a ({k}).jpg" for s in range(1, 169) for k in range(1, 9)),
    "mpdv2": (
        f"{p:03d}_{s}_{d}_{h}_{k:02d}.jpg" for p in range(1, 201) for s in (1, 2) for d in "hm"
        for h in "lr" for k in range(1, 11)
    ),
    "xjtu-up": (
        f"{d}/{c}/{h}_{p:03d}/{k}.jpg" for d in ("iPhone", "huawei") for c in ("Flash", "Nature")
        for h in "LR" for p in range(1, 101) for k in range(1, 11)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_set_at_its_published_size_is_complete_and_without_its_last_palm_it_is_not(name):
    kind = TESTSETS.get(name)
    names = list(PUBLISHED[name])
    shots = [shot for n in names if (shot := kind.shot(Path(n), n))]
    assert len(shots) == len(names)
    said = kind.account(shots, 0)
    assert said.startswith(f"{kind.palms} of {kind.palms} palms") and "INCOMPLETE" not in said, said
    if kind.pictures:
        assert f"{kind.pictures} of {kind.pictures} pictures" in said
    last = max(shot.label for shot in shots)
    said = kind.account([shot for shot in shots if shot.label != last], 0)
    assert f"{kind.palms - 1} of {kind.palms} palms" in said and f"INCOMPLETE: {kind.form}" in said


@pytest.mark.parametrize("name", FORMS)
def test_each_set_is_read_to_the_end_with_mixed_sizes_and_an_unreadable_picture(tmp_path, name):
    """Real pictures of two sizes under the authors' names; the last one is torn."""
    rng = np.random.default_rng(0)
    *names, torn = FORMS[name][0]
    for k, picture in enumerate([*names, torn]):
        path = (tmp_path / "set" / picture).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 128 if k else 150
        assert cv2.imwrite(str(path), rng.integers(0, 255, (side, side), np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    found = of_known(f"{name}:{tmp_path / 'set'}", Reading(64, tmp_path / "work"), lambda *_: None)
    assert [reason for _, reason, _ in found.rejects] == ["truncated"] and str(path) == found.rejects[0][0]
    assert f"{len(names) + 1} pictures = {len(names)} palms + 1 rejected (1 truncated)" in found.note
    assert f"{len(names) - 1} of 128x128, 1 of 150x150" in found.note and "INCOMPLETE" in found.note
    alone = sum(n for n in Counter(found.labels.tolist()).values() if n < 2)
    assert not alone and set(found.devices.tolist()) == FORMS[name][3]


@pytest.mark.parametrize(
    ("name", "cut", "photographs"),
    [
        ("tongji", "ROI/session1/00001.bmp", "Original/session1/00001.tiff"),
        ("iitd", "Segmented/Left/001_1.bmp", "Left Hand/001_1.JPG"),
    ],
)
def test_regions_count_alone_where_the_photographs_they_are_cut_from_lie_beside_them(
    tmp_path, name, cut, photographs
):
    listed = TESTSETS.get(name).listed(tree(tmp_path / "set", [cut, photographs]))
    assert [shot.path for shot in listed.shots] == [tmp_path / "set" / cut]
    assert "only the regions of interest, 1 photographs beside them left out" in listed.note
    alone = TESTSETS.get(name).listed(tmp_path / "set" / Path(photographs).parts[0])
    assert [shot.label for shot in alone.shots] == [shot.label for shot in listed.shots]


def test_11k_takes_the_palm_side_that_its_list_names(tmp_path):
    tree(tmp_path / "Hands", [f"Hand_{k}.jpg" for k in range(4)])
    (tmp_path / "HandInfo.csv").write_text(
        "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities\n"
        "0,27,male,fair,0,0,dorsal right,Hand_0.jpg,0\n0,27,male,fair,0,0,palmar right,Hand_1.jpg,0\n"
        "0,27,male,fair,0,0,palmar left,Hand_2.jpg,0\n1,30,male,fair,0,0,palmar left,Hand_9.jpg,0\n"
    )
    listed = TESTSETS.get("11k").listed(tmp_path)
    assert [s.label for s in listed.shots] == ["0 right", "0 left"]
    assert "2 of 3 palmar pictures" in listed.note and "4 of 11076 rows" in listed.note
    assert TESTSETS.get("11k").listed(tmp_path / "Hands").shots == listed.shots


def test_sets_are_asked_for_by_name(tmp_path):
    assert parse_set("tongji:/data/t").set == "tongji"
    found = parse_set("casia-ms@460:/data/c")
    assert (found.set, found.device, str(found.path)) == ("casia-ms", "460", "/data/c")
    assert parse_set("/data/mine").set == parse_set("mine/list.csv").set == "folder"
    (tmp_path / "a:b").mkdir()
    assert parse_set(str(tmp_path / "a:b")).path == tmp_path / "a:b"
    with pytest.raises(SourceError, match="did you mean tongji"):
        parse_set("tonji:/data/t")


def test_who_a_photograph_shows():
    assert person("person_1/a.jpg", PATTERN) == "person_1" and person("a/left/b.png", PATTERN) == "a/left"
    assert person("person_2_p2_palm23.jpg", PATTERN) == "person_2"
    assert person("0017_x.bmp", r"^(\d+)") == "0017"
    with pytest.raises(SourceError, match="id/picture"):
        person("holiday.jpg", PATTERN)


def test_a_plug_in_set_is_found(monkeypatch):
    from importlib.metadata import EntryPoint

    from manifests.registry import Registry
    from tasks.evaluate.sets.kind import TestSet

    point = EntryPoint("coep", "tasks.evaluate.sets.patterns:Coep", "palmforge.testsets")
    registry: Registry[TestSet] = Registry("palmforge.testsets", "test set", {}, TESTSETS.type)
    monkeypatch.setitem(registry.__dict__, "plugins", {"coep": point})
    assert registry.get("coep").palms == 168
