"""An extended version holds everything of the one before, or is not published."""

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.read.open import open_dataset
from manifests.tools.diff import diff
from manifests.tools.verify import verify
from tasks.versions.extend import ExtendError, extended
from tests.helpers.small import build


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return build(tmp_path_factory.mktemp("extend"))


@pytest.mark.parametrize(
    ("larger", "identities", "images"),
    [({"identities": 7}, 3, 6), ({"captures": 3}, 0, 4), ({"identities": 5, "captures": 3}, 1, 7)],
)
def test_more_identities_or_captures_only_add(before, tmp_path, larger, identities, images):
    overrides = extended(before, larger.get("identities", 0), larger.get("captures", 0))
    assert overrides[:2] == [
        f"dataset.identities={larger.get('identities', 4)}",
        f"dataset.captures={larger.get('captures', 2)}",
    ]
    after = build(tmp_path, keeps=before.path, dataset=larger)
    found = diff(before, after)
    assert found.only_adds and not diff(after, before).only_adds
    assert (len(found.identities.added), len(found.images.added)) == (identities, images)
    assert set(found.recipe) == {f"dataset.{name}" for name in larger}
    labels = {r["identity_id"]: r["label"] for r in after.rows().to_pylist()}
    assert all(labels[r["identity_id"]] == r["label"] for r in before.rows().to_pylist())


def test_a_version_that_would_change_something_is_not_published(before, tmp_path):
    with pytest.raises(ExtendError, match=r"8 images changed \(s000000_left_c000_palm: .*sha256"):
        build(tmp_path, keeps=before.path, dataset={"identities": 6}, capture={"rotation": 3})
    assert not list((tmp_path / "out" / "small").glob("2*"))
    with pytest.raises(ExtendError, match="4 images are gone"):
        build(tmp_path, keeps=before.path, dataset={"identities": 2})


def test_less_or_the_same_and_other_software_are_refused_before_any_work(before, monkeypatch):
    for size in ((0, 0), (4, 2), (3, 0), (8, 1)):
        with pytest.raises(ExtendError, match="4 identities × 2 captures"):
            extended(before, *size)
    monkeypatch.setattr("tasks.draw.regenerate.encode", lambda *_: b"another")
    with pytest.raises(ExtendError, match="other bytes"):
        extended(before, 6, 0)


def test_the_verb_publishes_beside_the_version(tmp_path):
    before = build(tmp_path)
    arguments = ["extend", str(tmp_path / "out" / "small"), "--identities", "6"]
    done = CliRunner().invoke(main, [*arguments, "--work", str(tmp_path / "work")])
    assert done.exit_code == 0, done.output
    after = open_dataset(tmp_path / "out" / "small")
    assert after.path != before.path and verify(after.path).ok
    assert diff(before, after).only_adds and after.identities().num_rows == 6
