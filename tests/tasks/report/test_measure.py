"""A version's measures tell identities apart, repeat, and put photographs beside it without naming them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.contract.images import encode
from manifests.read.open import open_dataset
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.shipped import SHIPPED
from tasks.report.measure import measure
from tasks.report.sampled import sample
from tests.helpers.fake_shards import HANDS, publish_shards, row, write_shard


def drawn(subject, hand, count, view="palm"):
    captures = [make_capture(7, subject, hand, k) for k in range(count)]
    return RendererEngine().draw(make_identity(7, subject, hand), captures, view, 64)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """Eight identities, three captures each, really drawn; the last capture has an augmented copy."""
    folder, rows = tmp_path_factory.mktemp("measured"), []
    for subject in range(4):
        for hand in HANDS:
            for k, drawing in enumerate(drawn(subject, hand, 3)):
                data = encode(drawing.image)
                values = row(subject, hand, k, size=64) | {"landmarks": drawing.landmarks.ravel().tolist()}
                sha = __import__("hashlib").sha256(data).hexdigest()
                rows.append(values | {"sha256": sha, "image": values["image"] | {"bytes": data}})
            copy = rows[-1]["sample_id"]
            rows.append(rows[-1] | {"sample_id": f"{copy}_a1", "augmented": True, "parent_sample_id": copy})
    return publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Ten aligned palms of other people, and one that is a capture of the version."""
    file = tmp_path_factory.mktemp("aligned") / "aligned.parquet"
    pictures = [drawn(50 + k, "left", 1)[0].image for k in range(10)] + [drawn(2, "right", 2)[1].image]
    rows = [{"view": "palm", "photo_id": f"p{k}", "image": {"bytes": encode(p), "path": ""}}
            for k, p in enumerate(pictures)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_measures_tell_identities_apart_and_repeat(version):
    found = measure(open_dataset(version), None, SHIPPED)
    facts = found.facts
    assert facts["sample"] == {
        "images": 24,
        "identities": 8,
        "of_images": 32,
        "of_identities": 8,
        "view": "palm",
    }
    rates = facts["verification"]
    assert rates["genuine_pairs"] == 8 * 3 and rates["impostor_pairs"] == 28 * 9
    assert rates["eer"]["value"] < 0.2 and rates["d_prime"] > 2
    assert list(rates["fnmr"]) == [] or list(rates["fnmr"]) == ["0.1"]  # 252 pairs: not even FMR 0.1 with 30
    assert "0.1" in {*rates["fnmr"], *rates["refused"]} and "0.001" in rates["refused"]
    assert facts["spread"]["within"]["mean"] > facts["spread"]["between"]["mean"] + 0.2
    told = facts["capacity"]
    assert 1 <= told["identities"] <= told["of"] and 0 < told["angle"] < 180
    assert 1 < facts["diversity"]["vendi"] <= 24 and "realism" not in facts and found.nearest == []
    assert sum(facts["histogram"]["genuine"]) == pytest.approx(1, abs=1e-3)
    assert facts["balance"]["hand"] == {"left": 4, "right": 4}
    assert sum(facts["balance"]["skin_tone"].values()) == 8
    assert json.dumps(facts) == json.dumps(measure(open_dataset(version), None, SHIPPED).facts)


def test_photographs_stand_beside_and_a_copied_one_comes_first(version, photographs):
    found = measure(open_dataset(version), photographs, SHIPPED)
    first = found.nearest[0]
    assert (first["photo_id"], first["row"]["sample_id"]) == ("p10", "s000002_right_c001_palm")
    assert first["similarity"] > 0.99 > found.nearest[1]["similarity"]
    assert {"real between"} < set(found.facts["spread"]) and found.facts["realism"]["photographs"] == 11
    assert 0 <= found.facts["diversity"]["coverage"] <= 1
    assert not any(f"p{k}" in json.dumps(found.facts) for k in (10,))


def test_the_sample_is_bounded_and_drawn_by_seed(version):
    few = sample(open_dataset(version), seed=1, images=9)
    assert len(set(few.labels.tolist())) == 3 and len(few.pictures) == 9
    assert few.pictures.shape[1:] == (128, 128, 3) and not any(r["augmented"] for r in few.rows)
    again = sample(open_dataset(version), seed=1, images=9)
    assert np.array_equal(few.pictures, again.pictures)
