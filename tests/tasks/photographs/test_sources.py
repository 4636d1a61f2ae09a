"""Sources give every file once, in stable order, or say what is wrong with them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from manifests.recipe import parse
from tasks.draw.estimate import estimate
from tasks.evaluate.sets.kind import pictures_below
from tasks.photographs.sources.folder import local_listing
from tasks.photographs.sources.found import Found, SourceError
from tasks.photographs.sources.source import SourceSpec, find


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def folder(root: Path, tmp_path: Path, limit: int = 0) -> list[Found]:
    listing = find(SourceSpec("folder", str(root), limit=limit), tmp_path)
    files = list(listing.files)
    assert listing.total == len(files)
    return files


def refused(source: SourceSpec, tmp_path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(find(source, tmp_path).files)
    assert "; " in str(caught.value), "the message says what to do"
    return caught.value.reason


def test_a_folder_gives_its_files_in_stable_order(tmp_path: Path) -> None:
    touch(
        tmp_path / "in",
        "b.jpg",
        "a/2.jpg",
        "a/10.JPG",
        "é.png",
        ".DS_Store",
        ".git/x.jpg",
        "a/._2.jpg",
        "Thumbs.db",
    )
    files = folder(tmp_path / "in", tmp_path)
    assert [f.name for f in files] == ["a/10.JPG", "a/2.jpg", "b.jpg", "é.png"]
    assert all(f.path == tmp_path / "in" / f.name and not f.temporary for f in files)
    assert [f.name for f in folder(tmp_path / "in", tmp_path, limit=3)] == ["a/10.JPG", "a/2.jpg", "b.jpg"]


def test_what_is_no_file_is_a_reject(tmp_path: Path) -> None:
    root = tmp_path / "in"
    touch(root, "good.jpg", "old.zip", "photos.tar.gz")
    os.mkfifo(root / "pipe.jpg")
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (root / "linked.jpg").symlink_to(root / "good.jpg")
    (root / "circle").symlink_to(root)
    (root / "itself.jpg").symlink_to(root / "itself.jpg")
    (root / os.fsdecode(b"h\xe4nd.jpg")).write_bytes(b"x")
    reasons = {f.name: f.reason for f in folder(root, tmp_path)}
    assert local_listing(str(root))  # and whether it is as it was is told in spite of them
    assert reasons == {
        "good.jpg": "", "linked.jpg": "", "old.zip": "nested_archive", "photos.tar.gz": "nested_archive",
        "pipe.jpg": "special_file", "gone.jpg": "special_file", "itself.jpg": "unreadable",
        "h\\xe4nd.jpg": "",
    }  # fmt: skip


def test_a_folder_or_archive_that_is_not_there(tmp_path: Path) -> None:
    touch(tmp_path, "photos.zip")
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "hidden/.DS_Store")
    assert refused(SourceSpec("folder", str(tmp_path / "none")), tmp_path) == "source_missing"
    assert refused(SourceSpec("folder", str(tmp_path / "empty")), tmp_path) == "source_empty"
    assert refused(SourceSpec("folder", str(tmp_path / "hidden")), tmp_path) == "source_empty"
    assert refused(SourceSpec("folder", str(tmp_path / "photos.zip")), tmp_path) == "not_a_folder"
    assert refused(SourceSpec("folder", "nowhere://bucket/photos"), tmp_path) == "source_unreachable"
    assert refused(SourceSpec("archive", str(tmp_path / "none.zip")), tmp_path) == "source_missing"
    assert refused(SourceSpec("archive", str(tmp_path)), tmp_path) == "not_an_archive"
    assert refused(SourceSpec("archive", str(tmp_path / "photos.zip")), tmp_path) == "not_an_archive"
    assert refused(SourceSpec("kaggle", dataset="owner/name"), tmp_path) == "handle_not_pinned"
    assert refused(SourceSpec("renderer"), tmp_path) == "no_renderer"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_costs_only_itself(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a/1.jpg", "b/2.jpg")
    (tmp_path / "in/a").chmod(0)
    reasons = {f.name: f.reason for f in folder(tmp_path / "in", tmp_path)}
    (tmp_path / "in/a").chmod(0o700)
    assert reasons == {"a": "unreadable", "b/2.jpg": ""}


def test_folders_in_folders_deeper_than_pythons_stack(tmp_path: Path) -> None:
    deep = tmp_path / "in"
    deep.mkdir()
    for _ in range(1200):
        deep = deep / "d"
        deep.mkdir()
    (deep / "1.jpg").write_bytes(b"x")
    (found,) = folder(tmp_path / "in", tmp_path)
    subprocess.run(["rm", "-r", str(tmp_path / "in")], check=True)  # pytest's own tidying recurses
    assert found.name == "d/" * 1200 + "1.jpg" and found.path == deep / "1.jpg"


def test_the_renderer_is_a_source(tmp_path: Path) -> None:
    def draw() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for index in range(3):
            yield f"palm-{index}.png", np.full((8, 9, 3), index, np.uint8)

    files = list(find(SourceSpec("renderer", limit=2, drawn=draw), tmp_path).files)
    assert [f.name for f in files] == ["palm-0.png", "palm-1.png"]
    assert files[1].path is not None and files[1].temporary
    assert (np.asarray(Image.open(files[1].path)) == 1).all()


def test_titles() -> None:
    assert SourceSpec("folder", "/data/palms").title == "palms"
    assert SourceSpec("kaggle", dataset="a/b/versions/3").title == "a/b/versions/3"
    assert SourceSpec("folder", "/data/palms", dataset="a/b").title == "a/b"
    assert SourceSpec("renderer").title == "renderer"


def test_folders_deeper_than_pythons_stack_are_listed_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "in", "a.jpg")
    monkeypatch.chdir(tmp_path / "in")
    for _ in range(1200):  # one at a time: the whole path may be longer than the system takes at once
        Path("d").mkdir()
        os.chdir("d")
    Path("deep.jpg").write_bytes(b"x")
    os.chdir(tmp_path)
    try:
        assert [Path(name).name for name, *_ in local_listing(str(tmp_path / "in"))] == ["a.jpg", "deep.jpg"]
        recipe = parse({"name": "deep", "source": {"kind": "folder", "path": str(tmp_path / "in")}})
        assert estimate(recipe).photographs == 2
        assert [p.name for p in pictures_below(tmp_path / "in")] == ["a.jpg", "deep.jpg"]
    finally:
        subprocess.run(["rm", "-r", tmp_path / "in"], check=True)  # pytest's own way to remove it recurses
