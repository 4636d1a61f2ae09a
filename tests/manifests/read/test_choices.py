"""Choices that match nothing: each unknown value is named, with the valid ones and the likely one."""

import gzip
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.read.dataset import PalmDataset
from manifests.read.open import DatasetError, open_dataset
from manifests.tools.select import select
from manifests.tools.sql import QueryError
from tests.helpers.fake_shards import make_shards, publish_shards


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choices")
    return publish_shards(make_shards(folder / "s", subjects=14), folder / "out").path


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (
            {"split": ["train", "val"]},
            r"no split 'val' \(did you mean 'validation'\?\); there is train, valid",
        ),
        ({"split": "tran"}, r"no split 'tran' \(did you mean 'train'\?\); there is train, valid"),
        ({"hands": ["left", "Right"]}, r"no hand 'Right' \(did you mean 'right'\?\); there is left, right"),
        ({"view": ["palm", "palms", "x"]}, r"no view 'palms' \(did you mean 'palm'\?\), 'x'; there is palm"),
        ({"hands": []}, "hands is an empty list"),
        ({"samples": []}, "samples is an empty list: leave it out to have all, or name some"),
        ({"samples": ["s000001_left_c000_palm", "nobody"]}, r"no sample 'nobody'.*\(1 of 2 are unknown\)"),
        ({"samples": ["s000001_left_c000_plam"]}, "did you mean 's000001_left_c000_palm'"),
        ({"skin_tone": (40, 20)}, "the least and the most angle"),
        ({"min_quality": 80}, "a number from 0 to 1"),
        ({"image": "unit8"}, r"no image 'unit8' \(did you mean 'uint8'\?\); there is uint8, float32"),
        ({"on_error": "ignore"}, "no on_error 'ignore'; there is raise, skip"),
        ({"columns": ["skin_tone"]}, r"no column skin_tone \(did you mean identity_skin_tone\?\)"),
    ],
    ids=str,
)
def test_an_unknown_value_is_named_with_the_likely_one(version, choice, words):
    with pytest.raises(DatasetError, match=words):
        PalmDataset(version, **choice)


def test_a_word_that_is_valid_but_absent_is_said(version, caplog):
    with caplog.at_level(logging.WARNING, "palmforge"):
        assert len(PalmDataset(version, view=["palm", "hand"])) == 84
    assert "has no image of view hand" in caplog.text
    with pytest.raises(DatasetError, match=r"no image is left of \{'view': \['hand'\]\}"):
        PalmDataset(version, view="hand")


def test_ids_from_before_a_merge_are_recognised(version, tmp_path):
    table = pq.read_table(version / "manifest.parquet")
    ids = pa.array(["other-" + name for name in table["sample_id"].to_pylist()])
    (tmp_path / "merged").mkdir()
    pq.write_table(table.set_column(0, "sample_id", ids), tmp_path / "merged" / "manifest.parquet")
    with pytest.raises(
        DatasetError, match="a merge prefixed it: did you mean 'other-s000001_left_c000_palm'"
    ):
        PalmDataset(tmp_path / "merged", image="none", samples=["s000001_left_c000_palm"])


@pytest.mark.parametrize(
    "kind", ["list", "pandas", "arrow", "csv", "semicolon.csv", "utf16.csv", "csv.gz", "tsv"]
)
def test_samples_in_every_form(version, tmp_path, kind):
    import pandas as pd

    ids = open_dataset(version).rows(["sample_id"])["sample_id"].to_pylist()[::7]
    file = tmp_path / f"chosen.{kind}"
    if "." in kind or kind in ("csv", "tsv"):
        text = "".join(f"{name};1\n" if "semi" in kind else f"{name}\t1\n" for name in ["sample_id", *ids])
        data = text.encode("utf-16" if "utf16" in kind else "utf-8")
        file.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    given = {"list": ids, "pandas": pd.Series(ids), "arrow": pa.array(ids)}.get(kind, file)
    assert len(PalmDataset(version, samples=given)) == len(ids)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("skin_tone > 20", "no column skin_tone: did you mean identity_skin_tone"),
        ("split IN ('train', 'val')", r"no split 'val' \(did you mean 'validation'\?\)"),
        ("capture < 2 AND hand='Right'", r"no hand 'Right' \(did you mean 'right'\?\)"),
        ("SELECT sample_id FROM manifest WHERE m.quallity > 0.5", "no column quallity|m.quallity|quality"),
    ],
)
def test_a_query_that_matches_nothing_says_why(version, tmp_path, query, words):
    with pytest.raises(QueryError, match=words):
        select(open_dataset(version), query, tmp_path / "view")
    assert not (tmp_path / "view").exists()


@pytest.mark.parametrize(
    "name", ["palms [v2]", "palms[12]", "what?", "star*", "o'brien", "{curly}", "split=train"]
)
def test_a_folder_of_any_name_is_queried(version, tmp_path, name):
    """And that folder, not another one that its name matches as a pattern."""
    import shutil

    home = shutil.copytree(version.parent, tmp_path / name)
    (tmp_path / "palms1").mkdir()
    copy = home / version.name
    rows = pq.read_table(copy / "manifest.parquet", partitioning=None)
    decoy = tmp_path / "palms1" / version.name
    decoy.mkdir()
    pq.write_table(rows.slice(0, 1), decoy / "manifest.parquet")
    assert select(open_dataset(home), "hand = 'left'", tmp_path / "view") == 42
    assert len(PalmDataset(tmp_path / "view", view="palm")) == 42
