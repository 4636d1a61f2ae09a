"""The summary counts what the manifest holds, for versions and views, on a terminal and on a page."""

import re
from collections import Counter

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.read.open import open_dataset
from manifests.tools.select import select
from palm_models.render.skin import band
from tasks.report.show import page, sheet, summary
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.tasks.report.test_report import check_numbers_stand_under_their_headings, page_of


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    return open_dataset(publish_shards(make_shards(folder / "s", subjects=20), folder / "out").path)


def test_the_summary_counts_what_the_manifest_holds(dataset):
    found, rows = summary(dataset), dataset.rows().to_pylist()
    for line in found.tables["splits"]:
        mine = [r for r in rows if r["split"] == line["split"]]
        assert line["images"] == len(mine)
        assert line["identities"] == len({r["identity_id"] for r in mine}) == 2 * line["subjects"]
    assert sum(line["images"] for line in found.tables["images"]) == len(rows) == 120
    tones = {line["skin"]: line["identities"] for line in found.tables["skin tones"]}
    angles = dataset.identities()["identity_skin_tone"].to_pylist()
    assert sum(tones.values()) == 40 and tones == dict(Counter(map(band, angles)))
    assert found.tables["engines"][0]["learned_from"] == "someone/palms/versions/1"
    assert found.facts["content"] == dataset.metadata["content"]
    assert found.facts["images an identity"] == "3 to 3"
    assert "merged from" not in found.tables


def test_the_page_holds_everything_and_asks_for_nothing(dataset):
    text = page(dataset)
    assert dataset.metadata["content"] in text and "data:image/png;base64," in text
    assert not re.search(r"https?://|<script", text)
    assert sheet(dataset).startswith(b"\x89PNG")


def test_numbers_stand_under_their_headings(dataset, tmp_path):
    (tmp_path / "page.html").write_text(page(dataset))
    found = page_of(tmp_path / "page.html")
    assert check_numbers_stand_under_their_headings(found) == len(summary(dataset).tables)
    assert "True" not in found.text and "False" not in found.text


def test_the_verb_shows_views_too(dataset, tmp_path):
    select(dataset, "label > 30 AND capture = 0", tmp_path / "view")
    done = CliRunner().invoke(main, ["show", str(tmp_path / "view"), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert "view of" in done.output and "identities" in done.output
    assert "label 31" not in done.output and (tmp_path / "page.html").stat().st_size > 10_000
    assert CliRunner().invoke(main, ["show", str(tmp_path)]).exit_code == 1
