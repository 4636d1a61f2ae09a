"""The hand model: assembled from pinned networks, cached, never asked for twice, checked."""

import zipfile

import pytest

from palm_models.photo.hand_model import (
    DETECTOR,
    LANDMARKS,
    LITE,
    MODEL,
    HandModelError,
    hand_model,
    members,
    task_file,
)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No package index can be reached, and the cache is empty."""
    settings = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1"}
    settings |= {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "uv")}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)


def test_cached_model_needs_no_network(offline):
    assert set(members(hand_model())) == {DETECTOR, LANDMARKS, LITE}


def test_missing_model_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PALMFORGE_CACHE", str(tmp_path))
    with pytest.raises(HandModelError, match="palmforge doctor --mend"):
        hand_model(fetch=False)


def test_damaged_cache_is_not_used_and_no_network_is_said(offline, monkeypatch, tmp_path):
    monkeypatch.setenv("PALMFORGE_CACHE", str(tmp_path))
    (tmp_path / MODEL).write_bytes(hand_model.__doc__.encode())
    with pytest.raises(HandModelError, match=r"cannot fetch mediapipe==0\.10\.21"):
        hand_model()


def test_a_file_of_the_users_is_taken(tmp_path):
    mine = tmp_path / "mine.task"
    mine.write_bytes(task_file({DETECTOR: b"one", LANDMARKS: b"two"}))
    assert hand_model(mine) == mine
    assert members(mine) == {DETECTOR: b"one", LANDMARKS: b"two"}


@pytest.mark.parametrize("content", [b"", b"text", task_file({DETECTOR: b"one"})])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "mine.task").write_bytes(content)
    with pytest.raises(HandModelError, match=r"mine\.task"):
        hand_model(tmp_path / "mine.task")


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(HandModelError, match="nowhere"):
        hand_model(tmp_path / "nowhere.task")


def test_members_are_stored_as_they_are(tmp_path):
    path = tmp_path / "bundle"
    path.write_bytes(task_file({"a": b"x" * 1000}))
    with zipfile.ZipFile(path) as bundle:
        assert bundle.infolist()[0].compress_type == zipfile.ZIP_STORED
    assert task_file({"a": b"x" * 1000}) == path.read_bytes()
