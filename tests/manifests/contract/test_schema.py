"""The manifest's columns are those of the contract, documented, and described to Hugging Face as they are."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.contract.schema import (
    COLUMNS,
    REQUIRED,
    SCHEMA_VERSION,
    WRITTEN,
    SchemaError,
    check_shard,
    data_schema,
    identities_schema,
    manifest_schema,
    markdown_table,
    parameter_fields,
    read_metadata,
)

CONTRACT = {
    *("sample_id", "identity_id", "label", "subject_id", "hand", "capture", "split", "augmented"),
    *(
        "parent_sample_id",
        "view",
        "width",
        "height",
        "file_name",
        "shard",
        "row",
        "sha256",
        "landmarks",
        "engine",
    ),
    *("checkpoint", "identity_seed", "capture_seed", "source_dataset", "source_license", "synthetic"),
    *("dataset_version", "created_at"),
}
PARAMETERS = [pa.field("identity_skin_tone", pa.float64()), pa.field("capture_light", pa.string())]


def test_no_column_of_the_contract_is_missing():
    assert set(manifest_schema([], {}).names) >= CONTRACT


def test_every_column_says_what_it_means_once():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert all(column.meaning for column in COLUMNS)
    assert {c.unit for c in COLUMNS if c.name in ("width", "height", "landmarks")} == {"px"}
    table = markdown_table(PARAMETERS, {"identity_skin_tone": "individual typology angle, degrees"})
    assert "| `identity_skin_tone` | double |  | individual typology angle, degrees |" in table
    assert all(f"| `{name}` |" in table for name in [*names, "image", "capture_light"])
    assert {line.count("|") for line in table.splitlines()} == {5}


def test_data_is_the_manifest_with_the_image():
    manifest, data = manifest_schema(PARAMETERS, {}), data_schema(PARAMETERS, {})
    assert data.names == [*manifest.names, "image"]
    assert data.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert "identity_skin_tone" in identities_schema(PARAMETERS, {}).names
    assert "capture_light" not in identities_schema(PARAMETERS, {}).names


def test_hugging_face_features_describe_every_column():
    schema = data_schema(PARAMETERS, {})
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"_type": "Value", "dtype": "int64"}
    assert features["identity_skin_tone"] == {"_type": "Value", "dtype": "float64"}
    assert features["landmarks"]["feature"] == {"_type": "Value", "dtype": "float32"}


def test_metadata_comes_back():
    schema = manifest_schema([], {"version": "v1", "content": "c"})
    assert read_metadata("m", schema) == {"schema_version": SCHEMA_VERSION, "version": "v1", "content": "c"}


def test_a_shard_without_a_column_is_refused_by_name():
    fields = [(c.name, c.type) for c in COLUMNS if c.name not in ("hand", *WRITTEN)]
    with pytest.raises(SchemaError, match=r"s\.parquet: the shard lacks the columns hand, image"):
        check_shard("s.parquet", pa.schema(fields))
    assert not set(REQUIRED) & set(WRITTEN)


kinds = st.sampled_from([pa.null(), pa.int64(), pa.float64()])


@given(st.lists(kinds, min_size=1, max_size=6))
def test_parameter_types_unify_whatever_the_order(types):
    def unified(order):
        schemas = [
            (str(i), pa.schema([("identity_x", t), ("sample_id", pa.string())])) for i, t in enumerate(order)
        ]
        (field,) = parameter_fields(schemas)
        return field.type

    expected = pa.float64() if pa.float64() in types else pa.int64() if pa.int64() in types else pa.string()
    assert unified(types) == unified(types[::-1]) == expected
