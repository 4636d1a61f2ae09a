"""Describes a version in Croissant 1.1, the metadata format that dataset search engines and loaders read."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from manifests.contract.schema import COLUMNS, IMAGE, IMAGE_COLUMN, PAIR_COLUMNS, SCHEMA_VERSION
from manifests.files.layout import IDENTITIES, MANIFEST, MEASURES, PAIRS, REJECTS, SHARD_NAME
from manifests.publish.card import CardFacts

PARQUET = "application/x-parquet"  # what mlcroissant and Hugging Face know it by
IMAGES, FILES, COMPARISONS = "images", "data-files", "pairs"  # record set, file set, record set
LANDMARK_COUNT = 21
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe(
    metadata: Mapping[str, Any],
    card: CardFacts,
    parameters: Iterable[pa.Field],
    checksums: Mapping[str, tuple[str, int]],
) -> dict[str, Any]:
    """The Croissant document of a version, JSON-able.

    `metadata`: dataset, version and created_at; `checksums`: file of the version -> (sha256, bytes).
    """
    shards = [name for name in sorted(checksums) if SHARD_NAME.match(name)]
    named = [name for name in (MANIFEST, IDENTITIES, PAIRS, REJECTS, MEASURES) if name in checksums]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": metadata["dataset"],
        "description": "Identity-labelled synthetic palms for training palm recognisers.",
        "version": _semantic(metadata["version"]),
        "datePublished": metadata["created_at"],
        "license": card.source_license or "not stated: README.md says what is known",
        "creator": {"@type": "sc:Organization", "name": "palmforge"},
        "url": f"urn:sha256:{metadata['content']}",
        "citeAs": f"palmforge {metadata['dataset']} {metadata['version']} (sha256 {metadata['content']})",
        "keywords": ["synthetic", "palmprint", "palm recognition", "biometrics"],
        "isLiveDataset": False,
        **_responsible(card),
        "distribution": [
            *(_file_object(name, *checksums[name]) for name in (*named, *shards)),
            {
                "@type": "cr:FileSet",
                "@id": FILES,
                "name": FILES,
                "description": "the images with their manifest rows, by split",
                "encodingFormat": PARQUET,
                "includes": "data/*.parquet",
            },
        ],
        "recordSet": [_record_set(parameters, card.parameters), _pairs()],
    }


def _responsible(card: CardFacts) -> dict[str, Any]:
    """Croissant's vocabulary for responsible AI: that the data are synthetic, and what they are good for."""
    return {
        "rai:hasSyntheticData": True,
        "rai:syntheticDataExplanation": (
            "Every image is synthetic and says so in its XMP (IPTC digital source type "
            "trainedAlgorithmicMedia) and in the column `synthetic`; none shows the hand of a real person."
        ),
        "rai:dataCollection": _collection(card),
        "rai:dataCollectionType": ["Software Collection"],
        "rai:dataAnnotationProtocol": [
            "Labels, landmarks and parameters are those the images were drawn from."
        ],
        "rai:machineAnnotationTools": ["palmforge"],
        "rai:dataUseCases": ["Training palm recognisers, and testing them before they meet real palms."],
        "rai:dataLimitations": [
            "Synthetic palms do not stand for the diversity of real hands: test on real palms before you "
            "rely on a recogniser."
        ],
        "rai:personalSensitiveInformation": "None: every identity is synthetic.",
    }


def _collection(card: CardFacts) -> str:
    learned = f" that learned from the photographs of {card.source_dataset}" if card.source_dataset else ""
    return f"Drawn from explicit parameters by the engine {card.engine}{learned}."


def _semantic(version: str) -> str:
    """The version as semver.org writes it, which Croissant asks for: ours behind the plus."""
    return f"{SCHEMA_VERSION}.0.0+{re.sub('[^0-9A-Za-z.-]', '-', version)}"


def _file_object(name: str, sha256: str, size: int) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": PARQUET if name.endswith(".parquet") else "application/json",
        "sha256": sha256,
    }


def _pairs() -> dict[str, Any]:
    """The verification pairs, as records of their own."""
    return {
        "@type": "cr:RecordSet",
        "@id": COMPARISONS,
        "name": COMPARISONS,
        "description": "one record a comparison: mated and non-mated pairs of images",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{COMPARISONS}/{column.name}",
                "name": column.name,
                "description": column.meaning,
                "dataType": _data_type(column.type),
                "source": {"fileObject": {"@id": PAIRS}, "extract": {"column": column.name}},
            }
            for column in PAIR_COLUMNS
        ],
    }


def _record_set(parameters: Iterable[pa.Field], meanings: Mapping[str, str]) -> dict[str, Any]:
    columns = [(c.name, c.type, c.meaning) for c in (*COLUMNS, IMAGE_COLUMN)]
    columns += [(f.name, f.type, meanings.get(f.name, "")) for f in parameters]
    return {
        "@type": "cr:RecordSet",
        "@id": IMAGES,
        "name": IMAGES,
        "description": "one record an image",
        "key": {"@id": f"{IMAGES}/sample_id"},
        "field": [_field(*column) for column in columns],
    }


def _field(name: str, kind: pa.DataType, meaning: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": FILES}, "extract": {"column": name}}
    if kind == IMAGE:
        source["transform"] = {"jsonPath": "bytes"}
    described = {"description": meaning} if meaning else {}
    array = {"isArray": True, "arrayShape": str(2 * LANDMARK_COUNT)} if pa.types.is_list(kind) else {}
    return {
        "@type": "cr:Field",
        "@id": f"{IMAGES}/{name}",
        "name": name,
        **described,
        "dataType": _data_type(kind),
        **array,
        "source": source,
    }


def _data_type(kind: pa.DataType) -> str:
    if kind == IMAGE:
        return "sc:ImageObject"
    if pa.types.is_list(kind):
        return _data_type(kind.value_type)
    if pa.types.is_integer(kind):
        return "cr:Int64"
    if pa.types.is_floating(kind):
        return "cr:Float32" if kind == pa.float32() else "cr:Float64"
    return "sc:Boolean" if pa.types.is_boolean(kind) else "sc:Text"
