"""The doctor names what is missing, says how to mend it, and does not call a machine well that is not."""

import pytest

from palm_models.photo.hand_model import MODEL, hand_model
from tasks import doctor


def test_a_prepared_machine_is_well():
    health = doctor.examine()
    assert health.ok, str(health)
    named = {check.name for check in health.checks}
    assert named >= {"python", "system libraries", "opencv", "albumentations", "hand model", "gpu", "disk"}


def test_missing_model_is_named_with_its_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("PALMFORGE_CACHE", str(tmp_path))
    check = doctor.model()
    assert not check.ok and str(tmp_path) in check.found
    assert check.mend == "palmforge doctor --mend"


def test_mending_repairs_and_looks_again(monkeypatch, tmp_path):
    source = hand_model()
    monkeypatch.setenv("PALMFORGE_CACHE", str(tmp_path))

    def repair():
        (tmp_path / MODEL).write_bytes(source.read_bytes())
        return ""

    monkeypatch.setattr(doctor, "EXAMINATIONS", ((doctor.model, repair),))
    assert not doctor.examine().ok
    assert doctor.examine(mend=True).ok
    assert doctor.examine().ok


def test_failed_mending_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PALMFORGE_CACHE", str(tmp_path))
    monkeypatch.setattr(doctor, "EXAMINATIONS", ((doctor.model, lambda: "no network"),))
    health = doctor.examine(mend=True)
    assert not health.ok
    assert "mending failed: no network" in str(health)


def test_missing_library_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr(doctor, "LIBRARIES", {"libnothing.so.7": "libnothing7"})
    check = doctor.libraries()
    assert not check.ok and check.found == "no libnothing.so.7"
    assert "apt-get install libnothing7" in check.mend


@pytest.mark.parametrize(
    ("installed", "ok"),
    [
        ({"opencv-python": "5.0", "opencv-contrib-python": "5.0"}, True),
        ({"opencv-python": "5.0", "opencv-python-headless": "4.12"}, False),
        ({}, False),
    ],
)
def test_opencv_builds_of_different_versions_clash(monkeypatch, installed, ok):
    monkeypatch.setattr(doctor, "_version", lambda name: installed.get(name, ""))
    assert doctor.opencv().ok == ok


@pytest.mark.parametrize(
    ("installed", "ok", "word"),
    [
        ({"albumentations": "2.0.8"}, True, "MIT"),
        ({"albumentations": "2.0.8", "albumentationsx": "2.1"}, False, "AGPL"),
        ({"albumentations": "1.4"}, False, "1.4, not 2.0.8"),
        ({}, False, "not installed"),
    ],
)
def test_albumentations_successor_is_refused(monkeypatch, installed, ok, word):
    monkeypatch.setattr(doctor, "_version", lambda name: installed.get(name, ""))
    check = doctor.albumentations()
    assert check.ok == ok and word in check.found


def test_old_python_and_full_disk_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_PYTHON", (99, 0))
    monkeypatch.setattr(doctor, "LEAST_DISK", 2**70)
    assert "Python 99.0" in doctor.python().mend
    assert not doctor.disk().ok


def test_a_gpu_is_not_needed():
    none = doctor.Check("gpu", False, "none", needed=False)
    assert doctor.Health((none,)).ok
    assert str(doctor.Health((none,))).startswith("none     gpu")
