"""The columns of the manifest: names, types, units and meanings, and how they are stored in Parquet."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from manifests.words import PalmforgeError

SCHEMA_VERSION = 1  # rises when a column goes or changes its meaning, not when one is added
METADATA_KEY = b"palmforge"  # Parquet key-value metadata: schema version, version, content, recipe digest
PARAMETER_PREFIXES = ("identity_", "capture_")
IDENTITY_ONLY = ("identity_parameters",)  # long; kept once an identity, in identities.parquet alone


class SchemaError(PalmforgeError):
    """A table that is not what the contract says; the message names the file and the column."""


class Column(NamedTuple):
    """One column of the manifest."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


LANDMARKS = pa.list_(pa.field("element", pa.float32()))
IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])

COLUMNS = (
    Column("sample_id", pa.string(), "", "names the image; unique in the dataset"),
    Column("identity_id", pa.string(), "", "one hand of one subject: the class a recogniser learns"),
    Column("label", pa.int64(), "", "the identity as a number: 0, 1, 2, … over the whole dataset"),
    Column("split_label", pa.int64(), "", "the identity as a number: 0, 1, 2, … within its split"),
    Column("subject_id", pa.string(), "", "the synthetic person; both hands of a subject are in one split"),
    Column("hand", pa.string(), "", "left or right; images are never mirrored"),
    Column("capture", pa.int64(), "", "number of the act of photographing within the identity"),
    Column("split", pa.string(), "", "train, validation or test"),
    Column("augmented", pa.bool_(), "", "true for an image derived from another by augmentation"),
    Column("parent_sample_id", pa.string(), "", "the image an augmented one is derived from; else null"),
    Column("augmentation", pa.string(), "JSON", "the transforms applied with their parameters; else null"),
    Column("view", pa.string(), "", "palm (region of interest) or hand (whole hand with fingers)"),
    Column("width", pa.int64(), "px", "width of the image"),
    Column("height", pa.int64(), "px", "height of the image"),
    Column("file_name", pa.string(), "", "name of the image when it is written to a file"),
    Column("shard", pa.string(), "", "the data file that holds the image, from the version's folder"),
    Column("row", pa.int64(), "", "row of the image in its shard, from 0"),
    Column("sha256", pa.string(), "hex", "SHA-256 of the image's bytes"),
    Column("landmarks", LANDMARKS, "px", "MediaPipe's 21 hand landmarks in the image: x0, y0, x1, y1, …"),
    Column("engine", pa.string(), "", "what drew the image: renderer, diffusion, …"),
    Column("checkpoint", pa.string(), "hex", "SHA-256 of the engine's weights; null when it has none"),
    Column("drawn_with", pa.string(), "JSON", "engine options, file format and transforms, to draw it again"),
    Column("identity_seed", pa.int64(), "", "root seed of the identity's draws"),
    Column("capture_seed", pa.int64(), "", "root seed of the capture's draws"),
    Column("synthetic", pa.bool_(), "", "true: no image shows a real hand"),
    Column(
        "source_dataset", pa.string(), "", "photographs the engine learned from; null when there are none"
    ),
    Column("source_license", pa.string(), "", "licence of those photographs"),
    Column("quality", pa.float32(), "", "0 to 1: how sharp, well exposed and unclipped; null if not judged"),
    Column("identity_score", pa.float32(), "", "cosine to references of its identity; null if not judged"),
    Column("leak_score", pa.float32(), "", "cosine to the nearest photograph at hand; null if not judged"),
    Column("merged_from", pa.string(), "", "dataset/version a merged row came from; else null"),
    Column("dataset_version", pa.string(), "", "the version this row was published in"),
    Column("created_at", pa.string(), "ISO 8601", "when the version was made, UTC"),
)
IMAGE_COLUMN = Column("image", IMAGE, "", "the encoded image (bytes) and its file name (path); in data/ only")

# The writer of a version sets these; every other column comes with the shards.
WRITTEN = ("label", "split_label", "file_name", "shard", "row", "dataset_version", "created_at")
JUDGED = ("quality", "identity_score", "leak_score")  # by the gates
# A shard may lack these: null then. A column that a later release adds belongs here, so that manifests
# of earlier releases stay readable under the same schema version.
OPTIONAL = ("augmentation", "source_dataset", "source_license", "drawn_with", "merged_from", *JUDGED)
REQUIRED = tuple(c.name for c in COLUMNS if c.name not in WRITTEN + OPTIONAL)

IDENTITY_COLUMNS = ("identity_id", "label", "split_label", "subject_id", "hand", "split")
IMAGES = Column("images", pa.int64(), "", "images of the identity in the dataset")
PAIR_COLUMNS = (
    Column("sample_id_1", pa.string(), "", "an image"),
    Column("sample_id_2", pa.string(), "", "the image it is compared with"),
    Column("mated", pa.bool_(), "", "true for two captures of one identity, false for two subjects"),
    Column("split", pa.string(), "", "validation or test; both images are in it"),
    Column("view", pa.string(), "", "palm or hand; both images show it"),
    Column("cross_device", pa.bool_(), "", "taken by different kinds of devices; null where none is known"),
    Column(
        "cross_session",
        pa.bool_(),
        "",
        "mated, of different sessions; null for others and where none is known",
    ),
)

# Few values, often repeated: worth a dictionary. Ids are what readers filter on: worth statistics.
DICTIONARY = (
    *(
        "identity_id",
        "subject_id",
        "hand",
        "split",
        "parent_sample_id",
        "view",
        "shard",
        "engine",
        "checkpoint",
        "drawn_with",
    ),
    *("merged_from", "source_dataset", "source_license", "dataset_version", "created_at"),
)
STATISTICS = (
    *("sample_id", "identity_id", "label", "split_label", "subject_id", "hand", "capture", "split", "view"),
    *("shard", "row"),
)


def parameter_fields(schemas: Iterable[tuple[str, pa.Schema]]) -> list[pa.Field]:
    """The identity's and the capture's parameters that shards carry, (file, schema) each, in one common type.

    A parameter may be whole numbers in one shard and fractions in the next, or null throughout one.
    Raises SchemaError naming the shard whose columns do not fit the first one's.
    """
    known = {c.name for c in COLUMNS}
    common: pa.Schema | None = None
    for file, schema in schemas:
        fields = pa.schema(
            [f for f in schema if f.name.startswith(PARAMETER_PREFIXES) and f.name not in known]
        )
        if fields == common:
            continue
        if common is not None and set(fields.names) != set(common.names):
            odd = sorted(set(fields.names) ^ set(common.names))
            raise SchemaError(
                f"{file}: columns {', '.join(odd)} are not in every shard; draw the shards again"
            )
        try:
            common = (
                fields if common is None else pa.unify_schemas([common, fields], promote_options="permissive")
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SchemaError(
                f"{file}: parameter columns differ in type from other shards: {error}"
            ) from None
    return [_concrete(field) for field in common or ()]


def _concrete(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def check_shard(file: str, schema: pa.Schema) -> None:
    """Raise SchemaError naming the columns that a shard lacks."""
    missing = [name for name in (*REQUIRED, IMAGE_COLUMN.name) if name not in schema.names]
    if missing:
        raise SchemaError(f"{file}: the shard lacks the columns {', '.join(missing)}")


def per_image(parameters: Iterable[pa.Field]) -> list[pa.Field]:
    """The parameters that every image's row carries."""
    return [field for field in parameters if field.name not in IDENTITY_ONLY]


def manifest_schema(parameters: Iterable[pa.Field], metadata: Mapping[str, Any]) -> pa.Schema:
    """Schema of manifest.parquet: the columns above, then the parameters."""
    return _schema([*_fields(COLUMNS), *per_image(parameters)], metadata)


def data_schema(parameters: Iterable[pa.Field], metadata: Mapping[str, Any]) -> pa.Schema:
    """Schema of a data shard: the manifest's and the image, readable by Hugging Face `datasets` as such."""
    return _schema([*_fields(COLUMNS), *per_image(parameters), *_fields([IMAGE_COLUMN])], metadata)


def identities_schema(parameters: Iterable[pa.Field], metadata: Mapping[str, Any]) -> pa.Schema:
    """Schema of identities.parquet: one row an identity, with its parameters."""
    fields = [f for f in parameters if f.name.startswith("identity_")]
    return _schema([*_fields([*_named(*IDENTITY_COLUMNS, "identity_seed"), IMAGES]), *fields], metadata)


def pairs_schema(metadata: Mapping[str, Any]) -> pa.Schema:
    """Schema of pairs.parquet: one row a comparison of two images."""
    return _schema(_fields(PAIR_COLUMNS), metadata)


def _named(*names: str) -> list[Column]:
    by_name = {c.name: c for c in COLUMNS}
    return [by_name[name] for name in names]


def _fields(columns: Iterable[Column]) -> list[pa.Field]:
    return [pa.field(c.name, c.type) for c in columns]


def _schema(fields: list[pa.Field], metadata: Mapping[str, Any]) -> pa.Schema:
    features = {field.name: _feature(field.type) for field in fields}
    return pa.schema(
        fields,
        metadata={
            b"huggingface": _json({"info": {"features": features}}),
            METADATA_KEY: _json({"schema_version": SCHEMA_VERSION, **metadata}),
        },
    )


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """The type as Hugging Face `datasets` writes it."""
    if kind == IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    names = {pa.string(): "string", pa.bool_(): "bool", pa.float64(): "float64", pa.float32(): "float32"}
    return {"_type": "Value", "dtype": names.get(kind, str(kind))}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def read_metadata(file: str, schema: pa.Schema) -> dict[str, Any]:
    """What the writer recorded: schema_version, version, content, recipe_digest, created_at.

    Raises SchemaError when the file is not palmforge's, or of a schema version that this code does not know.
    """
    raw = (schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise SchemaError(f"{file}: not a palmforge table: its Parquet metadata has no `palmforge` entry")
    metadata: dict[str, Any] = json.loads(raw)
    version = metadata.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"{file}: unknown schema version {version}; this palmforge reads {SCHEMA_VERSION}: upgrade it"
        )
    return metadata


def markdown_table(
    parameters: Iterable[pa.Field] = (),
    meanings: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> str:
    """The columns as a Markdown table, those of the parameters with `meanings` and `units` by column name."""
    rows = [(c.name, _type_name(c.type), c.unit, c.meaning) for c in (*COLUMNS, IMAGE_COLUMN)]
    rows += [
        (f.name, _type_name(f.type), (units or {}).get(f.name, ""), (meanings or {}).get(f.name, ""))
        for f in parameters
    ]
    lines = [f"| `{name}` | {kind} | {unit} | {meaning} |" for name, kind, unit, meaning in rows]
    return "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *lines])


def _type_name(kind: pa.DataType) -> str:
    if kind == IMAGE:
        return "struct<bytes, path>"
    return "list<float>" if pa.types.is_list(kind) else str(kind)
