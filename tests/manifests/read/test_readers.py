"""A published version reads in the libraries that training jobs use, labels and pictures intact."""

import hashlib
import io
import json
import os
import subprocess
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.helpers.fake_shards import make_shards, publish_shards

HUGGING_FACE = Path(__file__).parents[3] / ".venv-hf" / "bin" / "python"


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    shards = make_shards(folder / "s", subjects=14)
    extras = {"measures.json": b"{}", "rejects.parquet": shards[0]}  # described like the other files
    return publish_shards(shards, folder / "out", extras=extras).path


def truth(version):
    """sample_id -> label and sha256, from the manifest alone."""
    table = pq.read_table(version / "manifest.parquet", columns=["sample_id", "label", "sha256"])
    return {row["sample_id"]: (row["label"], row["sha256"]) for row in table.to_pylist()}


def check(version, rows):
    """`rows`: (sample_id, label, image bytes) as a library gave them."""
    found = {sample: (label, hashlib.sha256(image).hexdigest()) for sample, label, image in rows}
    assert found == truth(version)
    assert sorted({label for label, _ in found.values()}) == list(range(28))


def test_pyarrow(version):
    table = ds.dataset(version / "data", format="parquet").to_table(columns=["sample_id", "label", "image"])
    check(version, [(r["sample_id"], r["label"], r["image"]["bytes"]) for r in table.to_pylist()])
    only = pq.read_table(version / "data", filters=[("identity_id", "==", "s000003_right")])
    assert only["capture"].to_pylist() == [0, 1, 2]


def test_pandas(version):
    import pandas as pd

    frame = pd.read_parquet(version / "data")
    check(version, [(r.sample_id, r.label, r.image["bytes"]) for r in frame.itertuples()])
    manifest = pd.read_parquet(version / "manifest.parquet")
    assert manifest.groupby("subject_id").split.nunique().eq(1).all()
    assert set(pd.read_parquet(version / "identities.parquet").identity_id) == set(manifest.identity_id)
    one = manifest.iloc[7]
    held = pd.read_parquet(version / one.shard).iloc[one.row]
    assert held.sample_id == one.sample_id


def test_polars(version):
    import polars as pl

    frame = pl.scan_parquet(version / "data/*.parquet").select("sample_id", "label", "image").collect()
    check(version, [(r["sample_id"], r["label"], r["image"]["bytes"]) for r in frame.to_dicts()])


def test_duckdb(version):
    import duckdb

    query = f"select sample_id, label, image.bytes from '{version}/data/*.parquet'"
    check(version, duckdb.sql(query).fetchall())
    tables = f"'{version}/manifest.parquet' m join '{version}/identities.parquet' i using (identity_id)"
    agree = duckdb.sql(f"select count(*) from {tables} where m.label = i.label and m.split = i.split")
    assert agree.fetchall() == [(84,)]


def test_six_lines_of_a_training_job(version):
    """The snippet of the README and of the dataset card."""
    import pandas as pd

    rows = pd.read_parquet(version / "manifest.parquet")
    train = pd.read_parquet(version / "data", filters=[("split", "==", "train")])
    picture = Image.open(io.BytesIO(train.image[0]["bytes"]))
    assert picture.size == (train.width[0], train.height[0])
    assert len(train) == (rows.split == "train").sum()


LOAD = """
import hashlib, io, json, sys
import datasets
folder = sys.argv[1]
splits = datasets.load_dataset(folder)
raw = splits.cast_column("image", datasets.Image(decode=False))
sha256 = lambda row: hashlib.sha256(row["image"]["bytes"]).hexdigest()
rows = [(row["sample_id"], row["label"], sha256(row)) for split in raw.values() for row in split]
picture = splits["train"][0]["image"]
stream = datasets.load_dataset(folder, split="train", streaming=True)
print(json.dumps({
    "rows": rows,
    "splits": {name: len(split) for name, split in splits.items()},
    "size": picture.size,
    "feature": type(splits["train"].features["image"]).__name__,
    "landmarks": len(splits["train"][0]["landmarks"]),
    "streamed": sum(1 for _ in stream),
    "file": datasets.__file__,
}))
"""


def test_hugging_face_datasets(version, tmp_path):
    """In its own environment and outside the repository, as a stranger would."""
    if not HUGGING_FACE.exists():
        pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
    environment = {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [HUGGING_FACE, "-c", LOAD, str(version)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {sample: (label, sha) for sample, label, sha in found["rows"]} == truth(version)
    manifest = pq.read_table(version / "manifest.parquet")["split"].to_pylist()
    assert found["splits"] == {s: manifest.count(s) for s in dict.fromkeys(manifest)}
    assert found["size"] == [16, 16] and found["feature"] == "Image" and found["landmarks"] == 42
    assert found["streamed"] == found["splits"]["train"]
    assert ".venv-hf" in found["file"]


NEWEST = """
import json, sys
import datasets
home = sys.argv[1]
splits = datasets.load_dataset(home)
rows = [(row["sample_id"], row["dataset_version"]) for split in splits.values() for row in split]
print(json.dumps({"rows": rows, "pairs": len(datasets.load_dataset(home, "pairs", split="train"))}))
"""


def two_versions(folder):
    """A dataset of two versions, the newest of them, and every file of the older one before it was made."""
    older = publish_shards(make_shards(folder / "a", subjects=14), folder / "out").path
    before = {file: file.read_bytes() for file in older.rglob("*") if file.is_file()}
    newer = publish_shards(
        make_shards(folder / "b", subjects=16), folder / "out", created_at="2026-11-24T02:00:00+00:00"
    )
    assert older != newer.path and {file: file.read_bytes() for file in before} == before
    return newer.path


def test_the_folder_of_two_versions_names_the_newest(tmp_path):
    newest = two_versions(tmp_path)
    card = (newest.parent / "README.md").read_text()
    assert (newest.parent / "LATEST").read_text().strip() == newest.name
    for split in ("train", "validation"):
        assert f'path: "{newest.name}/data/{split}-*.parquet"' in card
    assert card.count("split: ") == len(set(pq.read_table(newest / "manifest.parquet")["split"].to_pylist()))
    own = (newest / "README.md").read_text()
    for line in ("annotations_creators:\n- machine-generated\n", 'source_datasets:\n- "original"\n'):
        assert line in own and line in card


def test_hugging_face_reads_the_newest_of_two_versions(tmp_path):
    if not HUGGING_FACE.exists():
        pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
    newest = two_versions(tmp_path)
    environment = {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [HUGGING_FACE, "-c", NEWEST, str(newest.parent)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["rows"]) == len(truth(newest)) and {sample for sample, _ in found["rows"]} == set(
        truth(newest)
    )
    assert {version for _, version in found["rows"]} == {newest.name}
    assert found["pairs"] == pq.read_metadata(newest / "pairs.parquet").num_rows


CROISSANT = """
import json, logging, sys
import mlcroissant
seen = []
keep = type("Keep", (logging.Handler,), {"emit": lambda self, record: seen.append(record)})
logging.getLogger("absl").addHandler(keep())
dataset = mlcroissant.Dataset(sys.argv[1] + "/croissant.json")
records = list(dataset.records("images"))
text = lambda value: value.decode() if isinstance(value, bytes) else value
print(json.dumps({
    "issues": dataset.metadata.ctx.issues.report(),
    "warnings": len(seen),
    "rows": [(text(r["images/sample_id"]), int(r["images/label"])) for r in records],
    "size": records[0]["images/image"].size,
    "landmarks": len(records[0]["images/landmarks"]),
}))
"""


def test_croissant(version, tmp_path):
    """mlcroissant, the reference implementation, finds nothing to complain about and reads the images."""
    if not HUGGING_FACE.exists():
        pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
    done = subprocess.run(
        [HUGGING_FACE, "-c", CROISSANT, str(version)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["issues"], found["warnings"]) == ("", 0)
    assert dict(found["rows"]) == {sample: label for sample, (label, _) in truth(version).items()}
    assert found["size"] == [16, 16] and found["landmarks"] == 42
    document = json.loads((version / "croissant.json").read_text())
    assert (
        document["rai:hasSyntheticData"] is True and "synthetic" in document["rai:syntheticDataExplanation"]
    )
    sums = {f["name"]: f["sha256"] for f in document["distribution"] if "sha256" in f}
    assert all(hashlib.sha256((version / name).read_bytes()).hexdigest() == s for name, s in sums.items())
    assert len(sums) == 5 + len(list((version / "data").iterdir()))


CARD = """
import json, sys
from huggingface_hub import DatasetCard
card = DatasetCard.load(sys.argv[1] + "/README.md")
print(json.dumps(card.data.to_dict()))
"""


def test_the_card_loads_in_huggingface_hub(version, tmp_path):
    if not HUGGING_FACE.exists():
        pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
    done = subprocess.run(
        [HUGGING_FACE, "-c", CARD, str(version)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout.splitlines()[-1])
    assert data["pretty_name"] == "palms" and "synthetic" in data["tags"]
    assert data["annotations_creators"] == ["machine-generated"]
    assert data["source_datasets"] == ["original", "extended|other-someone-palms-versions-1"]
    assert data["configs"][0]["data_files"][0] == {"split": "train", "path": "data/train-*.parquet"}
