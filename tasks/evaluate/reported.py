"""An evaluation as a test report: arranged as ISO/IEC 29120-1 does, in the terms of ISO/IEC 19795-1."""

from collections.abc import Mapping
from typing import Any

from palm_models.measure.scores import CONFIDENCE, REPLICATES, RULE_OF

REPORT = "test_report.json"
BASIS = (
    "terms of ISO/IEC 19795-1, arranged after the test reports of ISO/IEC 29120-1:2022, which itself "
    "prescribes ASN.1: a reader of that encoding does not read this file"
)


def as_report(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `evaluate.answer` found, JSON-able: corpora, systems, and a result for each pair of them."""
    rows = [*found["trained"], *found["curve"]]
    return {
        "testReport": {
            "basis": BASIS,
            "evaluationType": "technology",
            "modality": "palm",
            "testTool": {"command": found["made"]["command"], "software": found["made"]["software"]},
            "corpora": [_corpus(test) for test in found["tests"]],
            "systems": [_system(found, row) for row in rows],
            "uncertainty": {
                "coverage": CONFIDENCE, "method": "bootstrap over biometric instances and trainings",
                "replicates": REPLICATES, "errorsExpectedAtLeast": RULE_OF,
            },
            "results": [
                {"system": s, "corpus": c, **_verification(r["verification"]),
                 **_identification(r["identification"])}
                for s, row in enumerate(rows) for c, r in enumerate(row["results"])
            ],
        }
    }  # fmt: skip


def _corpus(test: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": test["name"], "comparisons": test["protocol"], "biometricInstances": test["identities"],
        "samples": test["images"], "samplesNotAcquired": len(test["rejects"]), "note": test["note"],
    }  # fmt: skip


def _system(found: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    kind = next(r for r in found["recognisers"] if r["name"] == row["recogniser"])
    return {
        "name": row["recogniser"], "algorithm": kind["summary"], "source": kind["source"],
        "settings": kind["settings"], "trainedOn": row["name"] if kind["learns"] else None,
        "trainingInstances": row["identities"], "trainingSamples": row["images"],
        "trainings": [{"seed": t["seed"], "converged": t["converged"]} for t in row["training"]],
    }  # fmt: skip


def _verification(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "matedComparisonTrials": found["genuine_pairs"],
        "nonMatedComparisonTrials": found["impostor_pairs"],
        "equalErrorRate": found["eer"],
        "falseNonMatchRates": [
            {"falseMatchRate": float(fmr), "falseNonMatchRate": rate} for fmr, rate in found["fnmr"].items()
        ],
        "notSupported": [
            {"falseMatchRate": float(fmr), "nonMatedComparisonTrialsNeeded": pairs}
            for fmr, pairs in found["refused"].items()
        ],
        "detCurve": [{"falseMatchRate": x, "falseNonMatchRate": y} for x, y in found["det"]],
    }


def _identification(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "enrolledReferences": found["gallery"],
        "identificationTransactions": found["searches"],
        "closedSetRankOne": found["rank_one"],
        "openSet": [
            {"falsePositiveIdentificationRate": float(fpir), "falseNegativeIdentificationRate": rate}
            for fpir, rate in found["fnir"].items()
        ],
    }
